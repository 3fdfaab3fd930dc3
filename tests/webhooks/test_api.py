"""/v1/webhooks as a partner's developer uses it."""

from __future__ import annotations

import pytest
from standardwebhooks import Webhook

from payos.kernel.models import IdempotencyKey
from tests.conftest import client_for
from tests.webhooks.conftest import deliver, publish
from webhooks.models import Attempt, Delivery, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made(api, receiver):
    answer = api.post("/v1/webhooks", {"url": receiver.url("/ok"), "event_types": ["transfer.*"], "headers": {"X-Key": "hush"}})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_the_secret_is_shown_once_and_kept_nowhere_in_plain(api, made, superuser):
    assert made["secret"].startswith("whsec_")
    assert "secret" not in api.get(f"/v1/webhooks/{made['id']}").json()
    assert made["header_names"] == ["x-key"] and "hush" not in str(made)
    for table in ("webhooks_endpoint", "kernel_idempotency_key", "kernel_idempotencykey", "kernel_audit_event"):
        if superuser.execute("SELECT to_regclass(%s)", [table]).fetchone()[0]:
            kept = str(superuser.execute(f"SELECT json_agg(t) FROM {table} t").fetchone())
            assert made["secret"] not in kept, table
            assert "hush" not in kept, table


def test_the_same_request_again_shows_the_same_endpoint_and_secret(api, receiver):
    body, headers = {"url": receiver.url("/ok")}, {"Idempotency-Key": "make-one"}
    first = api.post("/v1/webhooks", body, headers=headers).json()
    again = api.post("/v1/webhooks", body, headers=headers)
    assert again.json() == first
    assert again["Idempotent-Replayed"] == "true"
    api.post(f"/v1/webhooks/{first['id']}/rotate-secret", {})
    assert "secret" not in api.post("/v1/webhooks", body, headers=headers).json(), "a rotated secret is not shown again"
    assert IdempotencyKey.objects.count() == 0, "without a scope nothing is seen"


def test_everything_wrong_is_said_at_once(api, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    answer = api.post(
        "/v1/webhooks",
        {"url": "https://user:pw@example.com/", "event_types": ["nothing.*"], "headers": {"Host": "x"}, "rate_limit": 0, "ordered": "yes"},
    )
    assert answer.status_code == 400
    pointers = {error["pointer"]: error["code"] for error in answer.json()["errors"]}
    assert pointers == {
        "/url": "url_credentials", "/event_types/0": "unknown_event_type", "/headers": "name", "/rate_limit": "range", "/ordered": "type",
    }  # fmt: skip


@pytest.mark.parametrize("body", [{"event_types": ["*"]}, {"url": 7}, {"url": "https://example.com", "colour": "red"}, {"url": None}])
def test_a_body_that_makes_no_sense_is_refused(api, body):
    assert api.post("/v1/webhooks", body).status_code == 400


def test_rotation_overlaps_and_the_new_secret_verifies(api, made, partner, receiver):
    answer = api.post(f"/v1/webhooks/{made['id']}/rotate-secret", {"overlap_seconds": 3600}).json()
    assert answer["secret"] != made["secret"]
    publish(partner)
    deliver()
    for secret in (made["secret"], answer["secret"]):
        Webhook(secret).verify(receiver.requests[0].body, receiver.requests[0].headers)


def test_a_test_shows_request_and_answer_and_verifies(api, made, receiver):
    answer = api.post(f"/v1/webhooks/{made['id']}/test", {"event_type": "transfer.failed"}).json()
    assert answer["succeeded"] and answer["response"]["body"] == '{"received":true}'
    body = Webhook(made["secret"]).verify(receiver.requests[0].body, receiver.requests[0].headers)
    assert body["event_type"] == "transfer.failed"
    assert receiver.requests[0].headers["payos-sample"] == "true"
    assert answer["curl"].startswith("curl --request POST ") and "hush" not in answer["curl"]
    detail = api.get(f"/v1/webhooks/deliveries/{answer['delivery_id']}").json()
    assert detail["sample"] and detail["status"] == "delivered" and len(detail["attempt_log"]) == 1
    assert api.post(f"/v1/webhooks/{made['id']}/test", {"event_type": "no.such"}).status_code == 400
    health = api.get(f"/v1/webhooks/{made['id']}").json()["health"]
    assert health["attempts"] == 0, "a sample is no evidence of health"


def test_a_test_of_a_hanging_endpoint_answers_in_bounded_time(api, receiver, monkeypatch):
    from webhooks import policy

    monkeypatch.setattr(policy, "SAMPLE_TIMEOUT_SECONDS", 0.3)
    made = api.post("/v1/webhooks", {"url": receiver.url("/hang")}).json()
    answer = api.post(f"/v1/webhooks/{made['id']}/test", {}).json()
    assert (answer["succeeded"], answer["error_code"], answer["response"]["status"]) == (False, "timeout", None)


def test_deliveries_and_events_are_listed_and_filtered(api, made, partner):
    events = publish(partner, count=3)
    deliver()
    found = api.get("/v1/webhooks/deliveries").json()
    assert [row["status"] for row in found["data"]] == ["delivered"] * 3
    subject = found["data"][0]["subject"]
    assert len(api.get("/v1/webhooks/deliveries", {"subject": subject}).json()["data"]) == 1
    assert len(api.get("/v1/webhooks/deliveries", {"event_id": found["data"][0]["event_id"]}).json()["data"]) == 1
    assert api.get("/v1/webhooks/deliveries", {"status": "dead"}).json()["data"] == []
    assert api.get("/v1/webhooks/deliveries", {"until": "2020-01-01T00:00:00Z"}).json()["data"] == []
    assert len(api.get(f"/v1/webhooks/{made['id']}/deliveries", {"since": "2020-01-01T00:00:00Z", "limit": 2}).json()["data"]) == 2
    listed = api.get("/v1/webhooks/events", {"type": "transfer.settled"}).json()["data"]
    assert len(listed) == len(events) == 3
    assert api.get(f"/v1/webhooks/events/{listed[0]['id']}").json()["body"]["transfer"]["status"] == "settled"
    detail = api.get(f"/v1/webhooks/deliveries/{found['data'][0]['id']}").json()
    assert detail["attempt_log"][0]["response_status"] == 200
    assert detail["request_body"].startswith('{"event_id":"evt_')
    health = api.get(f"/v1/webhooks/{made['id']}").json()["health"]
    assert (health["success_rate"], health["attempts"], health["backlog"]) == (1.0, 3, 0)


def test_a_subject_is_found_and_shown_by_its_public_id(api, made, partner):
    from payos.kernel import ids

    key = ids.uuid7()
    publish(partner, subject=f"transfer:{key}")
    publish(partner)
    wanted = ids.encode("trf", key)
    (row,) = api.get("/v1/webhooks/deliveries", {"subject": wanted}).json()["data"]
    (event,) = api.get("/v1/webhooks/events", {"subject": wanted}).json()["data"]
    assert row["subject"] == event["subject"] == wanted
    assert api.get("/v1/webhooks/deliveries", {"subject": "trf_x"}).json()["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "since=2026-01-01T00:00:00",
        "until=0001-01-01T00:00:00%2B14:00",
        "status=x",
        "event_id=trf_1",
        "subject=a%00b",
        "limit=0",
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(api, query):
    assert api.get(f"/v1/webhooks/deliveries?{query}").status_code == 400


def test_another_tenant_and_the_other_mode_see_nothing(api, made, partner, other_partner):
    publish(partner)
    deliver()
    (delivery,) = api.get("/v1/webhooks/deliveries").json()["data"]
    stranger = client_for(other_partner)
    for path in (f"/v1/webhooks/{made['id']}", f"/v1/webhooks/deliveries/{delivery['id']}", f"/v1/webhooks/events/{delivery['event_id']}"):
        assert api.get(path).status_code == 200
        assert stranger.get(path).status_code == 404
    for verb in ("test", "replay", "rotate-secret", "enable", "disable"):
        assert stranger.post(f"/v1/webhooks/{made['id']}/{verb}", {}).status_code == 404
    assert stranger.get("/v1/webhooks/deliveries").json()["data"] == []
    assert stranger.get("/v1/webhooks/events").json()["data"] == []


def test_scopes_are_asked_for(partner, made):
    reader = client_for(partner, scopes=("webhooks:read",))
    assert reader.get("/v1/webhooks").status_code == 200
    assert reader.post(f"/v1/webhooks/{made['id']}/disable", {}).status_code == 403


def test_change_and_remove(api, made, partner, receiver, platform):
    answer = api.patch(f"/v1/webhooks/{made['id']}", {"event_types": ["payment.*"], "description": "books", "retry_seconds": [5, 10]})
    assert answer.json()["event_types"] == ["payment.*"] and answer.json()["retry_seconds"] == [5, 10]
    publish(partner)
    assert deliver() == 0
    assert api.delete(f"/v1/webhooks/{made['id']}").status_code == 204
    assert api.get(f"/v1/webhooks/{made['id']}").status_code == 404
    assert api.get("/v1/webhooks").json()["data"] == []
    removed = Endpoint.objects.get()
    assert (removed.secret, removed.headers) == ("", {})
    assert (Delivery.objects.count(), Attempt.objects.count()) == (0, 0)


def test_the_catalogue_is_served(api):
    data = api.get("/v1/webhooks/event-types").json()["data"]
    assert {"transfer.settled", "webhook.test"} <= {row["name"] for row in data}
