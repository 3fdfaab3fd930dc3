"""The trace: from any id to everything tied to it, and never across tenants."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from console.trace import MOST_NODES, trace
from ledger import services as ledger
from operations import services
from payos.kernel import ids, outbox, tenancy
from tests.conftest import client_for

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
    for text in ("", "nothing", "trf_zzz", "cas_01a", "' OR 1=1 --", "\x00"[:0] + "%", str(uuid.uuid4()), "x" * 5000):
        assert trace(text).nodes == []


def test_the_api_shows_only_the_callers_own(partner: Any, other_partner: Any) -> None:
    with tenancy.platform_scope():
        case = services.open_case(kind="x", cause_key="t:2", title="Internal", partner_id=partner.pk, references=["REF-1"])
    mine, other = client_for(partner), client_for(other_partner)
    for client in (mine, other):
        # Cases are the desk's own affair.
        assert client.get(f"/v1/trace/{case.public_id}").status_code == 404
    assert mine.get("/v1/trace/nothing").json()["code"] == "not_found"
    assert client_for(partner, scopes=("transfers:read",)).get("/v1/trace/x").status_code == 403


def test_the_walk_is_bounded(partner: Any, platform: None) -> None:
    rows = [
        {"kind": "x", "cause_key": f"b:{n}", "title": "many", "partner_id": partner.pk, "references": ["SAME"]} for n in range(MOST_NODES + 50)
    ]
    services.open_cases(rows)
    assert 0 < len(trace("same").nodes) <= MOST_NODES


assert ledger
