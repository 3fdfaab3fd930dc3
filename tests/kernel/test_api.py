"""The shell of the API: keys, modes, versions, problems, limits, pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.db.transaction import Atomic
from django.test import Client

from partners import services
from partners.models import ApiKey, Branch, Partner
from payos.kernel import clock, redis, tenancy, throttling
from tests.conftest import client_for

pytestmark = pytest.mark.django_db


def test_unknown_address_is_a_problem(api):
    answer = api.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("application/problem+json")
    assert answer.json()["code"] == "not_found"
    assert answer["Request-Id"].startswith("req_")


def test_health(client):
    assert client.get("/healthz").content == b"ok\n"
    assert client.get("/readyz").json()["checks"]["database"]["ok"]


def test_me_says_who_for_whom_and_in_which_mode(api, partner):
    body = api.get("/v1/me").json()
    assert body["livemode"] is False and body["partner"]["id"] == partner.public_id
    assert body["key"]["id"] == api.key.public_id and body["key"]["scopes"] == ["*"]
    assert api.secret not in str(body) and body["key"]["prefix"] == api.secret[:12]


class TestKeys:
    @pytest.mark.parametrize(
        ("header", "code"),
        [
            (None, "authentication_required"), ("", "authentication_required"), ("Bearer", "authentication_required"),
            ("Bearer ", "authentication_required"), ("Basic dXNlcjpwYXNz", "authentication_required"),
            ("Bearer sk_test_wrong", "key_revoked"), ("Bearer nonsense", "key_revoked"), ("Bearer sk_test_" + "x" * 500, "key_revoked"),
            ("Bearer sk_test_é", "key_revoked"),
        ],
    )  # fmt: skip
    def test_a_missing_or_wrong_key(self, db, header, code):
        answer = Client().get("/v1/me", headers={"Authorization": header} if header is not None else {})
        assert answer.status_code == 401 and answer.json()["code"] == code
        assert answer["WWW-Authenticate"].startswith("Bearer")

    def test_a_revoked_key_an_expired_key_and_an_inactive_partner(self, api, partner):
        assert api.get("/v1/me").status_code == 200
        with clock.travel(clock.now() + timedelta(days=1)), tenancy.platform_scope():
            ApiKey.objects.filter(pk=api.key.pk).update(expires_at=clock.now() - timedelta(seconds=1))
            assert api.get("/v1/me").status_code == 401
            ApiKey.objects.filter(pk=api.key.pk).update(expires_at=None)
            assert api.get("/v1/me").status_code == 200
            Partner.objects.filter(pk=partner.pk).update(active=False)
            assert api.get("/v1/me").status_code == 401
            Partner.objects.filter(pk=partner.pk).update(active=True)
            services.api_key_revoke(key=api.key, reason="test")
            assert api.get("/v1/me").status_code == 401

    def test_rotation_overlaps(self, api):
        with tenancy.platform_scope():
            successor, secret = services.api_key_rotate(key=api.key)
        assert api.get("/v1/me").status_code == 200
        new = Client().get("/v1/me", headers={"Authorization": f"Bearer {secret}"})
        assert new.json()["key"]["id"] == successor.public_id and new.json()["key"]["replaces"] == api.key.public_id
        with clock.travel(clock.now() + timedelta(hours=25)):
            assert api.get("/v1/me").status_code == 401
            assert Client().get("/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 200

    def test_the_secret_is_kept_as_a_keyed_hash_only(self, api, superuser, settings):
        with tenancy.platform_scope():
            key = ApiKey.objects.get(pk=api.key.pk)
        assert api.secret not in str(key.__dict__) and len(key.hashed) == 64
        assert services.api_key_find(api.secret).pk == key.pk
        settings.PAYOS_HASH_KEY = "another" * 10
        assert services.api_key_find(api.secret) is None

    def test_scopes(self, partner):
        reader = client_for(partner, scopes=("branches:read",))
        assert reader.get("/v1/branches").status_code == 200
        refused = reader.post("/v1/branches", {"code": "A", "name": "A"})
        assert refused.status_code == 403 and "branches:write" in refused.json()["detail"]
        assert reader.get("/v1/keys").status_code == 403 and reader.get("/v1/me").status_code == 200
        assert client_for(partner, scopes=("branches:*",)).post("/v1/branches", {"code": "A", "name": "A"}).status_code == 201

    def test_last_use_is_noted_now_and_then(self, api):
        def used():
            with tenancy.platform_scope():
                return ApiKey.objects.get(pk=api.key.pk).last_used_at

        assert used() is None
        api.get("/v1/me")
        first = used()
        api.get("/v1/me")
        assert first is not None and used() == first
        with clock.travel(clock.now() + timedelta(minutes=6)):
            api.get("/v1/me")
            assert used() > first

    def test_keys_are_listed_without_secrets(self, api):
        listed = api.get("/v1/keys").json()
        assert [key["id"] for key in listed["data"]] == [api.key.public_id] and api.secret not in str(listed)


def test_live_and_test_data_never_meet(partner):
    with tenancy.platform_scope():
        partner.live_enabled = True
        partner.save()
    test, live = client_for(partner), client_for(partner, livemode=True)
    assert live.secret.startswith("sk_live_") and test.secret.startswith("sk_test_")
    made = live.post("/v1/branches", {"code": "A", "name": "Live"}).json()
    assert made["livemode"] is True
    assert test.get("/v1/branches").json()["data"] == [] and test.get(f"/v1/branches/{made['id']}").status_code == 404
    assert live.get(f"/v1/branches/{made['id']}").status_code == 200
    assert test.post("/v1/branches", {"code": "A", "name": "Test"}).status_code == 201  # the same code, the other mode


def test_another_tenants_row_reads_like_one_that_never_was(api, other_partner):
    foreign = client_for(other_partner).post("/v1/branches", {"code": "A", "name": "A"}).json()["id"]
    answer = api.get(f"/v1/branches/{foreign}")
    absent = api.get("/v1/branches/brn_01h455vb4pex5vsknk084sn02q")
    assert answer.status_code == absent.status_code == 404
    assert answer.json()["detail"].replace(foreign, "X") == absent.json()["detail"].replace("brn_01h455vb4pex5vsknk084sn02q", "X")
    assert api.post("/v1/branches", {"code": "A", "name": "A"}).status_code == 201  # and its codes do not stand in the way


class TestBodies:
    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "/code"), ({"code": "A"}, "/name"), ({"code": "", "name": "x"}, "/code"), ({"code": " ", "name": "x"}, "/code"),
            ({"code": "A", "name": "   "}, "/name"), ({"code": "A", "name": 5}, "/name"), ({"code": "A" * 41, "name": "x"}, "/code"),
            ({"code": "A", "name": "x", "holding_days": "1"}, "/holding_days"), ({"code": "A", "name": "x", "holding_days": 1.0}, "/holding_days"),
            ({"code": "A", "name": "x", "holding_days": -1}, "/holding_days"), ({"code": "A", "name": "x", "holding_days": True}, "/holding_days"),
            ({"code": "A", "name": "x", "holding_days": 10**30}, "/holding_days"),
            ({"code": "A", "name": "x", "timezone": "Mars/Olympus"}, "/timezone"), ({"code": "A", "name": "x", "colour": "red"}, "/colour"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_pointed_at_and_leaves_nothing(self, api, body, pointer):
        answer = api.post("/v1/branches", body)
        assert answer.status_code == 400 and answer.json()["code"] == "invalid_request"
        assert pointer in {error["pointer"] for error in answer.json()["errors"]}
        with tenancy.platform_scope():
            assert not Branch.objects.exists()

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"{",
            b"[1,2]",
            b'"text"',
            b"null",
            b"\xff\xfe",
            b'{"code": NaN}',
            b'{"a":"\\u0000"}',
            b"[" * 5000,
            b'{"a":' * 40 + b"1" + b"}" * 40,
        ],
    )
    def test_a_body_that_is_no_object(self, api, raw):
        answer = api.generic("POST", "/v1/branches", raw, content_type="application/json")
        assert answer.status_code == 400 and answer["Content-Type"].startswith("application/problem+json")

    def test_too_large(self, api, settings):
        settings.API_MAX_BODY = 1024
        answer = api.generic("POST", "/v1/branches", b'{"a": "' + b"x" * 2000 + b'"}', content_type="application/json")
        assert answer.status_code == 413 and "1024" in answer.json()["detail"]

    def test_another_type(self, api):
        assert api.generic("POST", "/v1/branches", b"a=1", content_type="application/x-www-form-urlencoded").status_code == 415

    def test_another_method_and_another_answer(self, api):
        assert api.delete("/v1/branches").json()["code"] == "method_not_allowed"
        answer = api.get("/v1/me", headers={"Accept": "text/csv"})
        assert answer.status_code == 406 and answer.json()["code"] == "not_acceptable"

    def test_a_taken_code(self, api):
        assert api.post("/v1/branches", {"code": "A", "name": "A"}).status_code == 201
        again = api.post("/v1/branches", {"code": "A", "name": "A"})
        assert again.status_code == 422 and again.json()["code"] == "branch_exists"


class TestVersions:
    def test_the_pinned_version_is_echoed(self, api):
        assert api.get("/v1/me")["PayOS-Version"] == "2026-11-01"

    def test_another_known_version_for_one_request(self, api, settings):
        settings.API_VERSIONS = ["2026-11-01", "2027-01-01"]
        assert api.get("/v1/me", headers={"PayOS-Version": "2027-01-01"})["PayOS-Version"] == "2027-01-01"
        assert api.get("/v1/me")["PayOS-Version"] == "2026-11-01"

    def test_an_unknown_version(self, api):
        answer = api.get("/v1/me", headers={"PayOS-Version": "1999-01-01"})
        assert answer.status_code == 400 and answer.json()["code"] == "version_unknown" and "2026-11-01" in answer.json()["detail"]


class TestPages:
    @pytest.fixture
    def many(self, api):
        return [api.post("/v1/branches", {"code": f"B{n}", "name": "x"}).json()["id"] for n in range(7)]

    def test_walking_forth_and_back_meets_every_row_once(self, api, many):
        seen, after = [], ""
        for _ in range(10):
            page = api.get(f"/v1/branches?limit=3{after}").json()
            assert page["object"] == "list" and page["url"] == "/v1/branches"
            seen += [row["id"] for row in page["data"]]
            if not page["has_more"]:
                break
            after = f"&starting_after={seen[-1]}"
        assert seen == many[::-1]
        back = api.get(f"/v1/branches?limit=3&ending_before={seen[-1]}").json()
        assert [row["id"] for row in back["data"]] == seen[3:6] and back["has_more"]
        assert not api.get(f"/v1/branches?limit=6&ending_before={seen[-1]}").json()["has_more"]

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=101",
            "limit=x",
            "limit=-1",
            "limit=٣",
            "limit=1.5",
            "limit=" + "9" * 5000,
            "limit=",
            "starting_after=x",
            "starting_after=trf_01h455vb4pex5vsknk084sn02q",
            "ending_before=%00",
        ],
    )
    def test_a_wrong_page(self, api, query):
        answer = api.get(f"/v1/branches?{query}")
        assert answer.status_code == 400 and answer.json()["errors"][0]["pointer"].startswith("?")

    def test_both_directions_at_once(self, api, many):
        assert api.get(f"/v1/branches?starting_after={many[0]}&ending_before={many[1]}").status_code == 400


class TestLimits:
    def test_what_is_left_is_told_and_too_much_is_refused(self, api, settings):
        settings.API_RATE_LIMIT, settings.API_RATE_WINDOW = 3, 3600
        answers = [api.get("/v1/me") for _ in range(5)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
        assert answers[0]["RateLimit-Policy"] == '"default";q=3;w=3600'
        assert [a["RateLimit"].split(";")[1] for a in answers] == ["r=2", "r=1", "r=0", "r=0", "r=0"]
        assert answers[3].json()["code"] == "rate_limited" and 1 <= int(answers[3]["Retry-After"]) <= 3600

    def test_a_key_may_have_its_own_limit(self, api):
        with tenancy.platform_scope():
            ApiKey.objects.filter(pk=api.key.pk).update(rate_limit=1)
        assert [api.get("/v1/me").status_code for _ in range(2)] == [200, 429]

    def test_without_redis_nobody_is_refused(self, api, settings, monkeypatch):
        import redis as library

        dead = library.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
        monkeypatch.setattr(redis, "client", lambda: dead)
        settings.API_RATE_LIMIT = 1
        assert [api.get("/v1/me").status_code for _ in range(3)] == [200, 200, 200]
        assert throttling._count("payos:any", 60) == 0


class TestFailures:
    def test_a_failure_of_ours_says_nothing_about_the_inside_and_keeps_nothing(self, api, monkeypatch):
        def broken(**kwargs):
            services_branch_create(**kwargs)
            raise RuntimeError("password=hunter2 in /etc/secret")

        services_branch_create = services.branch_create
        monkeypatch.setattr(services, "branch_create", broken)
        answer = api.post("/v1/branches", {"code": "A", "name": "A"})
        assert answer.status_code == 500 and answer.json()["code"] == "internal_error"
        assert "hunter2" not in answer.content.decode() and answer.json()["request_id"] == answer["Request-Id"]
        with tenancy.platform_scope():
            assert not Branch.objects.exists()

    def test_a_database_that_is_away_is_a_503(self, api, monkeypatch):
        def away(**kwargs):
            raise OperationalError("connection refused")

        monkeypatch.setattr(services, "branch_create", away)
        answer = api.post("/v1/branches", {"code": "A", "name": "A"})
        assert answer.status_code == 503 and answer.json()["code"] == "unavailable" and answer["Retry-After"]

    def test_a_database_that_cannot_begin_is_a_503_too(self, api, monkeypatch):
        def refuse(self):
            raise OperationalError("the server is starting up")

        monkeypatch.setattr(Atomic, "__enter__", refuse)
        answer = api.get("/v1/me")
        assert answer.status_code == 503 and answer["Content-Type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer["Request-Id"]

    def test_what_postgres_refuses_at_commit_is_a_problem_and_keeps_nothing(self, api, monkeypatch):
        leave = Atomic.__exit__

        def refuse(self, *error):
            leave(self, *error)
            if error == (None, None, None) and not connection.savepoint_ids[1:]:
                raise IntegrityError("the entries do not balance")

        monkeypatch.setattr(Atomic, "__exit__", refuse)
        answer = api.post("/v1/branches", {"code": "A", "name": "A"})
        assert answer.status_code == 500 and answer.json()["code"] == "internal_error" and "balance" not in str(answer.json())

    @pytest.mark.parametrize("given", ["short", "bad id with spaces", "x" * 65, "a\tb1234567"])
    def test_a_request_id_is_taken_over_only_when_it_is_one(self, api, given):
        assert api.get("/v1/me", headers={"Request-Id": "mine-1234567"})["Request-Id"] == "mine-1234567"
        assert api.get("/v1/me", headers={"Request-Id": given})["Request-Id"].startswith("req_")
