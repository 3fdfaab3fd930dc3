"""A little of everything, for one partner and mode: rows behind every id that an address can carry."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from ingestion import services as ingestion
from ingestion.models import Payment
from ingestion.services import recording
from ledger.models import Account, Transaction
from ledger.services import Leg, account_for, post
from partners.models import Partner
from partners.services import branch_create
from payos.kernel import clock, outbox, tenancy
from reconciliation import services as reconciliation
from reconciliation.models import BankAccount, Discrepancy, Match, Run
from settlement import services as settlement
from settlement.models import Rail, Submission, Transfer, TransferBatch, WindowRule
from settlement.rails import base
from webhooks import services as webhooks
from webhooks.models import Delivery, Endpoint

# Nobody listens at either of them.
RECEIVERS = {False: "http://127.0.0.1:49151/hook", True: "https://203.0.113.9/hook"}
STATEMENT = b"date,amount,currency,reference,description,account,balance\n%s,77.00,USD,%s,Nobody knows,%s,77.00\n"


def order(**fields: Any) -> dict[str, Any]:
    destination = {
        "type": "us_bank",
        "routing_number": "021000021",
        "account_number": "987650001234",
        "account_type": "checking",
        "holder_name": "Jane Doe",
    }
    return {"amount": "10.00", "currency": "USD", "rail": "tour", "destination": destination, **fields}


@dataclass
class Belongings:
    """What one partner has in one mode. `ids` by the kind of the thing; `marks` are texts that only its owner may read."""

    partner: Partner
    livemode: bool
    ids: dict[str, str] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)


def rail() -> Rail:
    with tenancy.platform_scope():
        made, _ = Rail.objects.get_or_create(
            code="tour",
            defaults={
                "name": "Sandbox",
                "adapter": "sandbox",
                "currencies": ["USD"],
                "destination_types": ["us_bank"],
                "config": {"url": "http://127.0.0.1:9"},
                "speed_minutes": 5,
            },
        )
        WindowRule.objects.get_or_create(rail=made, frequency="continuous")
    return made


def furnish(partner: Partner, livemode: bool, mark: str) -> Belongings:
    """One of each, made by the product's own services. `mark` stands in every text of it."""
    by = rail()
    has = Belongings(partner, livemode)
    who: dict[str, Any] = {"partner_id": partner.pk, "livemode": livemode}
    with tenancy.tenant_scope(partner.pk, livemode):
        branch = branch_create(partner=partner, code=f"B-{mark}", name=f"Branch {mark}", livemode=livemode)
        legs = [
            Leg(account_for(**who, code="receivable:card", currency="USD"), 100_000_00),
            Leg(account_for(**who, code="partner:available", currency="USD"), -100_000_00),
        ]
        post(**who, kind="payment", legs=legs)
        endpoint, _ = webhooks.endpoint_create(
            partner=partner, livemode=livemode, url=RECEIVERS[livemode], event_types=("*",), description=f"Hook {mark}"
        )
        body = {
            "reference_number": f"PAY-{mark}",
            "loan_account_number": f"L-{mark}",
            "amount": "12.00",
            "payment_date": clock.now().isoformat(),
            "payment_channel": "card",
        }
        recording.record(
            **who,
            source=f"src-{mark}",
            payment=recording.check(body, currency="USD", channel="card", branches={}, branch_id=None, hold_days=0),
        )
        items = settlement.check_items(
            partner=partner,
            livemode=livemode,
            items=[order(reference=f"REF-{mark}", description=f"For {mark}", metadata={"m": mark})],
        )
        (single,) = settlement.accept(partner=partner, livemode=livemode, items=items)
        (_, waiting) = (
            settlement.accept_batch(partner=partner, livemode=livemode, items=[order(reference=f"BAT-{mark}")], name=f"Batch {mark}"),
            settlement.accept(
                partner=partner,
                livemode=livemode,
                items=settlement.check_items(partner=partner, livemode=livemode, items=[order(reference=f"WAIT-{mark}")]),
            ),
        )
    _settle(by, [single])
    with tenancy.platform_scope():
        account = BankAccount.objects.create(
            partner=partner,
            livemode=livemode,
            name=f"Bank {mark}",
            identifier=f"ID{mark}",
            currency="USD",
            rail_code="tour",
            grace_days=0,
        )
    content = STATEMENT % (clock.now().date().isoformat().encode(), f"LINE-{mark}".encode(), f"ID{mark}".encode())
    row = f"{clock.now().date().isoformat()},-10.00,USD,{single.public_id},Paid,ID{mark},67.00\n".encode()
    with tenancy.platform_scope():
        file, _ = ingestion.receive_file(content=io.BytesIO(content + row), name=f"{mark}.csv", partner_id=partner.pk, livemode=livemode)
        file = ingestion.process_file(file=file)
        assert file.state == "processed", file.facts
        reconciliation.run_account(account=account)
    for _ in range(3):
        outbox.drain()
    mine: dict[str, Any] = {"partner_id": partner.pk, "livemode": livemode}
    with tenancy.platform_scope():
        delivery = Delivery.objects.filter(endpoint=endpoint).order_by("pk").first()
        rows = {
            "branch": branch, "account": Account.objects.filter(**mine).first(), "transaction": Transaction.objects.filter(**mine).first(),
            "endpoint": Endpoint.objects.get(pk=endpoint.pk), "delivery": delivery, "payment": Payment.objects.filter(**mine).first(),
            "transfer": Transfer.objects.get(pk=waiting[0].pk), "batch": TransferBatch.objects.filter(**mine).first(), "bank_account": account,
            "run": Run.objects.filter(**mine).first(), "match": Match.objects.filter(**mine).first(), "discrepancy": Discrepancy.objects.filter(**mine).first(),
        }  # fmt: skip
        missing = [name for name, row in rows.items() if row is None]
        assert not missing, f"the world has no {', '.join(missing)}"
        has.ids = {name: row.public_id for name, row in rows.items()}  # type: ignore[union-attr]
        has.ids["settled"] = single.public_id
        has.ids["file"] = file.public_id
        has.ids["event"] = delivery.event_public_id if hasattr(delivery, "event_public_id") else _event(delivery)
    has.marks = [mark, *has.ids.values()]
    return has


def _event(delivery: Any) -> str:
    from payos.kernel import ids

    return ids.encode("evt", delivery.event_id)


def _settle(by: Rail, transfers: list[Transfer]) -> None:
    """What the rail would have answered is applied directly."""
    from settlement.services.executing import claim

    settlement.close_due_windows()
    claim(by, 100)
    wanted = [transfer.pk for transfer in transfers]
    with tenancy.platform_scope():
        answers = [(row.transfer_id, row.reference, base.Answer(base.SETTLED)) for row in Submission.objects.filter(transfer__in=wanted)]
    settlement.apply(rail=by, answers=answers)


def fingerprint(ignore: tuple[str, ...] = ()) -> dict[str, tuple[int, int]]:
    """Every table the application can read: how many rows, and a sum over all that stands in them."""
    with transaction.atomic(), tenancy.platform_scope(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1"
        )
        tables = [name for (name,) in cursor.fetchall() if name not in ignore]
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{name}', count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM \"{name}\" t" for name in tables
            )
        )
        return {name: (count, int(mark)) for name, count, mark in cursor.fetchall()}


def changed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[str]:
    return [name for name, value in after.items() if before.get(name) != value]
