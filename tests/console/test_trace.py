"""The trace: from any id to everything tied to it, and never across tenants."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from console.trace import MOST_NODES, trace
from ingestion.services import source_create
from operations import services
from payos.kernel import clock, ids, outbox, tenancy
from settlement.models import Transfer
from tests.conftest import client_for
from tests.ingestion.test_payments import send
from tests.settlement.conftest import order
from tests.settlement.test_transfers import until

pytestmark = pytest.mark.django_db


def titles(text: str) -> list[str]:
    return [node.title for node in trace(text).nodes]


def test_a_case_its_posting_and_its_event(partner: Any, platform: None) -> None:
    key = ids.uuid7()
    outbox.publish(topic="transfers", event_type="transfer.settled", aggregate_id=ids.encode("txn", key), payload={}, partner_id=partner.pk)
    case = services.open_case(
        kind="x", cause_key="t:1", title="Odd cent", subject=("ledger.transaction", key), partner_id=partner.pk, references=["E2E-77"]
    )
    found = trace("e2e-77")
    assert [node.title for node in found.nodes] == ["Odd cent"]
    assert found.starts == [("case", str(case.pk))]
    assert trace(case.public_id).nodes[0].public_id == case.public_id


def test_unknown_and_hostile_text_finds_nothing(platform: None) -> None:
    for text in ("", "nothing", "trf_zzz", "cas_01a", "' OR 1=1 --", "a\x00b", "%", str(uuid.uuid4()), "x" * 5000):
        assert trace(text).nodes == []


def test_the_api_shows_only_the_callers_own(partner: Any, other_partner: Any) -> None:
    with tenancy.platform_scope():
        case = services.open_case(kind="x", cause_key="t:2", title="Internal", partner_id=partner.pk, references=["REF-1"])
    mine, other = client_for(partner), client_for(other_partner)
    for client in (mine, other):
        # Cases are the desk's own affair.
        assert client.get(f"/v1/trace/{case.public_id}").status_code == 404
    assert mine.get("/v1/trace/no/such/thing%00").json()["code"] == "not_found"
    assert mine.get("/v1/trace/nothing").json()["code"] == "not_found"
    assert client_for(partner, scopes=("transfers:read",)).get("/v1/trace/x").status_code == 403


def test_the_walk_is_bounded(partner: Any, platform: None) -> None:
    rows = [
        {"kind": "x", "cause_key": f"b:{n}", "title": "many", "partner_id": partner.pk, "references": ["SAME"]}
        for n in range(MOST_NODES + 50)
    ]
    services.open_cases(rows)
    assert 0 < len(trace("same").nodes) <= MOST_NODES


def test_the_whole_life_of_a_transfer_from_any_of_its_names(api: Any, bank: Any, rail: Any, funded: Any, other_partner: Any) -> None:
    made = api.post("/v1/transfers", order(reference="inv-77")).json()
    until(["settled"])
    outbox.drain()
    with tenancy.platform_scope():
        transfer = Transfer.objects.get()
        sent = transfer.submissions.get()
        names = [
            made["id"],
            str(transfer.pk),
            "inv-77",
            sent.reference,
            transfer.settlement_batch.public_id,
            ids.encode("txn", transfer.settled_transaction_id),
        ]
        lives = {name: {node.key for node in trace(name).nodes} for name in names}
        whole = trace(made["id"])
    kinds = [node.type for node in whole.nodes]
    assert {"transfer", "settlement_batch", "ledger_transaction", "event"} <= set(kinds) and whole.complete
    assert [node.amount_minor for node in whole.nodes if node.type == "ledger_transaction"] == [1000, 1000]  # the hold and its posting
    assert whole.starts == [("transfer", str(transfer.pk))]
    assert all(life == lives[made["id"]] for life in lives.values()), {name: len(life) for name, life in lives.items()}
    answer = api.get("/v1/trace/inv-77").json()
    assert answer["steps"][0]["amount"] == "10.00" and {step["object"] for step in answer["steps"]} == set(kinds)
    assert any(tie["how"] == "settled by" for tie in answer["ties"])
    for name in names:
        assert client_for(other_partner).get(f"/v1/trace/{name}").status_code == 404


def test_the_whole_life_of_a_payment(client: Any, partner: Any) -> None:
    with tenancy.platform_scope():
        source = source_create(partner=partner, livemode=False, name="core", adapter="generic")
    body = {
        "reference_number": "RCPT-9",
        "amount": "12.34",
        "currency": "USD",
        "payment_date": clock.now().isoformat(),
        "loan_account_number": "L-9",
    }
    answer = send(client, source, body)
    assert answer.status_code < 300, answer.content
    with tenancy.platform_scope():
        found = trace("RCPT-9")
        assert [node.type for node in found.nodes if node.key in found.starts] == ["payment"]
        assert {"payment", "ledger_transaction", "event"} <= {node.type for node in found.nodes}
        posting = next(node for node in found.nodes if node.type == "ledger_transaction")
        assert posting.amount_minor == 1234 and trace(posting.public_id).nodes[0].type in {"payment", "ledger_transaction"}
        assert "payment" in {node.type for node in trace(posting.public_id).nodes}
