"""Law 3: every write happens once per key; the key, the rows and the event commit together or not at all."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection

from partners import api as partners_api
from partners import services
from partners.models import Branch
from payos.kernel import clock, idempotency, outbox, tasks, tenancy
from payos.kernel.errors import Problem
from payos.kernel.models import IdempotencyKey, OutboxEvent
from tests.conftest import client_for

pytestmark = pytest.mark.django_db
BODY = {"code": "A", "name": "Nairobi"}


def rows():
    with tenancy.platform_scope():
        return Branch.objects.count(), IdempotencyKey.objects.count()


def post(api, key, body=None, path="/v1/branches"):
    return api.post(path, BODY if body is None else body, headers={"Idempotency-Key": key})


def test_a_repeat_gives_the_first_answer_and_does_nothing(api):
    first, again = post(api, "k1"), post(api, "k1")
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert first["Location"] == again["Location"] == f"/v1/branches/{first.json()['id']}"
    assert "Idempotent-Replayed" not in first and again["Idempotent-Replayed"] == "true"
    assert rows() == (1, 1)


def test_quoted_and_bare_are_the_same_key(api):
    assert post(api, "k1").json() == post(api, '"k1"').json()
    assert rows() == (1, 1)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_missing"),
        ("   ", "idempotency_key_missing"),
        ('""', "idempotency_key_invalid"),
        ("x" * 256, "idempotency_key_invalid"),
        ("kéy", "idempotency_key_invalid"),
    ],
)
def test_a_missing_or_wrong_key_is_a_400(partner, key, code):
    api = client_for(partner)
    from rest_framework.test import APIClient

    headers = {"Authorization": f"Bearer {api.secret}"} | ({} if key is None else {"Idempotency-Key": key})
    answer = APIClient().post("/v1/branches", BODY, headers=headers, format="json")
    assert answer.status_code == 400 and answer.json()["code"] == code
    assert rows() == (0, 0)


@pytest.mark.parametrize("other", [{"code": "A", "name": "Mombasa"}, {"code": "A", "name": "Nairobi", "holding_days": 0}])
def test_the_same_key_with_another_body_is_refused(api, other):
    post(api, "k1")
    answer = post(api, "k1", other)
    assert answer.status_code == 422 and answer.json()["code"] == "idempotency_key_reused"
    assert rows() == (1, 1)


def test_the_same_key_at_another_address_is_refused(api):
    post(api, "k1")
    assert post(api, "k1", path="/v1/branches?x=1").json()["code"] == "idempotency_key_reused"


def test_two_partners_two_modes_and_two_keys_do_not_share(partner, other_partner):
    with tenancy.platform_scope():
        partner.live_enabled = True
        partner.save()
    for client in (client_for(partner), client_for(partner, livemode=True), client_for(other_partner)):
        assert post(client, "k1").status_code == 201
    assert rows() == (3, 3)
    # Two keys of one partner and mode are one caller: the second is a repeat of the first.
    assert post(client_for(partner), "k1")["Idempotent-Replayed"] == "true"


def test_without_the_same_key_two_equal_requests_are_two(api):
    assert post(api, "k1", {"code": "A", "name": "x"}).status_code == post(api, "k2", {"code": "B", "name": "x"}).status_code == 201
    assert rows() == (2, 2)


def test_a_refused_request_keeps_no_key_and_may_be_mended(api):
    assert post(api, "k1", {"code": "A"}).status_code == 400
    assert rows() == (0, 0)
    assert post(api, "k1").status_code == 201


@pytest.mark.parametrize("failure", [RuntimeError("broken"), Problem("conflict"), Problem("unprocessable")])
def test_what_fails_leaves_nothing_and_runs_again(api, monkeypatch, failure):
    real = services.branch_create

    def half_done(**kwargs):
        branch = real(**kwargs)
        outbox.publish(topic="t", event_type="branch.opened", aggregate_id=branch.public_id, payload={}, partner_id=branch.partner_id)
        raise failure

    monkeypatch.setattr(services, "branch_create", half_done)
    assert post(api, "k1").status_code >= 400
    with tenancy.platform_scope():
        assert not OutboxEvent.objects.exists()
    assert rows() == (0, 0)
    monkeypatch.setattr(services, "branch_create", real)
    assert post(api, "k1").status_code == 201


def test_an_expired_key_may_be_used_anew_and_is_removed_in_time(api, settings):
    post(api, "k1")
    with clock.travel(clock.now() + timedelta(hours=settings.IDEMPOTENCY_HOURS, minutes=1)):
        assert post(api, "k1", {"code": "B", "name": "B"}).status_code == 201
        assert rows() == (2, 1)
        assert tasks.remove_expired_idempotency_keys() == 0
    with clock.travel(clock.now() + timedelta(days=5)):
        assert tasks.remove_expired_idempotency_keys() == 1
    assert rows() == (2, 0)


def test_removal_is_bounded(api):
    for n in range(5):
        post(api, f"k{n}", {"code": f"B{n}", "name": "x"})
    with clock.travel(clock.now() + timedelta(days=5)), tenancy.platform_scope():
        assert [idempotency.remove_expired(limit=2) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.django_db(transaction=True)
class TestAtTheSameTime:
    def at_once(self, count, act):
        answers, barrier = [], threading.Barrier(count)

        def run(n):
            try:
                barrier.wait(10)
                answers.append(act(n))
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(answers) == count
        return answers

    def test_while_the_first_runs_the_second_is_told_to_wait(self, partner, monkeypatch):
        api, started, go_on = client_for(partner), threading.Event(), threading.Event()
        real = services.branch_create

        def slow(**kwargs):
            started.set()
            assert go_on.wait(20)
            return real(**kwargs)

        monkeypatch.setattr(partners_api.services, "branch_create", slow)
        first = []

        def run():
            try:
                first.append(post(api, "k1"))
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            assert started.wait(20)
            second = post(api, "k1")
            assert second.status_code == 409 and second.json()["code"] == "idempotency_in_flight" and second["Retry-After"]
            assert post(api, "k1", {"code": "other", "name": "x"}).status_code == 409  # what it holds is not known yet
        finally:
            go_on.set()
            thread.join(30)
        assert first[0].status_code == 201
        assert post(api, "k1")["Idempotent-Replayed"] == "true"
        assert rows() == (1, 1)

    def test_many_at_once_make_one(self, partner):
        api = client_for(partner)
        answers = self.at_once(8, lambda n: post(api, "k1"))
        assert {a.status_code for a in answers} <= {201, 409}
        made = {a.json()["id"] for a in answers if a.status_code == 201}
        assert len(made) == 1 and rows() == (1, 1)

    def test_different_keys_do_not_wait_for_each_other(self, partner):
        api = client_for(partner)
        answers = self.at_once(6, lambda n: post(api, str(uuid.uuid4()), {"code": f"B{n}", "name": "x"}))
        assert [a.status_code for a in answers] == [201] * 6 and rows() == (6, 6)

    def test_a_crash_leaves_no_lock_behind(self, partner, superuser):
        """The process dies in the middle: its transaction ends with it, and the key is free."""
        api = client_for(partner)
        died = []

        def die(n):
            real = services.branch_create

            def killed(**kwargs):
                real(**kwargs)
                connection.connection.close()  # what Postgres sees when the process is gone
                raise SystemExit

            services.branch_create = killed
            try:
                post(api, "k1")
            except BaseException as error:  # noqa: B036
                died.append(error)
            finally:
                services.branch_create = real

        self.at_once(1, die)
        assert rows() == (0, 0)
        assert post(api, "k1").status_code == 201 and rows() == (1, 1)
