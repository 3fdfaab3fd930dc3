"""The way in for people: passwords, lock-out, second factor, the end of a session, and the headers of every page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from partners import services
from partners.models import User
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from payos.kernel.models import AuditEvent

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough pass phrase"


@pytest.fixture(autouse=True)
def fresh():
    cache.clear()


@pytest.fixture
def ann():
    return services.user_create(username="ann", password=PASSWORD, roles=("administrator",), email="ann@example.org")


def sign_in(client, password=PASSWORD, login="ann", **more):
    return client.post("/accounts/login/", {"login": login, "password": password}, **more)


def events(action):
    with tenancy.platform_scope():
        return list(AuditEvent.objects.filter(action=action).order_by("id"))


def test_by_user_name_and_by_address(client, ann):
    assert sign_in(client)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert sign_in(Client(), login="ANN@example.org").status_code == 302


def test_every_page_of_the_console_asks_first(client, db):
    for path in ("/admin/", "/admin/partners/partner/", "/admin/kernel/auditevent/", "/admin/login/"):
        answer = client.get(path, follow=True)
        assert answer.redirect_chain and answer.request["PATH_INFO"] == "/accounts/login/", path


def test_a_person_without_staff_rights_sees_nothing(client, ann):
    ann.is_staff = False
    ann.save()
    sign_in(client)
    assert client.get("/admin/").status_code == 302


class TestLockOut:
    def fail(self, client, times):
        for _ in range(times):
            assert sign_in(client, "wrong").status_code == 200

    def test_repeated_failures_lock_for_a_while(self, client, ann, settings):
        self.fail(client, settings.LOGIN_FAILURE_LIMIT)
        assert sign_in(client).status_code == 200  # the right password does not open it either
        assert client.get("/admin/").status_code != 200
        assert len(events("login.failed")) == settings.LOGIN_FAILURE_LIMIT and len(events("login.locked")) == 1
        assert events("login.failed")[0].ip == "127.0.0.1"
        with clock.travel(clock.now() + timedelta(minutes=settings.LOGIN_LOCK_MINUTES, seconds=1)):
            assert sign_in(client).status_code == 302

    def test_a_success_starts_the_count_anew(self, client, ann, settings):
        self.fail(client, settings.LOGIN_FAILURE_LIMIT - 1)
        assert sign_in(client).status_code == 302
        self.fail(Client(), settings.LOGIN_FAILURE_LIMIT - 1)
        assert sign_in(Client()).status_code == 302

    def test_an_emptied_cache_unlocks_nobody(self, client, ann, settings):
        self.fail(client, settings.LOGIN_FAILURE_LIMIT)
        cache.clear()
        assert sign_in(Client()).status_code == 200

    def test_failures_of_one_lock_only_that_one(self, client, ann, settings):
        services.user_create(username="bob", password=PASSWORD, roles=("operator",))
        self.fail(client, settings.LOGIN_FAILURE_LIMIT)
        assert sign_in(client, login="bob").status_code == 302

    def test_an_administrator_opens_it_and_says_why(self, client, ann, settings):
        self.fail(client, settings.LOGIN_FAILURE_LIMIT)
        services.user_unlock(user_id=ann.pk, reason="called back")
        assert sign_in(client).status_code == 302 and events("login.unlocked")[0].reason == "called back"

    def test_an_unknown_name_reads_like_a_wrong_password(self, client, ann):
        def said(answer):
            return answer.context["form"].errors.as_json()

        assert said(sign_in(client, "wrong")) == said(sign_in(client, "wrong", login="nobody-here"))

    def test_a_locked_name_reads_like_a_wrong_password(self, client, ann, settings):
        first = sign_in(client, "wrong").context["form"].errors.as_json()
        self.fail(client, settings.LOGIN_FAILURE_LIMIT)
        assert sign_in(client).context["form"].errors.as_json() == first


class TestSecondFactor:
    @pytest.fixture
    def secret(self, ann):
        secret = generate_totp_secret()
        TOTP.activate(ann, secret)
        return secret

    def code(self, secret):
        return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))

    def test_where_it_is_required_nothing_opens_without_it(self, client, ann, settings):
        settings.REQUIRE_SECOND_FACTOR = True
        sign_in(client)
        for path in ("/admin/", "/admin/partners/partner/", "/admin/password_change/"):
            assert client.get(path)["Location"] == reverse("mfa_activate_totp")
        posted = client.post("/admin/partners/partner/add/", {"name": "x"})
        assert posted["Location"] == reverse("mfa_activate_totp")

    def test_where_it_is_not_required_it_is_still_asked_of_who_has_one(self, client, ann, secret, settings):
        settings.REQUIRE_SECOND_FACTOR = False
        assert sign_in(client)["Location"].startswith(reverse("mfa_authenticate"))
        assert client.get("/admin/").status_code == 302  # half signed in is not signed in
        assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
        assert client.post(reverse("mfa_authenticate"), {"code": self.code(secret)}).status_code == 302
        assert client.get("/admin/").status_code == 200

    def test_a_code_is_good_once(self, client, ann, secret):
        code = self.code(secret)
        for browser, status in ((client, 302), (Client(), 200)):
            sign_in(browser)
            assert browser.post(reverse("mfa_authenticate"), {"code": code}).status_code == status

    def test_a_recovery_code_is_good_once(self, client, ann, secret):
        code = RecoveryCodes.activate(ann).get_unused_codes()[0]
        for browser, status in ((client, 302), (Client(), 200)):
            sign_in(browser)
            assert browser.post(reverse("mfa_authenticate"), {"code": code}).status_code == status

    def test_an_administrator_resets_it(self, client, ann, secret):
        services.user_reset_second_factor(user_id=ann.pk, reason="lost telephone")
        assert not Authenticator.objects.exists() and sign_in(client)["Location"] == "/admin/"
        assert events("person.second_factor_reset")[0].reason == "lost telephone"


class TestSessions:
    def test_it_ends_after_its_time(self, client, ann, settings):
        sign_in(client)
        assert client.get("/admin/").status_code == 200
        session = client.session
        from django.contrib.sessions.models import Session

        # Ends with the browser, and on our side after SESSION_HOURS whatever the browser keeps.
        assert client.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == ""
        row = Session.objects.get(pk=session.session_key)
        assert row.expire_date - clock.now() <= timedelta(seconds=settings.SESSION_COOKIE_AGE)
        Session.objects.filter(pk=row.pk).update(expire_date=clock.now() - timedelta(seconds=1))
        assert client.get("/admin/").status_code == 302

    def test_the_cookies_are_out_of_reach(self, client, ann, settings):
        sign_in(client)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        assert cookie["httponly"] and cookie["samesite"] == "Lax"

    def test_signing_out_ends_it(self, client, ann):
        sign_in(client)
        assert client.post("/admin/logout/")["Location"] == "/accounts/login/"
        assert client.get("/admin/").status_code == 302

    def test_a_new_password_ends_the_other_sessions(self, client, ann):
        other = Client()
        sign_in(client), sign_in(other)
        services.user_set_password(user=User.objects.get(pk=ann.pk), password=PASSWORD + "!", reason="test")
        assert client.get("/admin/").status_code == other.get("/admin/").status_code == 302

    def test_switching_a_person_off_ends_them(self, client, ann):
        sign_in(client)
        User.objects.update(is_active=False)
        assert client.get("/admin/").status_code == 302 and sign_in(Client())["Location"] != "/admin/"


class TestHeaders:
    def test_every_page_has_a_policy_and_only_the_console_may_evaluate(self, client, ann):
        plain = client.get("/accounts/login/")["Content-Security-Policy"]
        sign_in(client)
        console = client.get("/admin/")["Content-Security-Policy"]
        api = client.get("/v1/me")["Content-Security-Policy"]
        for policy in (plain, console, api):
            assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "object-src 'none'" in policy
            assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert "'unsafe-eval'" in console and "'unsafe-eval'" not in plain and "'unsafe-eval'" not in api

    def test_frames_and_types(self, client, db):
        answer = client.get("/accounts/login/")
        assert answer["X-Frame-Options"] == "DENY" and answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"

    def test_a_form_without_its_token_is_refused(self, ann):
        strict = Client(enforce_csrf_checks=True)
        assert sign_in(strict).status_code == 403
        strict.force_login(ann)
        assert strict.post("/admin/partners/partner/add/", {"name": "x"}).status_code == 403
        assert (
            strict.post(f"/admin/partners/user/{ann.pk}/unlock", {"reason": "x", "_form_submitted": "True"}, follow=True).status_code == 403
        )

    def test_nobody_signs_up(self, client, db):
        assert "There is no sign-up" in client.get("/accounts/signup/").content.decode()
        client.post("/accounts/signup/", {"email": "x@example.org", "username": "x", "password1": PASSWORD, "password2": PASSWORD})
        assert not User.objects.exists()

    @pytest.mark.parametrize(
        "path",
        [
            "/accounts/login/",
            "/accounts/password/reset/",
            "/accounts/logout/",
            "/accounts/2fa/",
            "/accounts/password/change/",
            "/accounts/2fa/recovery-codes/generate/",
            "/accounts/reauthenticate/",
            "/accounts/inactive/",
            "/accounts/email/",
        ],
    )
    def test_every_page_around_the_sign_in_stands(self, client, ann, path):
        TOTP.activate(ann, generate_totp_secret())
        client.force_login(ann)
        answer = client.get(path, follow=True)
        assert answer.status_code == 200 and "partners/account.css" in answer.content.decode() or "/admin/" in answer.request["PATH_INFO"]

    def test_pages_that_are_not_there(self, client, ann):
        assert "There is no such page" in client.get("/nothing").content.decode()
        client.force_login(ann)
        ann.groups.clear()
        refused = client.get("/admin/partners/apikey/")
        assert refused.status_code == 403 and "You may not see this page" in refused.content.decode()


class TestPeople:
    def test_an_unknown_role_says_which_there_are(self, db):
        with pytest.raises(Problem, match="auditor, compliance officer, operator, treasurer"):
            services.user_create(username="x", password=PASSWORD, roles=("king",))
        with pytest.raises(Problem):
            services.user_create(username="x", password=PASSWORD, roles=())

    def test_a_taken_name_is_refused(self, ann):
        with pytest.raises(Problem) as caught:
            services.user_create(username="ann", password=PASSWORD, roles=("auditor",))
        assert caught.value.code == "person_exists"

    def test_passwords_are_hashed(self, ann):
        assert PASSWORD not in ann.password and ann.check_password(PASSWORD) and not ann.is_superuser
