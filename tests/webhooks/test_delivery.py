"""Events reach endpoints over real HTTP, whatever the receiver does."""

from __future__ import annotations

import json

import pytest
from standardwebhooks import Webhook

from payos.kernel import ids, tenancy
from payos.kernel.errors import Problem
from tests.webhooks.conftest import deliver, make_due, publish, register
from webhooks import services
from webhooks.models import Attempt, Delivery, DeliveryState, Endpoint

pytestmark = pytest.mark.django_db(transaction=True)


def deliveries(**filters):
    with tenancy.platform_scope():
        return list(Delivery.objects.filter(**filters).order_by("seq", "id"))


def test_an_event_arrives_signed_and_the_published_library_verifies_it(partner, receiver):
    endpoint = register(partner, receiver.url("/ok"), ("transfer.*",))
    (event_id,) = publish(partner)
    assert deliver() == 1
    (request,) = receiver.requests
    body = Webhook(endpoint.secret).verify(request.body, request.headers)
    assert body["event_id"] == request.id == ids.encode("evt", event_id)
    assert body["event_type"] == "transfer.settled"
    assert body["partner_id"] == partner.public_id
    assert body["livemode"] is False
    assert body["api_version"] == "2026-11-01"
    assert body["transfer"]["amount"] == "10.00"
    (row,) = deliveries()
    assert (row.state, row.attempts, row.last_status) == (DeliveryState.DELIVERED, 1, 200)
    with tenancy.platform_scope():
        attempt = Attempt.objects.get()
    assert attempt.request_headers["webhook-signature"] == request.headers["webhook-signature"]
    assert (attempt.status, attempt.response_body, attempt.address) == (200, '{"received":true}', "127.0.0.1")


def test_only_endpoints_of_the_same_partner_and_mode_that_want_it_are_told(partner, other_partner, receiver):
    register(partner, receiver.url("/ok"), ("transfer.*",))
    register(partner, receiver.url("/status/200"), ("payment.*", "settlement.window_closed"))
    register(partner, receiver.url("/status/201"), livemode=True)
    register(other_partner, receiver.url("/status/202"))
    publish(partner)
    deliver()
    assert [request.path for request in receiver.requests] == ["/ok"]


def test_an_underscore_in_an_event_type_is_no_wildcard(partner, receiver):
    endpoint = register(partner, receiver.url("/ok"), ("settlement.window_closed",))
    assert endpoint.like_patterns == ["settlement.window\\_closed"]


def test_internal_events_never_leave(partner, receiver):
    register(partner, receiver.url("/ok"))
    publish(partner, event_type="ledger.posted")
    assert deliver() == 0
    assert deliveries() == []


def test_a_second_fan_out_of_the_same_events_adds_nothing(partner, receiver):
    from webhooks.fanout import add_deliveries

    register(partner, receiver.url("/ok"))
    events = publish(partner, count=3)
    with tenancy.platform_scope():
        assert add_deliveries(events) == 0
    assert len(deliveries()) == 3


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/status/500", "http_500"),
        ("/status/404", "http_404"),
        ("/redirect", "redirect"),
        ("/reset", "reset"),
        ("/garbage", "protocol"),
        ("/hang", "timeout"),
        ("/slow-body", "timeout"),
    ],
)
def test_every_kind_of_failure_is_retried_then_dead_and_a_case(partner, receiver, path, code):
    from operations.models import Case

    register(partner, receiver.url(path))
    publish(partner)
    for attempt in range(1, 6):
        make_due()
        assert deliver(timeout=0.4) == 1
        (row,) = deliveries()
        assert row.attempts == attempt
        assert row.state == (DeliveryState.DEAD if attempt == 5 else DeliveryState.RETRYING)
    make_due()
    assert deliver() == 0, "a dead delivery is not sent again by itself"
    with tenancy.platform_scope():
        assert (
            {attempt.error_code for attempt in Attempt.objects.all()} <= {code, "reset", "protocol"}
            if code in {"reset", "protocol"}
            else {code}
        )
        assert [attempt.number for attempt in Attempt.objects.order_by("id")] == [1, 2, 3, 4, 5]
        case = Case.objects.get(kind="webhook_dead")
    assert case.partner_id == partner.pk
    assert len({request.id for request in receiver.requests}) == 1, "the webhook id is the same in every attempt"
    assert not receiver.to("/ok"), "a redirect is not followed"


def test_a_huge_answer_is_cut_and_counts_by_its_status(partner, receiver):
    register(partner, receiver.url("/huge"))
    publish(partner)
    deliver()
    with tenancy.platform_scope():
        attempt = Attempt.objects.get()
    assert attempt.succeeded
    assert len(attempt.response_body) <= 4096
    assert "\x00" not in attempt.response_body


def test_410_switches_the_endpoint_off_and_tells_somebody(partner, receiver):
    from operations.models import Case

    endpoint = register(partner, receiver.url("/status/410"))
    publish(partner, count=2)
    deliver()
    with tenancy.platform_scope():
        endpoint = Endpoint.objects.get(pk=endpoint.pk)
        assert (endpoint.enabled, endpoint.disabled_reason) == (False, "gone")
        assert Case.objects.get(kind="webhook_disabled").partner_id == partner.pk
    assert deliver() == 0


def test_who_is_named_is_told_by_e_mail_when_it_is_switched_off(partner, receiver, mailoutbox):
    from operations.models import Case
    from webhooks import tasks

    told = register(partner, receiver.url("/status/410"), notify_emails=["ops@partner.example", "cto@partner.example"])
    publish(partner)
    deliver()
    with tenancy.platform_scope():
        assert "ops@partner.example" in Case.objects.get(kind="webhook_disabled").detail
    assert tasks.tell_disabled(str(told.pk)) == 2
    letter = mailoutbox[-1]
    assert letter.to == ["ops@partner.example", "cto@partner.example"]
    assert told.public_id in letter.body and "410" in letter.body and f"/v1/webhooks/{told.public_id}/enable" in letter.body
    with tenancy.platform_scope():
        services.endpoint_enable(endpoint_id=told.pk)
    before = len(mailoutbox)
    assert tasks.tell_disabled(str(told.pk)) == 0 and len(mailoutbox) == before


@pytest.mark.parametrize("wrong", [["nobody"], "ops@partner.example", [7], ["a@b.example"] * 6])
def test_addresses_that_are_none_are_refused(partner, receiver, wrong):
    with pytest.raises(Problem) as refused:
        register(partner, receiver.url("/ok"), notify_emails=wrong)
    assert refused.value.errors[0]["pointer"].startswith("/notify_emails")


def test_a_rotated_secret_signs_beside_the_new_one_until_the_overlap_ends(partner, receiver):
    endpoint = register(partner, receiver.url("/ok"))
    with tenancy.platform_scope():
        _, new = services.secret_rotate(endpoint_id=endpoint.pk)
    publish(partner)
    deliver()
    (request,) = receiver.requests
    assert len(request.headers["webhook-signature"].split()) == 2
    for secret in (endpoint.secret, new):
        assert Webhook(secret).verify(request.body, request.headers)["event_type"] == "transfer.settled"
    with tenancy.platform_scope():
        Endpoint.objects.filter(pk=endpoint.pk).update(previous_secret_until="2020-01-01T00:00:00Z")
    publish(partner)
    deliver()
    assert len(receiver.requests[-1].headers["webhook-signature"].split()) == 1


def test_custom_headers_are_sent_and_hidden_in_the_log(partner, receiver):
    register(partner, receiver.url("/ok"), headers={"Authorization": "Bearer s3cret-value", "X-Team": "payments"})
    publish(partner)
    deliver()
    assert receiver.requests[0].headers["authorization"] == "Bearer s3cret-value"
    with tenancy.platform_scope():
        attempt = Attempt.objects.get()
    assert "s3cret-value" not in json.dumps(attempt.request_headers)


def test_order_is_kept_per_subject_where_promised(partner, receiver):
    register(partner, receiver.url("/flaky/1"), ordered=True, max_in_flight=50)
    for _ in range(4):
        publish(partner, count=5)
    for _ in range(20):
        make_due()
        deliver()
    rows = deliveries()
    assert [row.state for row in rows] == [DeliveryState.DELIVERED] * 20
    done: dict[str, list[str]] = {}
    tries: dict[str, int] = {}
    for request in receiver.requests:
        tries[request.id] = tries.get(request.id, 0) + 1
        if tries[request.id] == 2:  # the second try is the one that is answered 200
            done.setdefault(json.loads(request.body)["transfer"]["number"], []).append(request.id)
    wanted = {}
    for row in rows:
        wanted.setdefault(int(row.subject.split("-")[1]), []).append(ids.encode("evt", row.event_id))
    assert done == wanted
