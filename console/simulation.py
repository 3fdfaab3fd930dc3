"""A whole day in minutes: partners submit, windows close, the sandbox bank settles with faults, its statement comes back,
reconciliation runs and an operator's hand is scripted. At the end the books are proven.

Everything is the product's own services against a real bank process; nothing is imitated. The seed decides amounts,
faults and the order of things.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from console.dayparts import ask_bank, settle
from ingestion import services as ingestion
from ingestion.models import PaymentStaging
from ledger import sealing, verify
from ledger.models import Hold
from operations.models import Case
from partners import services as partners
from payos.kernel import clock, outbox, tenancy
from reconciliation import services as reconciliation
from reconciliation.models import BankAccount, Discrepancy, Match, StatementLine
from settlement import services as settlement
from settlement.models import Rail, Transfer, WindowRule
from settlement.models.transfer import OPEN_STATES

FAULTS = {
    "timeout_after_execution": 0.03, "timeout_before": 0.03, "error_500": 0.04, "throttle_429": 0.03, "reject": 0.02,
    "duplicate_webhook": 0.05, "lost_webhook": 0.1, "wrong_amount": 0.01, "statement_line_missing": 0.01, "narrative_garbled": 0.02,
    "hang_seconds": 0.2,
}  # fmt: skip
BATCH = 1000
LONGEST_SECONDS = 1800


@dataclass
class Day:
    """What the day came to. `violations` is empty when every invariant holds."""

    partners: int = 0
    payments: int = 0
    transfers: int = 0
    settled: int = 0
    failed: int = 0
    executed: int = 0
    executed_twice: int = 0
    matched: int = 0
    discrepancies: dict[str, int] = field(default_factory=dict)
    open_cases: int = 0
    difference_minor: int | None = None
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"ok": not self.violations, **asdict(self)}


class Bank:
    """The sandbox bank as a process of its own."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", "--data", str(folder), "--settlement-seconds", "0.05", "--seed", str(seed), "--parent", str(os.getpid())],
            cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        port = folder / "port"
        while not (port.exists() and port.read_text().strip()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("the sandbox bank did not start")
            time.sleep(0.05)
        self.url = f"http://127.0.0.1:{port.read_text().strip()}"

    def call(self, method: str, path: str, body: object = None) -> bytes:
        return ask_bank(self.url, method, path, body)


@contextlib.contextmanager
def bank(seed: int) -> Iterator[Bank]:
    with tempfile.TemporaryDirectory(prefix="payos-day-") as folder:
        running = Bank(Path(folder), seed)
        try:
            yield running
        finally:
            running.process.terminate()
            running.process.wait(20)


def simulate(*, seed: int, partner_count: int, payments: int, transfers: int, progress: Callable[[str], None]) -> Day:
    started, day, rng = time.monotonic(), Day(partners=partner_count, payments=payments), random.Random(seed)  # nosec B311 # a repeatable day wants a seed
    with tenancy.platform_scope(actor="command:simulate_day"), bank(seed) as sandbox:
        run = uuid.uuid4().hex[:8]
        rail = _rail(sandbox, run)
        people = [partners.partner_create(name=f"Day {run} {number}", currencies=("USD",)) for number in range(partner_count)]
        _payments(people, payments, rng, progress)
        sandbox.call("PUT", "/faults", {**FAULTS, "seed": seed})
        made = _transfers(people, rail, transfers, rng, progress)
        day.transfers = len(made)
        settle(rail=rail, mine=Transfer.objects.filter(rail=rail), seconds=LONGEST_SECONDS, progress=progress)
        sandbox.call("PUT", "/faults", {})
        account = _statement(sandbox, rail, progress)
        progress("reconciliation")
        reconciliation.run_account(account=account, trigger="daily")
        _operator(account, progress)
        _judge(day, sandbox, rail, account, made)
    day.seconds = round(time.monotonic() - started, 1)
    return day


def _rail(sandbox: Bank, run: str) -> Rail:
    rail = Rail.objects.create(
        code=f"day-{run}", name=f"Sandbox of {run}", adapter="sandbox", currencies=["USD"], destination_types=["us_bank"],
        config={"url": sandbox.url, "timeout": 2, "not_found_is_final_after": 5}, credentials="sandbox-key", speed_minutes=5, fallback=False,
        max_attempts=2,
    )  # fmt: skip
    WindowRule.objects.create(rail=rail, frequency="continuous")
    return rail


def _payments(people: list[Any], count: int, rng: random.Random, progress: Callable[[str], None]) -> None:
    progress(f"{count:,} payments in")
    now = clock.now()
    for start in range(0, count, 5000):
        PaymentStaging.objects.bulk_create(
            PaymentStaging(
                partner_id=people[number % len(people)].pk,
                reference_number=f"D-{number:08d}",
                loan_account_number=f"L-{number % 999}",
                amount=f"{rng.randrange(10_000, 900_000) / 100:.2f}",
                payment_date=now,
                payment_channel="day",
            )  # fmt: skip
            for number in range(start, min(start + 5000, count))
        )
    ingestion.process_all(batch=5000)


def _transfers(people: list[Any], rail: Rail, count: int, rng: random.Random, progress: Callable[[str], None]) -> list[uuid.UUID]:
    progress(f"{count:,} transfers out")
    made: list[uuid.UUID] = []
    for place, partner in enumerate(people):
        share = count // len(people) + (place < count % len(people))
        for start in range(0, share, BATCH):
            items = [_order(rail, rng) for _ in range(min(BATCH, share - start))]
            with tenancy.tenant_scope(partner.pk, False, actor="simulation"), transaction.atomic():
                checked = settlement.check_items(partner=partner, livemode=False, items=items)
                made += [transfer.pk for transfer in settlement.accept(partner=partner, livemode=False, items=checked)]
    return made


def _order(rail: Rail, rng: random.Random) -> dict[str, Any]:
    return {
        "amount": f"{rng.randrange(100, 5_000) / 100:.2f}", "currency": "USD", "rail": rail.code,
        "destination": {"type": "us_bank", "routing_number": "021000021", "account_number": str(rng.randrange(10**8, 10**9)),
                        "account_type": "checking", "holder_name": "Day Receiver"},
    }  # fmt: skip


def _statement(sandbox: Bank, rail: Rail, progress: Callable[[str], None]) -> BankAccount:
    progress("the bank's statement")
    number = next(row["number"] for row in json.loads(sandbox.call("GET", "/accounts"))["data"] if row["currency"] == "USD")
    account = BankAccount.objects.create(
        name=rail.name, identifier=f"{number}-{rail.code}", currency="USD", rail_code=rail.code, grace_days=0
    )
    content = sandbox.call("GET", f"/statements/{clock.now():%Y-%m-%d}.mt940?currency=USD")
    content = content.replace(number.encode(), account.identifier.encode())
    file, _ = ingestion.receive_file(content=io.BytesIO(content), name=f"{rail.code}.sta", partner_id=None)
    ingestion.process_file(file=file)
    return account


def _operator(account: BankAccount, progress: Callable[[str], None]) -> None:
    """The scripted hand: one line that nobody claims is booked to suspense, one match is taken back and made again."""
    stray = StatementLine.objects.filter(account=account, state="open").order_by("pk").first()
    if stray is not None:
        reconciliation.adjust_line(line=stray, code="suspense", partner_id=_any_partner(account), reason="simulated operator")
    match = Match.objects.filter(account=account, state="active").order_by("pk").first()
    if match is not None:
        reconciliation.unmatch(match=match, reason="simulated operator")
        reconciliation.run_account(account=account)
    progress("the operator has gone home")


def _any_partner(account: BankAccount) -> uuid.UUID | None:
    first = Transfer.objects.filter(rail__code=account.rail_code).order_by("pk").first()
    return first.partner_id if first else None


def _judge(day: Day, sandbox: Bank, rail: Rail, account: BankAccount, made: list[uuid.UUID]) -> None:
    """The invariants, each by name."""
    mine = Transfer.objects.filter(rail=rail)
    states = dict.fromkeys(OPEN_STATES, 0) | {
        state: mine.filter(state=state).count() for state in ("settled", "reconciled", "failed", "returned")
    }
    day.settled, day.failed = states["settled"] + states["reconciled"], states["failed"] + states["returned"]
    truth = json.loads(sandbox.call("GET", "/executions?limit=1"))
    day.executed, day.executed_twice = int(truth.get("totals", {}).get("executions", 0)), len(truth.get("executed_more_than_once", []))
    outbox.drain()
    sealing.seal_all()
    proof = reconciliation.prove(account=account, on=clock.now().date())
    day.difference_minor = proof.difference_minor
    found = Discrepancy.objects.filter(account=account, state="open")
    day.discrepancies = {kind: found.filter(type=kind).count() for kind in sorted(set(found.values_list("type", flat=True)))}
    day.matched = Match.objects.filter(account=account, state="active").count()
    day.open_cases = Case.objects.filter(data__account=str(account.pk)).exclude(state="resolved").count()
    checks = {
        "every transfer reached an end": not mine.filter(state__in=OPEN_STATES).exists() and mine.count() == len(made),
        "the bank executed nothing twice": day.executed_twice == 0,
        "holds are zero": not Hold.objects.filter(
            partner_id__in=set(mine.values_list("partner_id", flat=True)), remaining_minor__gt=0
        ).exists(),
        "the balance proof is green": proof.difference_minor == 0,
        "every open discrepancy is a case": day.open_cases >= found.count(),
        "no event waits or is parked": (lag := outbox.lag())["unhandled"] == 0 and lag["parked"] == 0,
    }
    day.violations = [name for name, holds in checks.items() if not holds]


def ledger_is_whole() -> bool:
    """Apart, because it wants a transaction of its own."""
    return verify.verify().ok
