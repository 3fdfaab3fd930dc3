"""Every address of the console and of the sign-in, walked from the routes: signed out, without a role, in each role, and
without a CSRF token. What each role may open is in tests/partners/test_console_by_role.py; here is what nobody may."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, get_resolver

from partners import roles
from partners.models import User
from payos.kernel import tenancy
from tests.security.world import changed, fingerprint, furnish

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/login/"
# A person without a role is staff all the same: these say nothing about anybody's rows.
FOR_ALL_STAFF = {
    "/admin/",
    "/admin/logout/",
    "/admin/password_change/",
    "/admin/password_change/done/",
    "/admin/jsi18n/",
    "/admin/search/",
    "/admin/autocomplete/",
}
# Written by opening a page: the session, and the record that sensitive data were looked at.
LOOKING = ("django_session", "kernel_audit_event", "kernel_auditevent")


def routes(start: str) -> list[str]:
    def walk(patterns: Any, prefix: str) -> Iterator[str]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                yield path
            else:
                yield from walk(pattern.url_patterns, path)

    return [route for route in walk(get_resolver().url_patterns, "") if route.startswith(start)]


ADMIN, ACCOUNTS = routes("admin/"), routes("accounts/")
MODELS = {f"admin/{model._meta.app_label}/{model._meta.model_name}/": model for model in admin.site._registry}


def some_row(model: Any) -> Any:
    with tenancy.platform_scope():
        return model._default_manager.order_by("pk").first()


def address(route: str, rows: dict[str, Any]) -> str:
    """The route with a real row where it names one."""
    if route.startswith("admin/^(?P<app_label>"):
        return "/admin/settlement/"
    if route == "admin/(?P<url>.*)$":
        return "/admin/no-such-page/"
    row = next((rows[prefix] for prefix in MODELS if route.startswith(prefix) and rows.get(prefix) is not None), None)
    key = "00000000-0000-7000-8000-000000000000" if row is None else str(row.pk)
    if route.startswith("admin/console/branches/"):
        key = str(rows["branch"])
    if route.startswith("admin/console/workbench/"):
        key = str(rows["bank_account"])
    path = re.sub(r"<(uuid:key|path:object_id|path:content_type_id|id)>", lambda _: key, route)
    path = re.sub(r"<slug:format>", "csv", path)
    path = re.sub(r"<slug:act>", "claim", path)
    path = re.sub(r"<slug:name>", "unmatch" if "workbench" in route else "cases", path)
    path = path.replace("^confirm-email/(?P<key>[-:\\w]+)/$", "confirm-email/x/")
    path = path.replace("^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$", "password/reset/key/1-set-password/")
    assert not re.search(r"[<>^]", path), f"{route}: say how to fill it"
    return "/" + path


def batched(paths: list[str], size: int = 15) -> Iterator[list[str]]:
    """A few at a time between two looks at every table: enough to say where a write came from."""
    for start in range(0, len(paths), size):
        yield paths[start : start + size]


@pytest.fixture
def rows(db: Any, tmp_path: Any) -> dict[str, Any]:
    """A furnished world; by page, the first row of its table."""
    from partners.models import Branch, Partner
    from reconciliation.models import BankAccount

    call_command("seed_demo", file=str(tmp_path / "demo.json"))
    with tenancy.platform_scope(actor="test"):
        furnish(Partner.objects.get(slug="acme-lending"), False, "deskrow")
        furnish_desk()
        known: dict[str, Any] = {
            "branch": Branch.objects.order_by("pk").first().pk,
            "bank_account": BankAccount.objects.order_by("pk").first().pk,
        }  # type: ignore[union-attr]
    return known | {prefix: some_row(model) for prefix, model in MODELS.items()}


def furnish_desk() -> None:
    """What people and the clock would have left behind."""
    from ingestion.models import Connector, PaymentStaging
    from ingestion.services import process_all, run_connector
    from operations.services.golive import ask_go_live
    from partners.models import Partner
    from payos.kernel import clock
    from payos.kernel.breaker import Breaker
    from payos.kernel.heartbeat import say
    from payos.kernel.models import CalendarDay
    from reconciliation.models import BankAccount, Rule
    from reconciliation.services import prove

    partner = Partner.objects.get(slug="boreal-payouts")
    CalendarDay.objects.create(calendar="KE", day="2026-12-24", note="Gazetted")
    Breaker("a bank", threshold=1).failure("TimeoutError: no answer")
    say("worker:one", queue="default")
    connector = Connector.objects.create(partner=partner, name="tour", kind="http", config={"url": "http://127.0.0.1:49151/x"})
    run_connector(connector=connector)
    for amount in ("12.00", "-1"):
        PaymentStaging.objects.create(
            partner_id=partner.pk,
            reference_number=f"S{amount}",
            loan_account_number="L",
            amount=amount,
            payment_date=clock.now(),
            payment_channel="tour",
        )
    process_all(batch=10)
    account = BankAccount.objects.order_by("pk").first()
    assert account is not None
    prove(account=account, on=clock.now().date())
    Rule.objects.create(
        name="Tour",
        account=account,
        action="suggest",
        conditions=[{"field": "description", "operator": "contains", "value": "X"}],
    )
    ask_go_live(user=User.objects.get(username="admin"), partner=partner, reason="tour")


def signed_in(*groups: str, csrf: bool = False) -> Client:
    user = User.objects.create_user(f"tour-{uuid.uuid4().hex[:8]}", password="x" * 16, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(user)
    return client


def test_nothing_of_the_console_opens_to_somebody_signed_out(rows):
    before, wrong, nobody = fingerprint(), [], Client()
    for route in ADMIN:
        path = address(route, rows)
        for method in ("get", "post"):
            answer = getattr(nobody, method)(path)
            away = answer.status_code in {301, 302} and (answer["Location"].startswith(SIGN_IN) or answer["Location"].startswith("/admin/"))
            if not away and answer.status_code != 405:
                wrong.append(f"{method} {path}: {answer.status_code} {answer.get('Location', '')}")
    assert not wrong, "\n".join(wrong)
    assert changed(before, fingerprint()) == []


def test_a_person_without_staff_rights_opens_nothing(rows):
    user = User.objects.create_user("outsider", password="x" * 16, is_staff=False)
    user.groups.set(Group.objects.all())
    client = Client()
    client.force_login(user)
    before, wrong = fingerprint(), []
    for route in ADMIN:
        for method in ("get", "post"):
            answer = getattr(client, method)(address(route, rows))
            if answer.status_code == 200:
                wrong.append(f"{method} {address(route, rows)}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert changed(before, fingerprint(ignore=("django_session",))) in ([], ["django_session"])


def test_a_person_without_a_role_sees_nobodys_rows(rows):
    client, wrong = signed_in(), []
    before = fingerprint(ignore=LOOKING)
    for route in ADMIN:
        path = address(route, rows)
        if path == "/admin/logout/":
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(path)
            text = answer.content.decode("utf-8", "replace") if not answer.streaming else ""
            if answer.status_code == 200 and path not in FOR_ALL_STAFF:
                wrong.append(f"{method} {path}: 200")
            if "deskrow" in text:
                wrong.append(f"{method} {path}: shows a row")
            if answer.status_code >= 500:
                wrong.append(f"{method} {path}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert changed(before, fingerprint(ignore=LOOKING)) == []


def test_every_page_answers_to_somebody_who_may_all_and_looking_changes_nothing(rows):
    """All roles in one person, every address by GET: no fault, and no row is other than before."""
    client, wrong, before = signed_in(*roles.MATRIX), [], fingerprint(ignore=LOOKING)
    paths = [path for path in (address(route, rows) for route in ADMIN + ACCOUNTS) if path not in {"/admin/logout/", "/accounts/logout/"}]
    for few in batched(paths):
        wrong += [f"{path}: {answer.status_code}" for path in few if (answer := client.get(path)).status_code >= 500]
        after = fingerprint(ignore=LOOKING)
        if places := changed(before, after):
            wrong.append(f"one of {few}: a GET wrote to {places}")
        before = after
    assert not wrong, "\n".join(wrong)


def test_signing_out_takes_a_post():
    for path in ("/admin/logout/", "/accounts/logout/"):
        client = signed_in(*roles.MATRIX)
        client.get(path)
        assert client.get("/admin/").status_code == 200, f"GET {path} signed the person out"


def test_no_post_passes_without_its_token(rows):
    """Cross-site: the browser sends the cookie along and cannot know the token."""
    client, wrong = signed_in(*roles.MATRIX, csrf=True), []
    before = fingerprint(ignore=LOOKING)
    for route in ADMIN + ACCOUNTS:
        path = address(route, rows)
        for method in ("post", "put", "patch", "delete"):
            answer = getattr(client, method)(path, {"reason": "x", "_form_submitted": "True", "post": "yes"} if method == "post" else "")
            if answer.status_code != 403:
                wrong.append(f"{method} {path}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert changed(before, fingerprint(ignore=LOOKING)) == []


# The auditor's own tour is below; one role every day, the others with the slow tests.
@pytest.mark.parametrize(
    "role",
    [pytest.param(role, marks=() if role == roles.OPERATOR else pytest.mark.slow) for role in roles.MATRIX if role != roles.AUDITOR],
)
def test_what_a_role_may_not_open_it_may_not_post_to(rows, role):
    """Whatever answers 403 to a look answers 403 to a hand-made POST, and writes nothing."""
    client, wrong = signed_in(role), []
    before = fingerprint(ignore=LOOKING)
    for route in ADMIN:
        path = address(route, rows)
        if path == "/admin/logout/" or client.get(path).status_code != 403:
            continue
        answer = client.post(path, {"reason": "x", "_form_submitted": "True", "post": "yes", "name": "x"})
        if answer.status_code not in {403, 405}:
            wrong.append(f"{path}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
    assert changed(before, fingerprint(ignore=LOOKING)) == []


def test_an_auditor_posts_to_every_address_and_nothing_changes(rows):
    """With what a form would send, also to pages that an auditor may look at."""
    client, wrong, before = signed_in(roles.AUDITOR), [], fingerprint(ignore=LOOKING)
    form = {"reason": "because", "_form_submitted": "True", "post": "yes", "name": "x", "action": "delete_selected"}
    for few in batched(
        [path for path in (address(route, rows) for route in ADMIN) if path not in {"/admin/logout/", "/admin/password_change/"}]
    ):
        wrong += [f"{path}: {answer.status_code}" for path in few if (answer := client.post(path, form)).status_code >= 500]
        after = fingerprint(ignore=LOOKING)
        if places := changed(before, after):
            wrong.append(f"one of {few}: wrote to {places}")
        before = after
    assert not wrong, "\n".join(wrong)


def test_the_tour_meets_rows_in_the_pages_that_matter(rows):
    empty = {prefix for prefix in MODELS if rows[prefix] is None}
    assert len(MODELS) - len(empty) >= 35, f"too many pages were walked without a row: {sorted(empty)}"


def test_nobody_signs_himself_up(client):
    before = User.objects.count()
    client.post(
        "/accounts/signup/",
        {"username": "me", "email": "me@example.org", "password1": "long enough 1", "password2": "long enough 1"},
    )
    assert User.objects.count() == before


def test_nobody_is_sent_away_after_signing_in(db):
    User.objects.create_user("ann", password="correct horse battery", is_staff=True)
    for to in (
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "https:elsewhere.example",
    ):
        answer = Client().post(f"{SIGN_IN}?next={to}", {"login": "ann", "password": "correct horse battery", "next": to})
        assert answer.status_code == 302 and answer["Location"] == "/admin/", (to, answer["Location"])
