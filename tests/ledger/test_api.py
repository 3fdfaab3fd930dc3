"""The ledger over /v1: what a partner reads, page by page, as of any instant, and never of another partner."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from ledger import sealing, services
from ledger.services import Leg
from payos.kernel import clock, ids, tenancy
from tests.conftest import client_for

DAY = datetime(2026, 4, 1, 12, tzinfo=UTC)


@pytest.fixture
def books(partner):
    """Five payments on five days, a hold, a fee that was reversed."""
    with tenancy.tenant_scope(partner.pk, False):

        def account(code):
            return services.account_for(partner_id=partner.pk, code=code, currency="USD")

        def pay(day, amount):
            legs = [Leg(account("receivable:card"), amount), Leg(account("partner:available"), -amount)]
            return services.post(
                partner_id=partner.pk,
                kind="payment",
                legs=legs,
                effective_at=DAY + timedelta(days=day),
                external_id=f"p{day}",
                subject=("payment", f"pay_{day}"),
                description="=payment",
            )

        payments = [pay(day, 1000 + day) for day in range(5)]
        legs = [Leg(account("partner:available"), 700), Leg(account("transfers:in_transit"), -700)]
        held = services.hold(partner_id=partner.pk, legs=legs)
        fee = services.post(
            partner_id=partner.pk, kind="fee", legs=[Leg(account("partner:available"), 30), Leg(account("fees:income"), -30)]
        )
        reversal = services.reverse(transaction_id=fee.id, reason="charged twice")
        yield {
            "available": ids.encode("acc", account("partner:available")),
            "payments": payments,
            "held": held,
            "fee": fee,
            "reversal": reversal,
        }


@pytest.mark.django_db
def test_accounts_are_listed_filtered_and_read(api, books):
    page = api.get("/v1/accounts?code=partner:available").json()
    assert [row["id"] for row in page["data"]] == [books["available"]]
    one = api.get(f"/v1/accounts/{books['available']}").json()
    assert one["kind"] == "liability" and one["no_overdraft"] is True
    assert {row["kind"] for row in api.get("/v1/accounts?kind=asset").json()["data"]} == {"asset"}
    assert api.get("/v1/accounts?kind=pension").status_code == 400


@pytest.mark.django_db
def test_a_balance_is_read_now_and_in_the_past_on_both_axes(api, books):
    url = f"/v1/accounts/{books['available']}/balance"
    now = api.get(url).json()
    assert (now["posted"], now["pending"], now["available"]) == ("50.10", "7.00", "43.10")
    third = api.get(url, {"at": (DAY + timedelta(days=2)).isoformat()}).json()
    assert third["posted"] == "30.03"
    assert api.get(url, {"at": (DAY + timedelta(days=2)).isoformat(), "axis": "recorded"}).json()["posted"] == "0.00"
    assert api.get(url, {"at": clock.now().isoformat(), "axis": "recorded"}).json()["available"] == "43.10"
    assert api.get(url, {"at": "yesterday"}).json()["errors"][0]["pointer"] == "?at"
    assert api.get(url, {"at": "2026-04-01T12:00:00"}).status_code == 400
    assert api.get(url, {"axis": "diagonal"}).status_code == 400


@pytest.mark.django_db
def test_a_statement_runs_on_over_its_pages(api, books):
    url = f"/v1/accounts/{books['available']}/statement"
    whole = api.get(url, {"limit": 100}).json()
    assert [row["balance"] for row in whole["data"]] == ["10.00", "20.01", "30.03", "40.06", "50.10", "49.80", "50.10"]
    assert (whole["opening"], whole["closing"], whole["has_more"]) == ("0.00", "50.10", False)
    pages, after = [], None
    while True:
        page = api.get(url, {"limit": 2} | ({"starting_after": after} if after else {})).json()
        pages += page["data"]
        assert page["closing"] == page["data"][-1]["balance"]
        if not page["has_more"]:
            break
        after = page["data"][-1]["id"]
    assert pages == whole["data"]
    span = {"start": (DAY + timedelta(days=1)).isoformat(), "end": (DAY + timedelta(days=3)).isoformat()}
    part = api.get(url, span).json()
    assert (part["opening"], len(part["data"]), part["closing"]) == ("10.00", 2, "30.03")
    assert api.get(url, {"start": span["end"], "end": span["start"]}).status_code == 400
    assert api.get(url, {"starting_after": "ent_1"}).status_code == 400


@pytest.mark.django_db
def test_pages_of_a_statement_continue_inside_one_instant(api, books, partner):
    legs = [
        Leg(ids.decode("acc", books["available"]), 1),
        Leg(services.account_for(partner_id=partner.pk, code="fees:income", currency="USD"), -1),
    ]
    for _ in range(6):
        services.post(partner_id=partner.pk, kind="fee", legs=legs, effective_at=DAY)
    url = f"/v1/accounts/{books['available']}/statement"
    whole = api.get(url, {"limit": 100}).json()["data"]
    first = api.get(url, {"limit": 4}).json()
    second = api.get(url, {"limit": 100, "starting_after": first["data"][-1]["id"]}).json()
    assert first["data"] + second["data"] == whole
    assert second["opening"] == first["closing"]


@pytest.mark.django_db(transaction=True)
def test_files_hold_the_same_as_the_pages_and_no_formula(api, books):
    url = f"/v1/accounts/{books['available']}/statement"
    answer = api.get(f"{url}.csv")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["balance"] for row in rows] == [row["balance"] for row in api.get(url).json()["data"]]
    assert rows[0]["description"] == "'=payment"
    trial = list(csv.DictReader(io.StringIO(b"".join(api.get("/v1/ledger/trial_balance.csv").streaming_content).decode())))
    assert sum(float(row["debit"]) for row in trial) == sum(float(row["credit"]) for row in trial) > 0


@pytest.mark.django_db(transaction=True)
def test_a_transaction_shows_its_entries_its_reversal_and_its_seal(api, books):
    url = f"/v1/ledger/transactions/{books['fee'].public_id}"
    before = api.get(url).json()
    assert before["seal"] is None and before["reversed_by"] == books["reversal"].public_id
    assert [(e["direction"], e["amount"]) for e in before["entries"]] == [("debit", "0.30"), ("credit", "0.30")]
    sealing.seal_all()
    seal = api.get(url).json()["seal"]
    assert seal["position"] == 7 and len(seal["hash"]) == 64
    assert api.get(f"/v1/ledger/transactions/{books['reversal'].public_id}").json()["reverses"] == books["fee"].public_id
    listed = api.get("/v1/ledger/transactions?subject=pay_3").json()["data"]
    assert [row["id"] for row in listed] == [books["payments"][3].public_id]
    assert len(api.get("/v1/ledger/transactions?kind=payment&limit=3").json()["data"]) == 3


@pytest.mark.django_db
def test_entries_are_paged_both_ways(api, books):
    whole = api.get("/v1/ledger/entries?limit=100").json()["data"]
    assert len(whole) == 16
    pages, after = [], None
    while True:
        page = api.get("/v1/ledger/entries", {"limit": 3} | ({"starting_after": after} if after else {})).json()
        pages += page["data"]
        if not page["has_more"]:
            break
        after = page["data"][-1]["id"]
    assert pages == whole
    back = api.get("/v1/ledger/entries", {"limit": 3, "ending_before": whole[7]["id"]}).json()
    assert back["data"] == whole[4:7] and back["has_more"]
    held = api.get("/v1/ledger/entries", {"layer": "pending"}).json()["data"]
    assert {row["transaction"] for row in held} == {books["held"].public_id}
    of_one = api.get("/v1/ledger/entries", {"account": books["available"], "limit": 100}).json()["data"]
    assert len(of_one) == 8


@pytest.mark.django_db
def test_the_trial_balance_is_equal_per_currency_at_any_instant(api, books):
    for at in (None, DAY + timedelta(days=2), DAY - timedelta(days=9)):
        trial = api.get("/v1/ledger/trial_balance", {"at": at.isoformat()} if at else {}).json()
        assert trial["totals"] and all(total["equal"] for total in trial["totals"])
    assert trial["totals"][0]["debit"] == "0.00"


@pytest.mark.django_db
def test_another_partner_another_mode_and_another_scope_see_nothing(books, partner, other_partner):
    with tenancy.platform_scope():
        partner.live_enabled = True
        partner.save()
    stranger, live = client_for(other_partner), client_for(partner, livemode=True)
    for client in (stranger, live):
        for url in (
            f"/v1/accounts/{books['available']}",
            f"/v1/accounts/{books['available']}/balance",
            f"/v1/accounts/{books['available']}/statement",
            f"/v1/accounts/{books['available']}/statement.csv",
            f"/v1/ledger/transactions/{books['fee'].public_id}",
        ):
            assert client.get(url).status_code == 404, url
        assert client.get("/v1/ledger/entries").json()["data"] == []
    assert client_for(partner, scopes=("transfers:read",)).get("/v1/accounts").status_code == 403
    assert client_for(partner).post("/v1/accounts", {}).status_code == 405
