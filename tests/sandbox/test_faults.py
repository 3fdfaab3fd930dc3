"""Each misbehaviour alone, at full rate and in part; and the same again from the same seed."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from sandbox.faults import CALL_FAULTS, FaultError, Faults, garble

from .conftest import US, wait_for


def call(bank, reference, **fields):
    """The status of the answer, or the name of the transport error when none came."""
    body = {"reference": reference, "amount_minor": 1000, "currency": "USD", "destination": US, **fields}
    try:
        return bank.client.post("/transfers", json=body).status_code
    except httpx.HTTPError as error:
        return type(error).__name__


def status(bank, reference):
    return bank.client.get(f"/transfers/{reference}").status_code


def test_timeout_after_execution_moved_the_money(bank):
    bank.faults(timeout_after_execution=1.0, reads=False)
    assert call(bank, "t") == "RemoteProtocolError"
    assert bank.executed("t") == 1 and status(bank, "t") == 200


def test_a_short_client_timeout_meets_the_silence(bank):
    bank.faults(timeout_after_execution=1.0, hang_seconds=3.0, reads=False)
    started = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        bank.client.post("/transfers", json={"reference": "t", "amount_minor": 1, "currency": "USD", "destination": US}, timeout=0.2)
    assert time.monotonic() - started < 2 and bank.executed("t") == 1


def test_timeout_before_moved_nothing(bank):
    bank.faults(timeout_before=1.0, reads=False)
    assert call(bank, "t") == "RemoteProtocolError"
    assert bank.executed("t") == 0 and status(bank, "t") == 404


def test_late_execution_is_not_found_first_and_executed_after_all(bank):
    bank.faults(late_execution=1.0, late_seconds=0.5, reads=False)
    assert call(bank, "t") == "RemoteProtocolError"
    assert status(bank, "t") == 404 and bank.executed("t") == 0
    bank.becomes("t", "settled")
    assert bank.executed("t") == 1


def test_a_late_execution_of_what_was_sent_again_meanwhile_is_one_execution(bank):
    bank.faults(late_execution=1.0, late_seconds=0.6, reads=False)
    call(bank, "t")
    bank.faults()
    assert call(bank, "t") == 201
    time.sleep(0.8)
    assert bank.executed("t") == 1


def test_late_execution_survives_a_kill(bank):
    bank.faults(late_execution=1.0, late_seconds=0.5, reads=False)
    call(bank, "t")
    bank.kill()
    bank.start()
    bank.becomes("t", "settled")
    assert bank.executed("t") == 1


def test_error_500_says_nothing_about_the_money(bank):
    bank.faults(error_500=1.0, reads=False)
    references = [f"e{i}" for i in range(40)]
    assert {call(bank, r) for r in references} == {500}
    executed = sum(bank.executed(r) for r in references)
    assert 8 <= executed <= 32
    assert all((status(bank, r) == 200) == (bank.executed(r) == 1) for r in references)


def test_throttling_moves_nothing_and_says_when(bank):
    bank.faults(throttle_429=1.0, retry_after_seconds=3, reads=False)
    response = bank.client.post("/transfers", json={"reference": "t", "amount_minor": 1, "currency": "USD", "destination": US})
    assert response.status_code == 429 and response.headers["retry-after"] == "3" and bank.executed("t") == 0


def test_reading_misbehaves_too(bank):
    bank.send("t")
    bank.faults(throttle_429=1.0)
    assert status(bank, "t") == 429
    bank.faults(error_500=1.0)
    assert status(bank, "t") == 500
    bank.faults(timeout_before=1.0)
    with pytest.raises(httpx.RemoteProtocolError):
        bank.client.get("/transfers/t")
    with pytest.raises(httpx.RemoteProtocolError):
        bank.client.get("/transfers", params={"since": 0})
    assert bank.executed("t") == 1, "the truth is always answered"


def test_a_bank_that_forgets_references_shows_who_sends_twice(bank):
    bank.faults(forget_reference=1.0)
    bank.send("once")
    bank.send("twice")
    bank.send("twice")
    truth = bank.get("/executions")
    assert truth["executed_more_than_once"] == {"twice": 2} and truth["totals"] == {"executions": 3, "references": 2}


def test_rejected_is_failed_without_an_execution(bank, receiver):
    bank.client.put("/webhooks", json={"url": receiver.url})
    bank.faults(reject=1.0)
    bank.send("t")
    assert bank.becomes("t", "failed")["code"] == "R03" and bank.executed("t") == 0
    wait_for(lambda: receiver.received, "the webhook")
    assert json.loads(receiver.received[0][1])["type"] == "transfer.failed"


def test_duplicate_and_lost_webhooks(bank, receiver):
    bank.client.put("/webhooks", json={"url": receiver.url})
    bank.faults(duplicate_webhook=1.0)
    bank.send("double")
    wait_for(lambda: len(receiver.received) == 2, "both copies")
    assert receiver.received[0][0]["webhook-id"] == receiver.received[1][0]["webhook-id"]
    bank.faults(lost_webhook=1.0)
    bank.send("silent")
    bank.becomes("silent", "settled")
    wait_for(lambda: bank.get("/webhooks")["states"] == {"delivered": 1, "lost": 1}, "the loss")
    time.sleep(0.3)
    assert len(receiver.received) == 2


def test_delayed_settlement(bank):
    bank.faults(delayed_settlement=1.0, delayed_settlement_seconds=1.0, reads=False)
    bank.send("slow")
    time.sleep(0.4)
    assert bank.get("/transfers/slow")["status"] == "pending"
    assert bank.becomes("slow", "settled")


def test_return_after_settlement_gives_the_money_back_with_a_code(bank, receiver):
    bank.client.put("/webhooks", json={"url": receiver.url})
    bank.faults(return_after_settlement=1.0, return_seconds=0.2)
    bank.send("t", 4200)
    returned = bank.becomes("t", "returned")
    assert returned["code"] in ("R01", "R02", "R03", "R09") and returned["settled_at"] and returned["returned_at"]
    rows = bank.get("/executions", reference="t")["data"]
    assert [(row["kind"], row["amount_minor"]) for row in rows] == [("transfer", -4200), ("return", 4200)]
    wait_for(lambda: len(receiver.received) == 2, "both webhooks")
    assert [json.loads(body)["type"] for _, body in receiver.received] == ["transfer.settled", "transfer.returned"]


def test_wrong_amount_shows_in_the_truth_the_answer_and_the_statement(bank):
    bank.faults(wrong_amount=1.0)
    made = bank.send("t", 5000)
    wrong = made["executed_amount_minor"]
    assert wrong != 5000 and abs(wrong - 5000) <= 100 and made["amount_minor"] == 5000
    assert bank.get("/executions")["data"][0]["amount_minor"] == -wrong
    assert f"-{wrong / 100:.2f}".encode() in bank.raw(f"/statements/{bank.today()}.csv")


def test_a_missing_statement_line_leaves_a_statement_that_adds_up_or_lies_as_asked(bank):
    bank.send("seen", 100)
    bank.faults(statement_line_missing=1.0)
    bank.send("unseen", 200)
    text = bank.raw(f"/statements/{bank.today()}.bai2").decode()
    opening = bank.get("/accounts")["data"][0]["opening_minor"]
    assert "unseen" not in text and ",seen," in text and f"015,{opening - 100}," in text
    bank.faults(statement_line_missing=1.0, missing_line_in_balance=True)
    bank.send("hidden", 400)
    text = bank.raw(f"/statements/{bank.today()}.bai2").decode()
    assert "hidden" not in text and f"015,{opening - 500}," in text
    assert bank.get("/balance")["balance_minor"] == opening - 700


def test_garbled_narratives_differ_and_stay_printable(bank):
    bank.faults(narrative_garbled=1.0)
    for i in range(12):
        bank.send(f"trf_{i:026d}", description="Invoice 2026-10001")
    text = bank.raw(f"/statements/{bank.today()}.csv").decode()
    whole = sum(f"TRANSFER trf_{i:026d} Invoice 2026-10001" in text for i in range(12))
    assert whole == 0 and text.isprintable() is False and all(line.isprintable() for line in text.splitlines())
    assert len({garble("TRANSFER trf_000 Invoice 10", roll) for roll in (0.1, 0.3, 0.6, 0.9)}) == 4


@pytest.mark.parametrize(
    "bad",
    [{"timeout_before": 1.1}, {"timeout_before": -0.1}, {"error_500": "often"}, {"reads": 1}, {"nonsense": 0.5}, {"error_500": True},
     {"hang_seconds": 1e9}, {"timeout_before": 0.6, "error_500": 0.6}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_and_change_nothing(bank, bad):
    bank.faults(reject=0.5)
    assert bank.client.put("/faults", json=bad).status_code == 422
    assert bank.get("/faults")["reject"] == 0.5
    with pytest.raises(FaultError):
        Faults().merged(bad)


def test_put_replaces_all(bank):
    bank.faults(reject=0.5)
    bank.faults(wrong_amount=0.25)
    now = bank.get("/faults")
    assert now["reject"] == 0 and now["wrong_amount"] == 0.25 and now["seed"] == 7


MIX = {"timeout_after_execution": 0.08, "timeout_before": 0.08, "error_500": 0.08, "throttle_429": 0.08, "hang_seconds": 0.01}


def test_a_run_repeats_exactly_from_its_seed_and_differs_from_another(bank):
    def run(prefix, seed):
        bank.client.put("/faults", json={**MIX, "seed": seed, "reads": False})
        answers = [[call(bank, f"{prefix}{i}") for _ in range(3)] for i in range(40)]
        return answers

    bank.faults()
    first = run("r", 3)
    executed = {row["reference"] for row in bank.get("/executions")["data"]}
    again = run("r", 3)
    assert again == first
    other = run("r", 4)
    assert other != first
    kinds = {answer for answers in first for answer in answers}
    assert kinds == {201, 429, 500, "RemoteProtocolError"}
    assert executed and bank.get("/executions")["executed_more_than_once"] == {}


def test_rates_are_met_and_faults_exclude_each_other():
    faults = Faults(seed=11).merged(dict.fromkeys(CALL_FAULTS, 0.1))
    met = [faults.on_call(f"ref{i}", 1) for i in range(20_000)]
    for name in CALL_FAULTS:
        assert abs(met.count(name) / len(met) - 0.1) < 0.01
    assert abs(met.count(None) / len(met) - 0.5) < 0.02
    # a second attempt is another roll, not the same fate
    assert met[:200] != [faults.on_call(f"ref{i}", 2) for i in range(200)]
