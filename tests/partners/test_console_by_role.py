"""The whole console walked as each role: every page answers, and only as the matrix says."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse

from partners import roles
from partners.models import ApiKey, Branch, Partner, User
from payos.kernel import audit, outbox, tenancy, unfold
from payos.kernel.breaker import Breaker
from payos.kernel.heartbeat import say
from payos.kernel.models import AuditEvent, CalendarDay, Circuit, OutboxEvent

pytestmark = pytest.mark.django_db
USERNAMES = {role: "compliance" if role == roles.COMPLIANCE else role for role in roles.MATRIX}
USERNAMES[roles.ADMINISTRATOR] = "admin"


@pytest.fixture
def demo(db, tmp_path):
    call_command("seed_demo", file=str(tmp_path / "demo.json"))
    with tenancy.platform_scope(actor="test"):
        partner = Partner.objects.get(slug="acme-lending")
        CalendarDay.objects.create(calendar="KE", day="2026-12-24", note="Gazetted")
        audit.record(action="looked", subject=partner, before={"a": 1}, after={"a": 2})
        Breaker("a bank", threshold=1).failure("TimeoutError: no answer")
        say("worker:one", queue="default")
        event = outbox.publish(topic="t", event_type="transfer.settled", aggregate_id="trf_1", payload={"a": 1}, partner_id=partner.pk)
        OutboxEvent.objects.filter(pk=event).update(parked_at="2026-11-01T00:00Z", attempts=5, error="KeyError: x")
    return partner


@pytest.fixture(params=list(roles.MATRIX))
def person(request, demo):
    user = User.objects.get(username=USERNAMES[request.param])
    client = Client()
    client.force_login(user)
    client.role = request.param
    known = [f"{app}.{code}" for app, code in Permission.objects.values_list("content_type__app_label", "codename")]
    client.may = set(roles.permissions_of(request.param, known))
    client.user = user
    return client


def dialog(**fields):
    """What a dialog posts: its fields and the mark that it was sent."""
    return {"_form_submitted": "True", **fields}


def registered():
    for model, page in admin.site._registry.items():
        yield model, page, f"{model._meta.app_label}_{model._meta.model_name}"


def address(name, page, *args):
    try:
        return reverse(f"admin:{name}_{page}", args=args)
    except NoReverseMatch:
        return ""


def some_row(model):
    with tenancy.platform_scope():
        return model._default_manager.order_by("pk").first()


def test_the_database_holds_what_the_matrix_says(person):
    assert person.user.get_all_permissions() == person.may


def test_every_page_answers_as_the_matrix_says(person):
    wrong = []
    for model, page, name in registered():
        label, what = model._meta.app_label, model._meta.model_name
        may = {verb: f"{label}.{verb}_{what}" in person.may for verb in ("view", "add", "change", "delete")}
        look = may["view"] or may["change"]

        def check(address, expected, name=name):
            if not address:  # a page of its own making may leave this one out
                return
            answer = person.get(address)
            if answer.status_code not in expected:
                wrong.append(f"{name} {address}: {answer.status_code}, expected {expected}")
            elif answer.status_code == 200 and b" object (" in answer.content:
                wrong.append(f"{name} {address}: shows a row as an object without a name")

        check(address(name, "changelist"), {200} if look else {403})
        if may["add"]:
            check(address(name, "add"), {200, 403})
        row = some_row(model)
        if row is None:
            continue
        check(address(name, "change", row.pk), {200} if look else {403})
        if may["delete"]:
            check(address(name, "delete", row.pk), {200, 403})
        if person.role == roles.ADMINISTRATOR:  # who sees everything; the way there is the same for all
            check(address(name, "changelist") + "?q=abc", {200, 302})
            check(address(name, "history", row.pk), {200})
        for action in [*page._get_base_actions_list()]:
            check(reverse(f"admin:{action.action_name}"), {200, 302} if _allowed(page, action, person) else {403})
        for action in [*page._get_base_actions_detail(), *page._get_base_actions_row()]:
            # An action that is allowed may still find that the row's state does not let it (a message and a way back).
            check(reverse(f"admin:{action.action_name}", args=[row.pk]), {200, 302} if _allowed(page, action, person) else {403})
        if not may["add"]:
            check(address(name, "add"), {403})
        if not may["delete"]:
            check(address(name, "delete", row.pk), {403})
    assert not wrong, "\n".join(wrong)


def _allowed(page, action, person):
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=person.user.pk)
    rules = getattr(action.method, "allowed_permissions", ())
    return all(getattr(page, f"has_{rule}_permission")(request) if "." not in rule else request.user.has_perm(rule) for rule in rules)


def test_every_action_of_a_page_asks_for_a_permission_and_shows_a_form_first(demo):
    """An action without a dialog runs on GET without a token; one without a permission runs for everybody."""
    for _, page, name in registered():
        for action in [*page._get_base_actions_list(), *page._get_base_actions_detail(), *page._get_base_actions_row()]:
            assert getattr(action.method, "allowed_permissions", ()), f"{name}: {action.action_name} asks for no permission"


def test_navigation_offers_only_pages_that_open(person):
    assert person.get("/admin/").status_code == 200
    request = person.get("/admin/").wsgi_request
    offered = [item for group in unfold.sidebar(request) for item in group["items"] if item["permission"](request)]
    assert offered
    for item in offered:
        assert person.get(item["link"]).status_code == 200, item["title"]


class Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.methods = []

    def handle_starttag(self, tag, attrs):
        if tag == "form":
            self.methods.append((dict(attrs).get("method", "get").lower(), dict(attrs).get("id", "")))


def test_an_auditor_reads_all_and_changes_nothing(demo):
    auditor = Client()
    auditor.force_login(User.objects.get(username="auditor"))
    key = some_row(ApiKey)
    before = Partner.objects.count()
    for model, page, name in registered():
        target = address(name, "add")
        assert not target or auditor.post(target, {"name": "x"}).status_code == 403, name
        row = some_row(model)
        if row is not None:
            for verb in ("delete", "change"):
                target = address(name, verb, row.pk)
                assert not target or auditor.post(target, {"post": "yes", "name": "x"}).status_code in {403, 405}, f"{name} {verb}"
            listing = Forms()
            listing.feed(auditor.get(reverse(f"admin:{name}_change", args=[row.pk])).content.decode())
            posting = [form for form in listing.methods if form[0] == "post" and form[1] != "logout-form"]
            assert len(posting) <= 1, f"{name}: a form that an auditor cannot use: {posting}"
            for action in page._get_base_actions_detail():
                answer = auditor.post(reverse(f"admin:{action.action_name}", args=[row.pk]), dialog(reason="because"))
                assert answer.status_code == 403, action.action_name
    assert auditor.post(reverse("admin:partners_apikey_revoke", args=[key.pk]), dialog(reason="x")).status_code == 403
    with tenancy.platform_scope():
        assert ApiKey.objects.get(pk=key.pk).revoked_at is None
    assert Partner.objects.count() == before


def test_no_role_is_a_superuser_and_none_can_make_one(demo):
    assert not User.objects.filter(is_superuser=True).exists()
    boss = Client()
    boss.force_login(User.objects.get(username="admin"))
    auditor = User.objects.get(username="auditor")
    form = {"username": "auditor", "is_active": "on", "is_staff": "on", "is_superuser": "on", "groups": [auditor.groups.get().pk]}
    form |= {"user_permissions": [Permission.objects.first().pk], "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    assert boss.post(reverse("admin:partners_user_change", args=[auditor.pk]), form).status_code == 302
    auditor.refresh_from_db()
    assert not auditor.is_superuser and not auditor.user_permissions.exists()


def test_changing_roles_is_audited(demo):
    boss = Client()
    boss.force_login(User.objects.get(username="admin"))
    auditor = User.objects.get(username="auditor")
    operator = User.objects.get(username="operator").groups.get()
    form = {"username": "auditor", "is_active": "on", "is_staff": "on", "groups": [operator.pk]}
    boss.post(reverse("admin:partners_user_change", args=[auditor.pk]), form, REMOTE_ADDR="203.0.113.7")
    with tenancy.platform_scope():
        event = AuditEvent.objects.get(action="person.roles")
    assert event.before == {"roles": ["auditor"]} and event.after == {"roles": ["operator"]}
    assert (event.actor, event.ip) == ("user:admin", "203.0.113.7") and event.request_id.startswith("req_")


@pytest.fixture
def boss(demo):
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    return client


def test_a_new_key_is_shown_once_and_kept_nowhere(boss, demo):
    form = dialog(partner=demo.pk, mode="test", name="mine", scopes="transfers:write payments:read")
    answer = boss.post(reverse("admin:partners_apikey_new_key"), form, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"] and answer["HX-Retarget"] == "#dialog"
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert secret not in boss.get(reverse("admin:partners_apikey_changelist")).content.decode()
    with tenancy.platform_scope():
        key = ApiKey.objects.get(name="mine")
        assert key.scopes == ["transfers:write", "payments:read"] and key.hashed != secret
        assert not any(secret in str(event.after) for event in AuditEvent.objects.filter(subject_id=str(key.pk)))


def test_a_live_key_waits_for_the_go_live(boss, demo):
    form = dialog(partner=demo.pk, mode="live", name="mine", scopes="*")
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/admin/partners/apikey/"}
    answer = boss.post(reverse("admin:partners_apikey_new_key"), form, headers=headers)
    assert answer.status_code == 204 and answer["HX-Redirect"] == "http://testserver/admin/partners/apikey/"
    assert "go-live" in boss.get("/admin/partners/apikey/").content.decode()
    with tenancy.platform_scope():
        assert not ApiKey.objects.filter(livemode=True).exists()


def test_a_dialog_of_a_foreign_page_is_not_followed_back(boss, demo):
    form = dialog(partner=demo.pk, mode="live", name="mine", scopes="*")
    headers = {"HX-Request": "true", "HX-Current-URL": "https://elsewhere.example/"}
    assert boss.post(reverse("admin:partners_apikey_new_key"), form, headers=headers)["HX-Redirect"] == "/admin/"


def test_rotate_and_revoke_keep_the_reason(boss, demo):
    key = some_row(ApiKey)
    assert boss.post(reverse("admin:partners_apikey_rotate", args=[key.pk]), dialog(reason="yearly")).status_code == 200
    assert boss.post(reverse("admin:partners_apikey_revoke", args=[key.pk]), dialog(reason="leaked")).status_code == 302
    with tenancy.platform_scope():
        reasons = list(AuditEvent.objects.filter(subject_id=str(key.pk), action="update").values_list("reason", flat=True))
        assert "yearly" in reasons and "leaked" in reasons
        assert ApiKey.objects.get(replaces=key).usable


def test_partners_and_branches_are_made_and_edited_on_their_pages(boss):
    form = {"name": "New Partner", "country": "KE", "timezone": "Africa/Nairobi", "currencies": "kes, USD", "active": "on"}
    assert boss.post(reverse("admin:partners_partner_add"), form).status_code == 302
    with tenancy.platform_scope():
        made = Partner.objects.get(slug="new-partner")
    assert made.currencies == ["KES", "USD"]
    assert "Unknown currency" in boss.post(reverse("admin:partners_partner_add"), form | {"currencies": "ZZZ"}).content.decode()
    again = boss.post(reverse("admin:partners_partner_add"), form, follow=True)
    assert "already a partner" in again.content.decode()
    branch = {
        "partner": made.pk,
        "mode": "live",
        "code": "A1",
        "name": "One",
        "timezone": "Africa/Nairobi",
        "holding_days": 2,
        "active": "on",
    }
    assert boss.post(reverse("admin:partners_branch_add"), branch).status_code == 302
    with tenancy.platform_scope():
        row = Branch.objects.get(code="A1")
    assert row.livemode and row.holding_days == 2
    change = reverse("admin:partners_branch_change", args=[row.pk])
    assert boss.post(change, {"name": "Two", "timezone": "UTC", "holding_days": 3, "active": "on", "code": "ZZ"}).status_code == 302
    with tenancy.platform_scope():
        row = Branch.objects.get(pk=row.pk)
    assert (row.name, row.holding_days, row.code, row.livemode) == ("Two", 3, "A1", True)


def test_parked_events_and_open_circuits_are_mended_by_hand(boss):
    event = some_row(OutboxEvent)
    assert "KeyError" in boss.get(reverse("admin:kernel_outboxevent_changelist") + "?state=parked").content.decode()
    boss.post(reverse("admin:kernel_outboxevent_retry", args=[event.pk]), dialog(reason="mended"))
    boss.post(reverse("admin:kernel_circuit_reset", args=["a bank"]), dialog(reason="they said it works"))
    with tenancy.platform_scope():
        assert OutboxEvent.objects.get(pk=event.pk).parked_at is None
        assert AuditEvent.objects.get(action="event.retried").reason == "mended"
        assert AuditEvent.objects.get(action="circuit.reset").reason == "they said it works"
    assert Circuit.objects.get().opened_at is None


def test_the_holiday_page_shows_what_is_known_and_a_closure_counts_at_once(boss):
    from datetime import date

    from payos.kernel import calendars

    assert "Known closures" in boss.get(reverse("admin:kernel_calendarday_changelist")).content.decode()
    assert calendars.is_business_day("KE", date(2027, 3, 3))
    form = {"calendar": "KE", "day": "2027-03-03", "closed": "on", "note": "Gazetted"}
    assert boss.post(reverse("admin:kernel_calendarday_add"), form).status_code == 302
    assert not calendars.is_business_day("KE", date(2027, 3, 3))
