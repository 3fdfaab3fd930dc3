"""Money out at volume: a list checked, 10,000 transfers accepted with their funds held, closed in one window, sent to the
sandbox bank over HTTP and settled. Beside it a bare httpx loop against the same bank: the most that one process could send.

The bank is a process of its own on the same machine, so what it costs is in the figures of sending. The database is one
made for the bench.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from django.db import connection, transaction

from bench import scratch
from ledger import verify
from ledger.services import Leg, account_for, post
from partners import services as partners
from payos.kernel import ids, tenancy
from payos.kernel.bench import Progress, Report
from settlement import routing, secrets, services, snapshot
from settlement.chaos.processes import Bank
from settlement.models import Rail, SettlementBatch, Transfer, WindowRule
from settlement.services import executing

FUNDS = 10**13
BATCH = 1000


def add_arguments(parser: Any) -> None:
    parser.add_argument("--transfers", type=int, default=10_000)
    parser.add_argument("--sent", type=int, default=3_000, help="how many of them are sent over HTTP")
    parser.add_argument("--seed", type=int, default=1)


def run(options: dict[str, Any], progress: Progress) -> Report:
    count, sent = options["transfers"], min(options["sent"], options["transfers"])
    report = Report("settlement")
    with scratch.database("bench_settlement", progress), _bank(options["seed"]) as bank:
        partner, rail, rule = _set_up(bank)
        items = [_item(random.Random(f"{options['seed']}:{n}"), n) for n in range(count + BATCH)]
        _validation(report, partner, items[:BATCH], progress)
        _router(report, partner)
        _accept(report, partner, items[BATCH:], progress)
        _close(report, rule, count, progress)
        _execute(report, bank, rail, sent, progress)
        progress("checking the ledger")
        verdict = verify.verify(partner.pk)
        report.notes.append("the ledger verifies" if verdict.ok else f"THE LEDGER DOES NOT VERIFY: {verdict.problems[:1]}")
    return report


@contextmanager
def _bank(seed: int) -> Iterator[Bank]:
    with tempfile.TemporaryDirectory(prefix="payos-bench-") as folder:
        bank = Bank(Path(folder), seed=seed, webhook_url="", secret="bench-secret")
        try:
            yield bank
        finally:
            bank.stop()


def _set_up(bank: Bank) -> tuple[Any, Rail, WindowRule]:
    partner = partners.partner_create(name="Bench", currencies=("USD",))
    who = {"partner_id": partner.pk, "livemode": False}
    with tenancy.tenant_scope(partner.pk, False):
        legs = [
            Leg(account_for(**who, code="receivable:bench", currency="USD"), FUNDS),
            Leg(account_for(**who, code="partner:available", currency="USD"), -FUNDS),
        ]
        post(**who, kind="payment", legs=legs)
    with tenancy.platform_scope():
        common = {"currencies": ["USD"], "destination_types": ["us_bank"], "adapter": "sandbox"}
        rail = Rail.objects.create(
            code="sandbox", name="Sandbox", config={"url": bank.url}, credentials=secrets.packed({"key": "sandbox-key"}), per_second=100_000,
            speed_minutes=5, **common,
        )  # fmt: skip
        for n in range(4):  # so that the router has something to turn down
            Rail.objects.create(code=f"other{n}", name=f"Other {n}", cost_fixed_minor=100 * (n + 1), **common)
        rule = WindowRule.objects.create(rail=rail, frequency="end_of_day")
    return partner, rail, rule


def _item(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "amount": f"{rng.randint(100, 999_999) / 100:.2f}", "currency": "USD", "reference": f"bench-{number}", "description": "Salary",
        "metadata": {"run": "2026-11", "row": str(number)},
        "destination": {
            "type": "us_bank", "routing_number": rng.choice(["021000021", "011401533", "091000019"]), "account_number": str(rng.randint(10**8, 10**10)),
            "account_type": "checking", "holder_name": "Jane Doe",
        },
    }  # fmt: skip


def _validation(report: Report, partner: Any, items: list[dict[str, Any]], progress: Progress) -> None:
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        with tenancy.tenant_scope(partner.pk, False):
            services.check_items(partner=partner, livemode=False, items=items, prefix="/transfers")
        taken.append((time.perf_counter() - started) * 1000)
    report.figure("validation of 1,000 items", taken, "ms")
    report.ratio("validation of 1,000 items, ms", sorted(taken)[2], 1.0, 300.0, at_most=True)
    progress(f"validation: {sorted(taken)[2]:.0f} ms")


def _router(report: Report, partner: Any) -> None:
    facts = snapshot.take(partner.pk)
    taken = []
    for n in range(2000):
        wanted = routing.Wanted(f"t{n}", 1000 + n, "USD", "us_bank")
        started = time.perf_counter()
        routing.route(facts.views, wanted)
        taken.append((time.perf_counter() - started) * 1000)
    report.figure("one routing decision over five rails, median", sorted(taken)[1000], "ms")
    report.figure("one routing decision over five rails, 99th percentile", sorted(taken)[1980], "ms")


def _accept(report: Report, partner: Any, items: list[dict[str, Any]], progress: Progress) -> None:
    """Beside it, interleaved: the rows of the transfers alone by Django's bulk_create, rolled back. Nothing checked, held, routed or told."""
    rates, bare, seconds, ours, servers = [], [], 0.0, [], []
    connection.ensure_connection()
    server = connection.connection.info.backend_pid
    for start in range(0, len(items), BATCH):
        part = items[start : start + BATCH]
        before, began, started = time.process_time(), _cpu(server), time.perf_counter()
        with tenancy.tenant_scope(partner.pk, False):
            batch = services.accept_batch(partner=partner, livemode=False, items=part, name=f"bench {start}")
        took = time.perf_counter() - started
        ours.append((time.process_time() - before) * 1000 * BATCH / len(part))
        servers.append((_cpu(server) - began) * 1000 * BATCH / len(part))
        seconds += took
        rates.append(len(part) / took)
        bare.append(len(part) / _inserted(partner, batch))
    overall = len(items) / seconds
    report.figure("accepted in batches of 1,000, funds held, one process", rates, "transfers/s")
    report.figure("bare rows of transfers by bulk_create", bare, "transfers/s")
    report.figure("processor time of 1,000 accepted: this process", ours, "ms")
    report.figure("processor time of 1,000 accepted: its database process", statistics.mean(servers), "ms")
    report.ratio("accepted a second", overall, 1.0, 3000.0)
    report.ratio("accepted beside bare rows", sorted(rates)[len(rates) // 2], sorted(bare)[len(bare) // 2])
    progress(f"accepted: {overall:.0f} a second, bare rows {sorted(bare)[len(bare) // 2]:.0f}")


def _inserted(partner: Any, batch: Any) -> float:
    with tenancy.tenant_scope(partner.pk, False), transaction.atomic():
        rows = list(Transfer.objects.filter(batch=batch))
        for row in rows:
            row.pk = ids.uuid7()
        started = time.perf_counter()
        Transfer.objects.bulk_create(rows)
        took = time.perf_counter() - started
        transaction.set_rollback(True)
    return took


def _cpu(pid: int) -> float:
    """Seconds of processor time of another process; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _close(report: Report, rule: WindowRule, count: int, progress: Progress) -> None:
    with tenancy.platform_scope():
        closes_at = Transfer.objects.latest("window_at").window_at
    started = time.perf_counter()
    services.close_window(rule=rule, closes_at=closes_at)
    seconds = time.perf_counter() - started
    with tenancy.platform_scope():
        batch = SettlementBatch.objects.get()
    if batch.count != count:
        report.notes.append(f"the window closed {batch.count} of {count}")
    report.figure(f"closing {count} transfers in one window", seconds, "s")
    report.figure("closed a second", count / seconds, "transfers/s")
    report.ratio(f"closing {count}, seconds", seconds, 1.0, 5.0, at_most=True)
    progress(f"closed in {seconds:.2f} s")


def _execute(report: Report, bank: Bank, rail: Rail, count: int, progress: Progress) -> None:
    """Interleaved rounds of ours and the bare loop, so that both meet the same machine and the same bank."""
    rounds, ours, bare = 3, [], []
    for number in range(rounds):
        started = time.perf_counter()
        done = services.execute_rail(rail_code=rail.code, limit=count // rounds, seconds=600)
        ours.append(done / (time.perf_counter() - started))
        bare.append(_bare(bank, done // 2 or 1, number))
    with tenancy.platform_scope():
        known = Transfer.objects.filter(state__in=["submitted", "settled"]).count()
    report.figure("executed over HTTP, one worker process", ours, "transfers/s")
    report.figure("the bare httpx loop against the same bank", bare, "calls/s")
    report.ratio("executed a second", sorted(ours)[1], 1.0, 200.0)
    report.ratio("executed beside the bare loop", sorted(ours)[1], sorted(bare)[1])
    report.notes.append(f"{known} transfers were sent by {executing.THREADS} threads")
    progress(f"executed: {sorted(ours)[1]:.0f} a second, the bare loop {sorted(bare)[1]:.0f}")
    started = time.perf_counter()
    settled = services.sweep()
    report.figure("settled by reading the bank's list", settled / (time.perf_counter() - started), "transfers/s")


def _bare(bank: Bank, count: int, number: int) -> float:
    with httpx.Client(base_url=bank.url, headers={"Authorization": "Bearer sandbox-key"}, timeout=10, trust_env=False) as client:

        def one(n: int) -> None:
            body = {
                "reference": f"bare-{number}-{n}",
                "amount_minor": 100,
                "currency": "USD",
                "destination": {"type": "us_bank", "routing_number": "021000021", "account_number": "123456789"},
            }
            client.post("/transfers", content=json.dumps(body), headers={"Content-Type": "application/json"}).raise_for_status()

        started = time.perf_counter()
        with ThreadPoolExecutor(executing.THREADS) as pool:
            list(pool.map(one, range(count)))
        return count / (time.perf_counter() - started)
