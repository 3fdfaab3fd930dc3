"""The console's pages: endpoints with their health, the searchable log, the debug page."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from partners import roles
from payos.kernel import ids
from tests.webhooks.conftest import deliver, publish, register
from webhooks import services
from webhooks.models import Attempt, Delivery, DeliveryState, Endpoint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("platform")]


def person(role: str) -> Client:
    from django.contrib.auth.models import Group

    from partners.models import User

    user = User.objects.create_user(f"someone-{role}".replace(" ", "-"), password="correct horse battery", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def administrator(db):
    return person(roles.ADMINISTRATOR)


def dialog(**fields):
    return {"_form_submitted": "True", **fields}


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_register_change_rotate_and_remove(administrator, partner, receiver):
    address = reverse("admin:webhooks_endpoint_new_endpoint")
    fields = {
        "partner": str(partner.pk),
        "mode": "test",
        "url": receiver.url("/ok"),
        "event_types": "transfer.* payment.*",
        "description": "",
    }
    refused = administrator.post(address, dialog(**fields | {"event_types": "no.such", "url": "ftp://x"}))
    assert "no event type is like" in text(refused) and not Endpoint.objects.exists()
    shown = administrator.post(address, dialog(**fields))
    endpoint = Endpoint.objects.get()
    assert endpoint.secret in text(shown) and endpoint.event_types == ["transfer.*", "payment.*"]
    page = reverse("admin:webhooks_endpoint_change", args=[endpoint.pk])
    assert endpoint.secret not in text(administrator.get(page))
    administrator.post(
        reverse("admin:webhooks_endpoint_change_endpoint", args=[endpoint.pk]),
        dialog(url=receiver.url("/ok"), event_types="*", description="all"),
    )
    rotated = administrator.post(reverse("admin:webhooks_endpoint_rotate", args=[endpoint.pk]), dialog(reason="leaked"))
    old = endpoint.secret
    endpoint.refresh_from_db()
    assert (endpoint.event_types, endpoint.description) == (["*"], "all")
    assert endpoint.secret in text(rotated) and endpoint.secret != old
    administrator.post(reverse("admin:webhooks_endpoint_remove", args=[endpoint.pk]), dialog(reason="gone"))
    assert endpoint.url not in text(administrator.get(reverse("admin:webhooks_endpoint_changelist")))


def test_health_is_on_the_list_and_the_log_is_searchable(administrator, partner, receiver, django_assert_max_num_queries):
    good, bad = register(partner, receiver.url("/ok")), register(partner, receiver.url("/status/500"))
    (event, *_) = publish(partner, count=3)
    deliver()
    with django_assert_max_num_queries(40):
        page = text(administrator.get(reverse("admin:webhooks_endpoint_changelist")))
    assert "100.0 %" in page and "0.0 %" in page and "it answered 500" in page
    log = reverse("admin:webhooks_delivery_changelist")
    row = Delivery.objects.get(endpoint=bad, event_id=event)
    for term, hits in (
        (ids.encode("evt", event), 2),
        (good.public_id, 3),
        (row.subject, 2),
        ("transfer.settled", 6),
        (row.public_id, 1),
        ("evt_x", 0),
    ):
        assert administrator.get(log, {"q": term}).context["cl"].result_count == hits, term
    assert administrator.get(log, {"state__exact": "retrying"}).context["cl"].result_count == 3
    detail = text(administrator.get(reverse("admin:webhooks_delivery_change", args=[row.pk])))
    assert "as asked" in detail and "curl --request POST" in detail
    attempt = Attempt.objects.first()
    assert administrator.get(reverse("admin:webhooks_attempt_change", args=[attempt.pk])).status_code == 200
    found = administrator.get(reverse("admin:webhooks_attempt_changelist"), {"q": ids.encode("evt", event)})
    assert found.context["cl"].result_count == 2


def test_replay_and_enable_from_the_console(administrator, partner, receiver):
    endpoint = register(partner, receiver.url("/ok"))
    publish(partner, count=2)
    deliver()
    row = Delivery.objects.first()
    administrator.post(reverse("admin:webhooks_delivery_send_again", args=[row.pk]), dialog(reason="asked for"))
    row.refresh_from_db()
    assert row.state == DeliveryState.PENDING
    administrator.post(
        reverse("admin:webhooks_endpoint_replay", args=[endpoint.pk]), dialog(reason="asked", status="delivered", hours="24")
    )
    assert Delivery.objects.filter(state=DeliveryState.PENDING).count() == 2
    services.endpoint_disable(endpoint_id=endpoint.pk)
    publish(partner)
    administrator.post(reverse("admin:webhooks_endpoint_enable", args=[endpoint.pk]), dialog(reason="mended", replay="on"))
    assert Delivery.objects.filter(state=DeliveryState.PENDING).count() == 3


def test_the_debug_page_sends_shows_and_verifies(administrator, partner, receiver):
    endpoint = register(partner, receiver.url("/ok"))
    page = reverse("admin:webhooks_endpoint_debug", args=[endpoint.pk])
    shown = text(administrator.get(page))
    for language in ("Python", "Node", "PHP", "Go", "Java"):
        assert f"<summary>{language}</summary>" in shown
    sent = text(administrator.post(f"{page}send/", {"event_type": "payment.reversed"}))
    (request,) = receiver.requests
    assert (
        "It answered 200" in sent
        and "curl --request POST" in sent
        and request.headers["webhook-signature"] in sent.replace("&#x27;", "'").replace("&#43;", "+")
    )
    assert endpoint.secret not in sent
    pasted = {
        "webhook_id": request.id, "timestamp": request.headers["webhook-timestamp"],
        "signature": request.headers["webhook-signature"], "body": request.body.decode(),
    }  # fmt: skip
    assert "The signature is right." in text(administrator.post(f"{page}verify/", pasted))
    wrong = text(administrator.post(f"{page}verify/", pasted | {"body": pasted["body"].replace("84.50", "94.50")}))
    assert "The signature is wrong." in wrong and "parsed and written again" in wrong
    assert administrator.get(f"{page}send/").status_code == 405, "nothing is sent by looking"
    failed = register(partner, receiver.url("/status/503"))
    assert "it answered 503" in text(
        administrator.post(reverse("admin:webhooks_endpoint_debug_send", args=[failed.pk]), {"event_type": "webhook.test"})
    )


def test_an_auditor_looks_and_sends_nothing(administrator, partner, receiver):
    auditor = person(roles.AUDITOR)
    endpoint = register(partner, receiver.url("/ok"))
    page = reverse("admin:webhooks_endpoint_debug", args=[endpoint.pk])
    assert auditor.get(page).status_code == 200
    assert auditor.post(f"{page}send/", {"event_type": "webhook.test"}).status_code == 403
    assert auditor.post(f"{page}verify/", {}).status_code == 403
    assert receiver.requests == []


def test_a_case_is_worked_from_the_case(partner, receiver):
    from operations.models import Case

    endpoint = register(partner, receiver.url("/status/410"))
    publish(partner)
    deliver()
    case, operator = Case.objects.get(kind="webhook_disabled"), person(roles.OPERATOR)
    shown = text(operator.get(reverse("admin:operations_case_change", args=[case.pk])))
    assert "Enable with replay" in shown and "Test the endpoint" in shown
    Endpoint.objects.update(url=receiver.url("/ok"))
    operator.post(reverse("admin:operations_case_act", args=[case.pk, "claim"]))
    answer = operator.post(reverse("admin:operations_case_act", args=[case.pk, "enable_endpoint"]))
    assert answer.status_code in {200, 302}, answer.content
    endpoint.refresh_from_db()
    case.refresh_from_db()
    assert endpoint.enabled and case.state == "resolved"
    deliver()
    assert Delivery.objects.get().state == DeliveryState.DELIVERED
