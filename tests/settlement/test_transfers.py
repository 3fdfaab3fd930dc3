"""Money out against a real bank: funds held, sent once, settled, failed, returned or asked about."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from ledger import selectors, verify
from ledger.models import Account, Entry
from operations.models import Case
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from payos.kernel.models import OutboxEvent
from settlement import selectors as selectors_of
from settlement import services
from settlement.models import Rail, RoutingDecision, SettlementBatch, SettlementWindow, Submission, Transfer, WindowRule
from settlement.rails import base
from tests.settlement.conftest import fund, order

pytestmark = pytest.mark.django_db


def available(partner):
    with tenancy.platform_scope():
        return selectors.balance(Account.objects.get(partner=partner, livemode=False, code="partner:available", currency="USD"))


def work(rounds=1):
    for _ in range(rounds):
        services.close_due_windows()
        services.execute_rail(rail_code="sandbox")


def until(states, timeout=15):
    """Ask as the clock would, until every transfer is in one of the states."""
    from settlement.models import Submission

    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        work()
        with tenancy.platform_scope():
            Submission.objects.filter(outcome__in=["intent", "sent", "unknown"]).update(ask_at=clock.now())
            Transfer.objects.filter(state="queued").update(next_attempt_at=clock.now(), window_at=clock.now())
        services.ask_due()
        with tenancy.platform_scope():
            if not Transfer.objects.exclude(state__in=states).exists():
                return
        time.sleep(0.1)
    with tenancy.platform_scope():
        raise AssertionError(list(Transfer.objects.values_list("state", "failure_detail", "attempts")))


def test_a_transfer_is_held_sent_once_and_settled(api, bank, rail, funded):
    answer = api.post("/v1/transfers", order(reference="inv-1"))
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert shown["status"] == "queued" and shown["next_window"]
    assert available(funded).available_minor == 9_999_000
    until(["settled"])
    assert available(funded).available_minor == available(funded).posted_minor == 9_999_000
    mine = [e for e in bank.executions()["data"] if e["reference"] == shown["id"]]
    assert len(mine) == 1
    read = api.get(f"/v1/transfers/{shown['id']}").json()
    assert read["status"] == "settled" and read["routing"]["rail"] == "sandbox"
    kinds = set(OutboxEvent.objects.none().values_list("event_type"))
    with tenancy.platform_scope():
        kinds = set(OutboxEvent.objects.filter(aggregate_id__startswith="transfer:").values_list("event_type", flat=True))
    assert {"transfer.accepted", "transfer.settled"} <= kinds


def test_without_funds_nothing_is_left_in_the_ledger(api, rail, partner):
    with tenancy.platform_scope():
        before = Entry.objects.count()
    answer = api.post("/v1/transfers", order())
    assert answer.status_code == 422 and answer.json()["code"] == "insufficient_funds"
    with tenancy.platform_scope():
        assert Entry.objects.count() == before and not Transfer.objects.exists() and not OutboxEvent.objects.exists()


def test_cancelling_gives_the_funds_back_and_only_before_sending(api, bank, rail, funded):
    shown = api.post("/v1/transfers", order()).json()
    assert api.post(f"/v1/transfers/{shown['id']}/cancel", {}).json()["status"] == "cancelled"
    assert available(funded).available_minor == 10_000_000
    other = api.post("/v1/transfers", order()).json()
    until(["settled", "cancelled"])
    assert api.post(f"/v1/transfers/{other['id']}/cancel", {}).status_code == 409


def test_a_failure_is_final_by_its_code_and_releases_the_hold(api, bank, rail, funded):
    api.post("/v1/transfers", order(account="9700000003"))
    until(["failed"])
    assert available(funded).available_minor == 10_000_000
    with tenancy.platform_scope():
        assert Transfer.objects.get().failure_code == "R03"


@pytest.mark.django_db(transaction=True)
def test_a_return_after_settlement_is_reversed_and_a_case(api, bank, rail, funded):
    bank.faults(return_seconds=0.1)
    shown = api.post("/v1/transfers", order(account="9900000002")).json()
    until(["settled", "returned"])
    deadline = time.monotonic() + 10
    from settlement.rails.sandbox import answer_of

    while time.monotonic() < deadline:
        seen = bank.call("GET", f"/transfers/{shown['id']}")
        if seen["status"] == "returned":
            with tenancy.platform_scope():
                transfer = Transfer.objects.get()
            for _ in range(2):  # the callback comes twice
                services.apply(rail=rail, answers=[(transfer.pk, shown["id"], answer_of(seen))])
            break
        time.sleep(0.1)
    with tenancy.platform_scope():
        assert Transfer.objects.get().state == "returned"
        assert Case.objects.filter(kind="transfer_returned").count() == 1
    assert available(funded).available_minor == 10_000_000
    assert verify.verify().ok


@pytest.mark.parametrize("fault", ["timeout_after_execution", "error_500", "late_execution", "timeout_before"])
def test_an_unknown_outcome_is_asked_about_and_never_doubled(api, bank, rail, funded, fault):
    bank.faults(**{fault: 1.0}, hang_seconds=0.2, late_seconds=1, forget_reference=1.0, reads=False, seed=5)
    shown = api.post("/v1/transfers", order()).json()
    work()
    with tenancy.platform_scope():
        assert Transfer.objects.get().state in {"unknown", "submitted", "settled"}
    bank.faults(forget_reference=1.0)
    until(["settled"], timeout=20)
    assert len([e for e in bank.executions()["data"] if e["reference"].startswith(shown["id"])]) == 1
    assert available(funded).posted_minor == 9_999_000


def test_late_and_repeated_messages_change_nothing_twice(api, bank, rail, funded):
    shown = api.post("/v1/transfers", order()).json()
    until(["settled"])
    with tenancy.platform_scope():
        transfer, entries = Transfer.objects.get(), Entry.objects.count()
    for answer in (base.Answer(base.SETTLED), base.Answer(base.SENT), base.Answer(base.UNKNOWN), base.Answer(base.NOT_SENT)):
        services.apply(rail=rail, answers=[(transfer.pk, shown["id"], answer)])
    services.apply(rail=rail, answers=[(transfer.pk, shown["id"], base.Answer(base.FAILED, code="R03"))])
    with tenancy.platform_scope():
        assert Transfer.objects.get().state == "settled" and Entry.objects.count() == entries
        assert Case.objects.get().kind == "transfer_contradiction"


def test_a_batch_is_checked_whole_before_anything_moves(api, rail, funded):
    items = [order(reference=f"r{n}") for n in range(20)]
    items[3]["amount"] = "-1"
    items[7]["destination"]["routing_number"] = "021000022"
    items[9] = "nonsense"
    answer = api.post("/v1/transfers/batch", {"transfers": items})
    assert answer.status_code == 422
    rows = {(error["row"], error["pointer"].split("/")[3] if error["pointer"].count("/") > 2 else "") for error in answer.json()["errors"]}
    assert {(3, "amount"), (7, "destination"), (9, "")} <= rows
    with tenancy.platform_scope():
        assert not Transfer.objects.exists()


def test_a_batch_runs_to_completion_and_is_caught_when_repeated(api, bank, rail, funded):
    items = [order(reference=f"r{n}", account="9700000003" if n == 2 else "123456789") for n in range(5)]
    made = api.post("/v1/transfers/batch", {"transfers": items, "name": "salaries"})
    assert made.status_code == 201, made.content
    assert api.post("/v1/transfers/batch", {"transfers": items}).json()["code"] == "batch_repeated"
    until(["settled", "failed"])
    batch = api.get(f"/v1/transfers/batch/{made.json()['id']}").json()
    assert (batch["status"], batch["settled"], batch["failed"]) == ("completed_with_errors", 4, 1)
    failed = api.get(f"/v1/transfers/batch/{made.json()['id']}/items?status=failed").json()["data"]
    assert [item["row"] for item in failed] == [2]
    assert api.post(f"/v1/transfers/batch/{made.json()['id']}/retry", {}).json()["status"] == "processing"
    until(["settled", "failed"])
    with tenancy.platform_scope():
        assert OutboxEvent.objects.filter(event_type="batch.completed").count() == 2
        assert {batch.state for batch in SettlementBatch.objects.all()} <= {"settled", "partly_settled", "failed"}


def test_a_csv_upload_is_a_batch(api, rail, funded):
    from django.core.files.uploadedfile import SimpleUploadedFile

    text = "amount,currency,destination.type,destination.routing_number,destination.account_number,destination.account_type,destination.holder_name,reference\n"
    text += "10.00,USD,us_bank,021000021,111,checking,Jane,a\n12.00,USD,us_bank,021000021,222,checking,Joe,b\n"
    answer = api.post("/v1/transfers/batch", {"file": SimpleUploadedFile("x.csv", text.encode())}, format="multipart")
    assert answer.status_code == 201, answer.content
    assert answer.json()["count"] == 2


def test_windows_close_once_in_order_and_missed_ones_run_on_return(api, rail, funded):
    with tenancy.platform_scope():
        WindowRule.objects.all().update(frequency="times", times=["09:00", "12:00"], timezone="America/Mexico_City", run_until=None)
    with clock.frozen(datetime(2026, 3, 2, 14, 0, tzinfo=UTC)):  # 08:00 in Mexico City
        services.close_due_windows()
        first = api.post("/v1/transfers", order()).json()
        assert first["next_window"].startswith("2026-03-02T15:00")
    with clock.frozen(datetime(2026, 3, 2, 15, 0, tzinfo=UTC)):  # exactly at the closing: the next one
        second = api.post("/v1/transfers", order()).json()
        assert second["next_window"].startswith("2026-03-02T18:00")
    with clock.frozen(datetime(2026, 3, 3, 14, 0, tzinfo=UTC)):  # the system was down over both
        closed = services.close_due_windows()
        assert [w.closes_at.isoformat()[:16] for w in closed] == ["2026-03-02T15:00", "2026-03-02T18:00"]
        assert [w.transfers for w in closed] == [1, 1]
        assert services.close_due_windows() == []
    with tenancy.platform_scope():
        assert SettlementBatch.objects.count() == 2


def test_what_is_told_of_an_accepted_list_is_what_the_api_shows(api, rail, funded):
    items = [
        order(reference="one", metadata={"a": {"b": [1, 2]}}, description="Salary"),
        order(amount="20.01", reference="two", urgency="urgent", protocol="x402", protocol_metadata={"nonce": "1"}),
    ]
    assert api.post("/v1/transfers/batch", {"transfers": items}).status_code == 201
    assert api.post("/v1/transfers", order(reference="three")).status_code == 201
    with tenancy.platform_scope():
        rows = OutboxEvent.objects.filter(event_type="transfer.accepted").order_by("seq")
        told = [event.payload["transfer"] for event in rows]
    shown = [api.get(f"/v1/transfers/{one['id']}").json() for one in told]
    assert [one["reference"] for one in told] == ["one", "two", "three"]
    assert [{name: value for name, value in one.items() if name in told[0]} for one in shown] == told


def test_transfers_decided_alike_share_the_reasons_and_each_can_tell_them(api, rail, funded):
    with tenancy.platform_scope():
        dear = Rail.objects.create(
            code="dear",
            name="Dear",
            adapter="sandbox",
            currencies=["USD"],
            destination_types=["us_bank"],
            cost_basis_points=100,
            config={"url": "http://127.0.0.1:9"},
        )
        WindowRule.objects.create(rail=dear, frequency="continuous")
    items = [order(amount=amount, reference=f"{n}") for n, amount in enumerate(["10.00", "10.00", "20.00", "10.00"])]
    made = api.post("/v1/transfers/batch", {"transfers": items}).json()
    with tenancy.platform_scope():
        rows = list(Transfer.objects.order_by("batch_row"))
        assert [rows[0].decision_id == row.decision_id for row in rows] == [True, True, False, True]
        assert RoutingDecision.objects.count() == 2
    for item, cost in zip(api.get(f"/v1/transfers/batch/{made['id']}/items").json()["data"], [10, 20, 10, 10], strict=True):
        told = api.get(f"/v1/transfers/{item['id']}").json()["routing"]
        assert told["rail"] == "sandbox" and told["chosen"]["cost_minor"] == 0
        assert [(other["rail"], other["cost_minor"]) for other in told["rejected"]] == [("dear", cost)], item


def test_another_rail_after_a_failure_says_why_and_when(api, bank, rail, funded):
    with tenancy.platform_scope():
        second = Rail.objects.create(
            code="second", name="Second", adapter="sandbox", currencies=["USD"], destination_types=["us_bank"], cost_fixed_minor=50, speed_minutes=120,
            config=rail.config,
        )  # fmt: skip
        WindowRule.objects.create(rail=second, frequency="end_of_day", times=["23:30"])
    shown = api.post("/v1/transfers", order(account="9700000016")).json()
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and api.get(f"/v1/transfers/{shown['id']}").json()["rail"] == "sandbox":
        work()
        with tenancy.platform_scope():
            Submission.objects.filter(outcome__in=["intent", "sent", "unknown"]).update(ask_at=clock.now())
        services.ask_due()
    told = api.get(f"/v1/transfers/{shown['id']}").json()
    assert (told["rail"], told["status"], told["failure_code"]) == ("second", "queued", "R16")
    assert told["routing"]["rail"] == "second"
    assert {"rail": "sandbox", "why": "it was tried before"} in told["routing"]["rejected"]
    window, expected = (datetime.fromisoformat(told[name]) for name in ("next_window", "expected_settlement"))
    assert expected - window == timedelta(minutes=120)
    with tenancy.platform_scope():
        assert [one.rail_code for one in selectors_of.decisions_of(Transfer.objects.get())] == ["second", "sandbox"]


@pytest.mark.parametrize("asked", [{"rail": "sandbox"}, {"within_minutes": 60}])
def test_what_a_transfer_insists_on_binds_the_rail_after_a_failure_too(api, bank, rail, funded, asked):
    with tenancy.platform_scope():
        second = Rail.objects.create(
            code="second", name="Second", adapter="sandbox", currencies=["USD"], destination_types=["us_bank"], cost_fixed_minor=50, speed_minutes=120,
            config=rail.config,
        )  # fmt: skip
        WindowRule.objects.create(rail=second, frequency="continuous")
    made = api.post("/v1/transfers/batch", {"transfers": [order(account="9700000016"), order(account="9700000016", **asked)]}).json()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and api.get(f"/v1/transfers/batch/{made['id']}").json()["status"] != "completed_with_errors":
        services.close_due_windows()
        for code in ("sandbox", "second"):
            services.execute_rail(rail_code=code)
        with tenancy.platform_scope():
            Submission.objects.filter(outcome__in=["intent", "sent", "unknown"]).update(ask_at=clock.now())
        services.ask_due()
    rows = api.get(f"/v1/transfers/batch/{made['id']}/items").json()["data"]
    free, bound = sorted(rows, key=lambda row: row["row"])
    assert (free["rail"], free["status"], bound["rail"], bound["status"]) == ("second", "failed", "sandbox", "failed")
    assert bound["next_attempt_at"] is None and available(funded).available_minor == 10_000_000


def test_values_that_python_takes_for_equal_stay_themselves(api, rail, funded):
    """Columns that are the same in a whole list are written once: 1 and true are equal to Python and not to a partner."""
    items = [order(reference=f"{n}", metadata={"flag": value}) for n, value in enumerate([1, True, 1.0])]
    made = api.post("/v1/transfers/batch", {"transfers": items}).json()
    shown = api.get(f"/v1/transfers/batch/{made['id']}/items").json()["data"]
    assert sorted(repr(one["metadata"]["flag"]) for one in shown) == ["1", "1.0", "True"]


def test_an_amount_beyond_what_a_ledger_counts_is_refused_and_leaves_nothing(api, rail, funded):
    assert api.post("/v1/transfers", order()).status_code == 201
    answer = api.post("/v1/transfers", order(amount="92233720368547758.07"))
    assert answer.status_code == 422 and "more than a ledger can count" in answer.json()["detail"], answer.content
    answer = api.post("/v1/transfers", order(amount="100000.01"))
    assert answer.json()["code"] == "insufficient_funds" and answer.json()["detail"].startswith("100000.01 USD would be held")
    with tenancy.platform_scope():
        assert Transfer.objects.count() == 1


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u2028", "\x7f", "\x85", "\ufeff"])
def test_marks_that_turn_or_break_what_people_read_are_refused(api, rail, funded, mark):
    answer = api.post("/v1/transfers", order(description=f"a{mark}b"))
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/description"]


def test_an_empty_list_is_refused_in_words(api, rail, funded):
    with tenancy.tenant_scope(funded.pk, False), pytest.raises(Problem, match="at least one transfer"):
        services.accept(partner=funded, livemode=False, items=[])
    assert api.post("/v1/transfers/batch", {"transfers": []}).json()["errors"][0]["code"] == "empty"


@pytest.mark.django_db(transaction=True)
def test_five_workers_close_one_window_once(rail, partner):
    import threading

    from django.db import connection

    fund(partner, 100_000)
    with tenancy.tenant_scope(partner.pk, False):
        items = services.check_items(partner=partner, livemode=False, items=[order()] * 10)
        services.accept(partner=partner, livemode=False, items=items)
    with tenancy.platform_scope():
        rule = WindowRule.objects.select_related("rail").get()
    closes_at, results = clock.now(), []

    def close():
        results.append(services.close_window(rule=rule, closes_at=closes_at))
        connection.close()

    threads = [threading.Thread(target=close) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result is not None for result in results) == 1
    with tenancy.platform_scope():
        batch = SettlementBatch.objects.get()
        assert (batch.count, batch.amount_minor, SettlementWindow.objects.count()) == (10, 10_000, 1)


def test_a_switched_off_rail_sends_nothing(api, bank, rail, funded):
    shown = api.post("/v1/transfers", order()).json()
    with tenancy.platform_scope():
        services.rail_off(rail=rail, reason="the bank called")
    work(2)
    assert api.get(f"/v1/transfers/{shown['id']}").json()["status"] == "queued"
    assert api.post("/v1/transfers", order()).json()["code"] == "no_rail"
    with tenancy.platform_scope():
        services.rail_on(rail=rail, reason="it is back")
        services.halt_all(reason="drill")
    work(2)
    with tenancy.platform_scope():
        services.resume_all(reason="over")
    until(["settled"])


def test_what_is_late_becomes_a_case_once(api, bank, rail, funded):
    bank.faults(delayed_settlement=1.0, delayed_settlement_seconds=3600)
    api.post("/v1/transfers", order())
    work()
    with clock.frozen(clock.now() + timedelta(hours=2)):
        assert services.find_late() == 1 and services.find_late() == 0
    with tenancy.platform_scope():
        late = Case.objects.get(kind="transfer_late")
        assert late.state == "open"
        submission = Submission.objects.get()
    services.apply(rail=rail, answers=[(submission.transfer_id, submission.reference, base.Answer(base.SETTLED))])
    with tenancy.platform_scope():
        late.refresh_from_db()
        assert (late.state, late.resolution) == ("resolved", "ended")


def test_another_tenant_cannot_read_or_cancel(api, rail, funded, other_partner):
    from tests.conftest import client_for

    shown = api.post("/v1/transfers", order()).json()
    stranger = client_for(other_partner)
    assert stranger.get(f"/v1/transfers/{shown['id']}").status_code == 404
    assert stranger.post(f"/v1/transfers/{shown['id']}/cancel", {}).status_code == 404
