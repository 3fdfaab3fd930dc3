"""A demo day: two weeks of payments and a day of transfers of the demo partners, so that every page has something on it.

Nothing is painted. Payments go through the staging table, transfers through the running sandbox bank (told to misbehave now
and then), statements through the importer, and the queue holds what reconciliation really found. Running it again adds more.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from console import rollups
from console.dayparts import ask_bank, settle
from ingestion import services as ingestion
from ingestion.models import Payment, PaymentStaging
from ledger import sealing
from partners.models import Branch, Partner
from payos.kernel import clock, ids, outbox, tenancy
from payos.kernel.errors import Problem
from payos.kernel.money import to_decimal_str
from reconciliation import services as reconciliation
from reconciliation.models import BankAccount
from settlement import services as settlement
from settlement.models import Rail, Transfer

DAYS = 14
PAYMENTS, TRANSFERS = 600, 60
LONGEST_SECONDS = 120
# (partner, currency, channel, smallest, largest), in minor units.
TAKINGS = [
    ("acme-lending", "USD", "ach", 15_000, 90_000),
    ("boreal-payouts", "MXN", "spei", 20_000, 2_000_000),
    ("savanna-retail", "KES", "mpesa", 5_000, 750_000),
]
FAULTS = {
    "timeout_after_execution": 0.04, "error_500": 0.05, "reject": 0.04, "duplicate_webhook": 0.1, "lost_webhook": 0.05,
    "wrong_amount": 0.05, "statement_line_missing": 0.05, "narrative_garbled": 0.08, "hang_seconds": 0.3,
}  # fmt: skip
COLLECTIONS = "KCB-0451-2207"


def play(*, seed: int, progress: Callable[[str], None]) -> dict[str, int]:
    rng = random.Random(seed)  # nosec B311 # a repeatable day wants a seed
    with tenancy.platform_scope(actor="command:demo_day", reason="demo day"):
        people = {partner.slug: partner for partner in Partner.objects.filter(slug__in=[row[0] for row in TAKINGS])}
        if len(people) != len(TAKINGS):
            raise Problem("unprocessable", "There are no demo partners here: run `manage.py seed_demo` first.")
        rail = Rail.objects.filter(code="sandbox").first()
        if rail is None:
            raise Problem("unprocessable", "There is no sandbox rail here: run `manage.py seed_demo` first.")
        _bank(rail, "GET", "/accounts")
        started = clock.now()
        _payments(people, rng, progress)
        _collections(people["savanna-retail"], rng, progress)
        _bank(rail, "PUT", "/faults", {**FAULTS, "seed": seed})
        try:
            made = _transfers(people, rng, progress)
            if left := settle(rail=rail, mine=Transfer.objects.filter(pk__in=made), seconds=LONGEST_SECONDS, progress=progress):
                progress(f"{left} transfers are still under way: the clock goes on with them")
        finally:
            _bank(rail, "PUT", "/faults", {})
        _statements(rail, progress)
        progress("reconciling, sealing, adding up")
        for account in BankAccount.objects.filter(active=True).order_by("pk"):
            reconciliation.run_account(account=account, trigger="daily")
            reconciliation.prove(account=account, on=clock.today())
    outbox.drain()
    sealing.seal_all()
    with tenancy.platform_scope(actor="command:demo_day"):
        rollups.roll(deep=True, days=DAYS + 1)
        from operations.models import Case

        return {
            "payments": Payment.objects.filter(created_at__gte=started).count(),
            "transfers": len(made),
            "cases": Case.objects.exclude(state="resolved").count(),
        }


def _bank(rail: Rail, method: str, path: str, body: object = None) -> bytes:
    return ask_bank(str(rail.config.get("url") or settings.SANDBOX_URL), method, path, body)


def _payments(people: dict[str, Any], rng: random.Random, progress: Callable[[str], None]) -> None:
    progress(f"{PAYMENTS} payments of the last {DAYS} days")
    branches = list(Branch.objects.filter(partner=people["savanna-retail"], livemode=False).values_list("code", flat=True))
    now, rows = clock.now(), []
    for number in range(PAYMENTS):
        slug, currency, channel, low, high = TAKINGS[number % len(TAKINGS)]
        paid = now - timedelta(days=rng.randrange(DAYS), minutes=rng.randrange(600))
        reference = f"{channel.upper()}{paid:%y%m%d}{rng.randrange(10**8):08d}"
        rows.append(
            PaymentStaging(
                partner_id=people[slug].pk,
                reference_number=reference,
                loan_account_number=f"LN-{rng.randrange(900):05d}",
                amount=to_decimal_str(rng.randrange(low, high), currency),
                currency=currency,
                payment_date=paid,
                payment_channel=channel,
                branch_code=rng.choice(branches) if slug == "savanna-retail" and branches else None,
            )  # fmt: skip
        )
    # What every feed has: a repeat, a contradiction, and rows that cannot be right.
    first = rows[0]
    same = {"partner_id": first.partner_id, "reference_number": first.reference_number, "loan_account_number": first.loan_account_number}
    more = {"currency": first.currency, "payment_date": first.payment_date, "payment_channel": first.payment_channel}
    rows += [
        PaymentStaging(**same, **more, amount=first.amount),
        PaymentStaging(**same, **more, amount="1.00"),
        PaymentStaging(**{**same, "reference_number": f"NEG{rng.randrange(10**6)}"}, **more, amount="-20.00"),
        PaymentStaging(**{**same, "reference_number": f"CUR{rng.randrange(10**6)}"}, **{**more, "currency": "XXQ"}, amount="20.00"),
    ]
    PaymentStaging.objects.bulk_create(rows)
    ingestion.process_all()


def _collections(partner: Any, rng: random.Random, progress: Callable[[str], None]) -> None:
    """The collection account's statement of the two weeks: nearly as the books have it."""
    progress("the collection bank's statement")
    account, _ = BankAccount.objects.get_or_create(
        partner=partner,
        livemode=False,
        identifier=COLLECTIONS,
        currency="KES",
        defaults={"name": "KCB collections", "rail_code": "kcb", "channels": ["mpesa"]},
    )
    today = clock.today()
    lines = []
    for place, payment in enumerate(_unconfirmed(partner)):
        day, amount, reference = payment.payment_date.date(), payment.amount_minor, payment.reference_number
        if place % 47 == 3:
            continue  # the bank has not got it
        if place % 47 == 7:
            amount -= 100  # another amount under the right reference
        if place % 47 == 11:
            reference = reference[:5] + reference[6:]  # a digit lost
        lines.append(
            f"{day},{to_decimal_str(amount, 'KES')},KES,{reference},M-PESA C2B {rng.randrange(10**6):06d} {reference},{COLLECTIONS}"
        )
    lines.append(f"{today},2500.00,KES,,CASH DEPOSIT COUNTER 3,{COLLECTIONS}")
    content = "\n".join(["date,amount,currency,reference,description,account", *lines]).encode() + b"\n"
    file, _ = ingestion.receive_file(content=io.BytesIO(content), name=f"kcb-{today}-{ids.uuid7().hex[-6:]}.csv", partner_id=partner.pk)
    ingestion.process_file(file=file)
    reconciliation.run_account(account=account, trigger="arrival")


def _unconfirmed(partner: Any) -> list[Payment]:
    found = Payment.objects.filter(partner=partner, livemode=False, currency="KES", payment_channel="mpesa", state="recorded")
    return list(found.filter(payment_date__gte=clock.now() - timedelta(days=DAYS + 1)).order_by("payment_date", "id"))


def _transfers(people: dict[str, Any], rng: random.Random, progress: Callable[[str], None]) -> list[Any]:
    progress(f"{TRANSFERS} transfers out")
    made: list[Any] = []
    for slug, currency, to in (("acme-lending", "USD", _us), ("boreal-payouts", "MXN", _mx)):
        items = [
            {
                "amount": to_decimal_str(rng.randrange(2_000, 60_000), currency), "currency": currency, "rail": "sandbox",
                "destination": to(rng), "reference": f"PAYOUT-{rng.randrange(10**6):06d}", "description": "Loan disbursement",
            }
            for _ in range(TRANSFERS // 2)
        ]  # fmt: skip
        partner = people[slug]
        with tenancy.tenant_scope(partner.pk, False, actor="command:demo_day"), transaction.atomic():
            checked = settlement.check_items(partner=partner, livemode=False, items=items)
            made += [transfer.pk for transfer in settlement.accept(partner=partner, livemode=False, items=checked)]
    return made


def _us(rng: random.Random) -> dict[str, str]:
    number = str(rng.randrange(10**8, 10**9))
    return {
        "type": "us_bank",
        "routing_number": "021000021",
        "account_number": number,
        "account_type": "checking",
        "holder_name": "Demo Receiver",
    }


def _mx(rng: random.Random) -> dict[str, str]:
    body = f"002010{rng.randrange(10**11):011d}"
    check = (10 - sum(int(digit) * weight % 10 for digit, weight in zip(body, (3, 7, 1) * 6, strict=False)) % 10) % 10
    return {"type": "clabe", "clabe": f"{body}{check}", "holder_name": "Demo Receiver"}


def _statements(rail: Rail, progress: Callable[[str], None]) -> None:
    progress("the sandbox bank's statements")
    for currency in ("USD", "MXN"):
        content = _bank(rail, "GET", f"/statements/{clock.today()}.camt053?currency={currency}")
        file, new = ingestion.receive_file(content=io.BytesIO(content), name=f"sandbox-{clock.today()}-{currency}.xml", partner_id=None)
        if new:
            ingestion.process_file(file=file)
