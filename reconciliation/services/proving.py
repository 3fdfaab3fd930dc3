"""The balance proof: bank closing = opening + ledger cash + lines not booked, every term a list. Green, or the exact difference.

The ledger's cash moves when a statement confirms it, so what is in transit is not in either side; it is listed beside.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection, transaction

from ledger import selectors
from ledger.models import Account
from payos.kernel import clock, sqlfile, tenancy
from reconciliation.models import BalanceProof, BankAccount, Statement

LIST_LIMIT = 500


@transaction.atomic
def prove(*, account: BankAccount, on: date) -> BalanceProof:
    """Prove one account and day and keep the result; proving again replaces it."""
    with tenancy.platform_scope(actor=tenancy.current().actor or "clock:proof"):
        closing = _closing(account, on)
        terms = _terms(account, on)
        ledger = terms.pop("ledger_minor")
        in_transit = sum(row["amount_minor"] for row in terms["in_transit"]) + terms.pop("in_transit_rest")
        not_booked = sum(row["amount_minor"] for row in terms["not_booked"]) + terms.pop("not_booked_rest")
        difference = None if closing is None else closing - (ledger + not_booked + terms["opening_minor"])
        proof, _ = BalanceProof.objects.update_or_create(
            account=account,
            on=on,
            defaults={
                "partner_id": account.partner_id, "livemode": account.livemode, "closing_minor": closing, "ledger_minor": ledger,
                "in_transit_minor": in_transit, "not_booked_minor": not_booked, "difference_minor": difference, "terms": terms,
                "made_at": clock.now(),
            },
        )  # fmt: skip
        return proof


def _closing(account: BankAccount, on: date) -> int | None:
    last = Statement.objects.filter(account=account, on__lte=on, closing_minor__isnull=False).order_by("-on", "-id").first()
    return last.closing_minor if last else None


def _ledger(account: BankAccount, end: datetime) -> int:
    """The ledger's own cash balance at the end of the day, over every partner whose money the account carries."""
    rows = Account.objects.filter(code=account.cash_code, currency=account.currency, livemode=account.livemode)
    if account.partner_id:
        rows = rows.filter(partner_id=account.partner_id)
    instant = end - timedelta(microseconds=1)
    return sum(selectors.balance_at(row, instant).posted_minor for row in rows)


def _terms(account: BankAccount, on: date) -> dict[str, Any]:
    first = Statement.objects.filter(account=account, opening_minor__isnull=False).order_by("on", "id").first()
    values = {
        "account": account.pk, "on": on, "limit": LIST_LIMIT, "code": account.cash_code, "currency": account.currency,
        "livemode": account.livemode, "partner": account.partner_id, "rail": account.rail_code, "channels": account.channels or [],
        "end": datetime.combine(on + timedelta(days=1), time(), UTC),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "proof_not_booked.sql"), values)
        not_booked = [
            dict(zip(("line", "on", "amount_minor", "reference", "description", "all_minor"), row, strict=True))
            for row in cursor.fetchall()
        ]
        cursor.execute(sqlfile.load(__file__, "proof_in_transit.sql"), values)
        in_transit = [dict(zip(("item", "on", "amount_minor", "reference", "all_minor"), row, strict=True)) for row in cursor.fetchall()]
    return {
        "ledger_minor": _ledger(account, values["end"]),  # type: ignore[arg-type]
        "opening_minor": first.opening_minor if first else 0,
        "not_booked": [_plain(row) for row in not_booked],
        "not_booked_rest": (not_booked[0]["all_minor"] if not_booked else 0) - sum(row["amount_minor"] for row in not_booked),
        "in_transit": [_plain(row) for row in in_transit],
        "in_transit_rest": (in_transit[0]["all_minor"] if in_transit else 0) - sum(row["amount_minor"] for row in in_transit),
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if key in {"line", "item", "on"} else value for key, value in row.items() if key != "all_minor"}
