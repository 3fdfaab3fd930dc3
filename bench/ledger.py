"""`manage.py bench ledger`: what double entry kept by the database costs, beside its controls, in one run on one server.

Single commits are measured in short slices taken in turn (control, ours, pgledger), so that a busy machine slows all alike.
The control is the least a durable write can cost from the same client: one bare row, one commit.
"""

from __future__ import annotations

import itertools
import multiprocessing
import random
import resource
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import CommandError
from django.db import connection, connections

from bench import scratch
from ledger import sealing, selectors, services, verify
from ledger.models import Account
from ledger.services import Leg, Posting
from partners import services as partners
from payos.kernel import ids, tenancy
from payos.kernel.bench import Progress, Report

PARTS = ("single", "batch", "hot", "asof", "verify")
CLIENTS = 8
START = datetime(2026, 1, 1, tzinfo=UTC)


def add_arguments(parser: Any) -> None:
    parser.add_argument("--pgledger", metavar="FILE", help="pgledger's published SQL (with what it needs): measured beside ours")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; may be given more than once")
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the large account of the as-of reads")
    parser.add_argument("--rounds", type=int, default=9, help="slices of each kind")
    parser.add_argument("--seconds", type=float, default=0.8, help="length of a slice")


def run(options: dict[str, Any], progress: Progress) -> Report:
    report = Report("ledger")
    parts = options["only"] or PARTS
    if options["pgledger"] and not Path(options["pgledger"]).is_file():
        raise CommandError(f"--pgledger {options['pgledger']}: there is no such file")
    with scratch.database("payos_bench_ledger", progress) as name:
        partner = partners.partner_create(name="Bench", currencies=("USD",))
        with tenancy.tenant_scope(partner.pk, False):
            bench = Bench(partner.pk, options, progress, report, name)
            for part in PARTS:
                if part in parts:
                    progress(part)
                    getattr(bench, part)()
    return report


def rate(act: Callable[[], Any], seconds: float) -> float:
    """How often a second `act` can be done."""
    done, begun = 0, time.perf_counter()
    while (now := time.perf_counter()) - begun < seconds:
        act()
        done += 1
    return done / (now - begun)


class Bench:
    def __init__(self, partner_id: uuid.UUID, options: dict[str, Any], progress: Progress, report: Report, database: str) -> None:
        self.partner_id, self.options, self.progress, self.report = partner_id, options, progress, report
        self.database = database
        self.rounds, self.seconds = options["rounds"], options["seconds"]

    def account(self, code: str, slots: int = 16) -> uuid.UUID:
        account = services.account_open(partner_id=self.partner_id, code=code, currency="USD", kind="asset", slots=slots)
        return account.pk

    def alternate(self, acts: dict[str, Callable[[], Any]], seconds: float | None = None) -> dict[str, list[float]]:
        rates: dict[str, list[float]] = {name: [] for name in acts}
        for act in acts.values():
            rate(act, 0.3)  # warm: plans, caches, the first pages
        for _ in range(self.rounds):
            for name, act in acts.items():
                rates[name].append(rate(act, seconds or self.seconds))
        return rates

    def ratio(self, name: str, ours: list[float], against: list[float], goal: float | None) -> None:
        """Slices that were taken next to each other are compared with each other; the median of these counts."""
        pairs = sorted(zip(ours, against, strict=True), key=lambda pair: pair[0] / pair[1])
        self.report.ratio(name, *pairs[len(pairs) // 2], goal)

    def single(self) -> None:
        with psycopg.connect(scratch.superuser_url(self.database), autocommit=True) as server:
            server.execute("CREATE TABLE bench_control (id uuid PRIMARY KEY, note text)")
            server.execute("GRANT INSERT ON bench_control TO payos_app")
        accounts = [self.account(f"single:{n}") for n in range(64)]
        pairs = itertools.cycle(list(itertools.pairwise(accounts)))

        def ours() -> None:
            debit, credit = next(pairs)
            services.post(partner_id=self.partner_id, kind="bench", legs=[Leg(debit, 100), Leg(credit, -100)])

        def with_external_id() -> None:
            debit, credit = next(pairs)
            services.post(
                partner_id=self.partner_id,
                kind="bench",
                legs=[Leg(debit, 100), Leg(credit, -100)],
                external_id=str(ids.uuid7()),
                description="a payment",
                subject=("payment", "pay_1"),
            )

        connection.ensure_connection()
        raw = connection.connection

        def control() -> None:
            raw.execute("INSERT INTO bench_control (id, note) VALUES (%s, %s)", [ids.uuid7(), "a payment"])

        acts: dict[str, Callable[[], Any]] = {"control": control, "ours": ours, "named": with_external_id}
        if self.options["pgledger"]:
            acts["pgledger"] = self._pgledger()
        rates = self.alternate(acts)
        self.report.figure("control: one bare row, one commit", rates["control"], "commits/s")
        self.report.figure("ledger.services.post", rates["ours"], "transactions/s")
        self.report.figure("ledger.services.post with an external id", rates["named"], "transactions/s")
        self.ratio("single commits against the bare insert", rates["ours"], rates["control"], 0.5)
        self.ratio("single commits with an external id against the bare insert", rates["named"], rates["control"], None)
        if "pgledger" in rates:
            self.report.figure("pgledger_create_transfer", rates["pgledger"], "transfers/s")
            self.ratio("single commits against pgledger", rates["ours"], rates["pgledger"], 1.0)

    def _pgledger(self) -> Callable[[], Any]:
        """pgledger as its owner would call it: same server, same client library, a connection of its own."""
        server = psycopg.connect(scratch.superuser_url(self.database), autocommit=True)
        server.execute(Path(self.options["pgledger"]).read_text())
        accounts = [
            row[0]
            for n in range(64)
            for row in server.execute("SELECT id FROM pgledger_create_account(%s, 'USD')", [f"single {n}"]).fetchall()
        ]
        pairs = itertools.cycle(list(itertools.pairwise(accounts)))
        return lambda: server.execute("SELECT * FROM pgledger_create_transfer(%s, %s, '1.00')", next(pairs)).fetchall()

    def batch(self) -> None:
        accounts = [self.account(f"batch:{n}") for n in range(200)]
        choose = random.Random(7)

        def postings() -> list[Posting]:
            return [
                Posting("bench", [Leg(a, amount), Leg(b, -amount)])
                for a, b, amount in ((*choose.sample(accounts, 2), choose.randint(1, 100_000)) for _ in range(1000))
            ]

        rates = []
        for turn in range(3 + 5 * self.rounds):
            made = postings()
            begun = time.perf_counter()
            services.post_many(partner_id=self.partner_id, postings=made)
            if turn >= 3:
                rates.append(1000 / (time.perf_counter() - begun))
        self.report.figure("batches of 1,000 through post_many", rates, "transactions/s")
        self.report.ratio("batches of 1,000 against the goal of 20,000/s", sorted(rates)[len(rates) // 2], 20_000, 1.0)

    def hot(self) -> None:
        hot = self.account("hot")
        others = [self.account(f"spread:{n}") for n in range(CLIENTS * 8)]
        one_row = self.account("hot-one-row", slots=1)
        rates: dict[str, list[float]] = {"spread": [], "hot": [], "one row": []}
        for _ in range(max(3, self.rounds // 3)):
            for name, target in (("spread", None), ("hot", hot), ("one row", one_row)):
                rates[name].append(self._clients(target, others))
        self.report.figure(f"{CLIENTS} clients, spread over {len(others)} accounts", rates["spread"], "transactions/s")
        self.report.figure(f"{CLIENTS} clients, one hot account in 16 slots", rates["hot"], "transactions/s")
        self.report.figure(f"{CLIENTS} clients, one account in a single row (a limit holds)", rates["one row"], "transactions/s")
        self.ratio("hot account against spread", rates["hot"], rates["spread"], 0.7)

    def _clients(self, hot: uuid.UUID | None, others: list[uuid.UUID]) -> float:
        """Client processes that begin together; the sum of their rates."""
        connections.close_all()
        context = multiprocessing.get_context("fork")
        barrier, queue = context.Barrier(CLIENTS), context.SimpleQueue()

        def client(number: int) -> None:
            own = others[number * 8 : number * 8 + 8]
            pairs = itertools.cycle([(hot, other) for other in own] if hot else list(itertools.pairwise(own)))

            def act() -> None:
                debit, credit = next(pairs)
                services.post(partner_id=self.partner_id, kind="bench", legs=[Leg(debit, 100), Leg(credit, -100)])

            rate(act, 0.2)
            barrier.wait(60)
            queue.put(rate(act, max(self.seconds, 1.5)))
            connections.close_all()

        processes = [context.Process(target=client, args=(number,)) for number in range(CLIENTS)]
        for process in processes:
            process.start()
        total = sum(queue.get() for _ in processes)
        for process in processes:
            process.join()
        return total

    def asof(self) -> None:
        sizes = {"1,000": 1_000, f"{self.options['entries']:,}": self.options["entries"]}
        asked: dict[str, Callable[[], Any]] = {}
        choose = random.Random(11)
        for label, size in sizes.items():
            account_id, other = self.account(f"asof:{label}"), self.account(f"asof-other:{label}")
            for first in range(0, size, 5_000):
                services.post_many(
                    partner_id=self.partner_id,
                    postings=[
                        Posting(
                            "bench",
                            [Leg(account_id, 1), Leg(other, -1)],
                            effective_at=START + timedelta(seconds=choose.randrange(20_000_000)),
                        )
                        for _ in range(first, min(first + 5_000, size))
                    ],
                )
                if first and first % 100_000 == 0:
                    self.progress(f"{first:,} entries")
        self.progress("sealing")
        begun = time.perf_counter()
        sealed = sealing.seal_all()
        self.report.figure("sealing", sealed / (time.perf_counter() - begun), "transactions/s")
        with psycopg.connect(scratch.superuser_url(self.database), autocommit=True) as server:
            server.execute("VACUUM ANALYZE ledger_entry, ledger_transaction, ledger_checkpoint")
        for axis in selectors.AXES:
            for label in sizes:
                account = Account.objects.get(code=f"asof:{label}")

                def ask(account: Account = account, axis: str = axis) -> None:
                    selectors.balance_at(account, START + timedelta(seconds=choose.randrange(20_000_000)), axis)

                asked[f"{axis} {label}"] = ask
            rates = self.alternate({name: act for name, act in asked.items() if name.startswith(axis)}, 0.4)
            costs = {name: [1000 / one for one in values] for name, values in rates.items()}
            for name, values in costs.items():
                self.report.figure(f"balance as of an {name} entries".replace("an recorded", "a recorded"), values, "ms")
            small, large = costs.values()
            middle = len(small) // 2
            self.report.ratio(
                f"as-of ({axis}) at {self.options['entries']:,} entries against 1,000",
                sorted(large)[middle],
                sorted(small)[middle],
                5.0,
                at_most=True,
            )

    def verify(self) -> None:
        """The proof itself, in a process of its own, so that its memory is its own."""
        sealing.seal_all()
        connections.close_all()
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()

        def prove() -> None:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            begun = time.perf_counter()
            verdict = verify.verify()
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            queue.put((verdict.ok, verdict.transactions, time.perf_counter() - begun, grown / 1024))
            connections.close_all()

        process = context.Process(target=prove)
        process.start()
        ok, count, seconds, grown = queue.get()
        process.join()
        self.report.figure("ledger_verify", count / seconds, "transactions/s")
        self.report.figure(f"memory that ledger_verify took for {count:,} transactions", grown, "MB")
        self.report.notes.append("the ledger that the benchmark made is whole" if ok else "ledger_verify found the ledger BROKEN")
