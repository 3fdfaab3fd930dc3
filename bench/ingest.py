"""`manage.py bench ingest`: what recording payments exactly once costs, beside raw COPY, in one run on one server.

(a) COPY into a bare heap; (b) COPY into the same tables that the staging processor fills; (c) the staging processor,
without and with ledger postings; (d) Django's bulk_create with dedup; (e) get_or_create, the way one writes first.
"""

from __future__ import annotations

import io
import random
import resource
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bench import scratch
from ingestion import services
from ingestion.models import Payment, PaymentReference
from partners import services as partners
from payos.kernel import ids, tenancy
from payos.kernel.bench import Progress, Report

SMALL_SHARE = 10


def add_arguments(parser: Any) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000, help="staging rows of the large run")
    parser.add_argument("--batch", type=int, default=10_000, help="rows per transaction of the staging processor")
    parser.add_argument("--seed", type=int, default=1)


def run(options: dict[str, Any], progress: Progress) -> Report:
    report = Report("ingest")
    rows, batch = options["rows"], options["batch"]
    with scratch.database("payos_bench_ingest", progress) as name, tenancy.platform_scope():
        partner = partners.partner_create(name="Bench", currencies=("USD",))
        bench = Bench(name, partner.pk, options["seed"], batch, progress)
        small = max(rows // SMALL_SHARE, 1000)
        bare = bench.timed("(a) COPY into a bare heap", lambda: bench.copy_heap(rows), rows)
        tables = bench.timed("(b) COPY into payments, references and outbox", lambda: bench.copy_tables(rows), rows)
        plain_small = bench.staged("(c) staging processor, small", small, postings=False)
        plain = bench.staged("(c) staging processor, no postings", rows, postings=False)
        posted = bench.staged("(c) staging processor, with postings", rows, postings=True)
        bulk = bench.timed("(d) bulk_create with dedup", lambda: bench.bulk_create(min(rows, 20_000)), min(rows, 20_000))
        single = bench.timed("(e) get_or_create", lambda: bench.get_or_create(min(rows, 1_000)), min(rows, 1_000))
    for label, rate in (("COPY into a bare heap", bare), ("COPY into the three tables", tables), ("staging, no postings", plain),
                        ("staging, with postings", posted), ("bulk_create with dedup", bulk), ("get_or_create", single)):  # fmt: skip
        report.figure(label, rate, "rows/s")
    report.figure("peak memory of this process", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")
    report.ratio("staging without postings against COPY into the same tables", plain, tables, 0.6)
    report.ratio("staging with postings against COPY into the same tables", posted, tables, 0.3)
    report.ratio(f"cost per row at {rows:,} against {small:,}", plain_small, plain, 1.3, at_most=True)
    report.notes.append(f"{rows:,} rows, batches of {batch:,}, one worker.")
    return report


class Bench:
    def __init__(self, database: str, partner_id: uuid.UUID, seed: int, batch: int, progress: Progress) -> None:
        self.database, self.partner_id, self.batch, self.progress = database, partner_id, batch, progress
        self.random = random.Random(seed)
        self.start = datetime.now(UTC) - timedelta(days=25)
        self.turn = 0

    def timed(self, label: str, work: Callable[[], object], rows: int) -> float:
        started = time.perf_counter()
        work()
        took = time.perf_counter() - started
        self.progress(f"{label}: {rows:,} rows in {took:.1f} s, {rows / took:,.0f} rows/s")
        return rows / took

    def rows(self, count: int) -> Iterator[tuple[str, str, str, str, str]]:
        self.turn += 1
        for number in range(count):
            at = self.start + timedelta(seconds=self.random.randrange(25 * 86400))
            cents = self.random.randrange(1, 500_000)
            yield (
                f"R{self.turn}-{number:09d}",
                f"L{number % 50_000:08d}",
                f"C{number % 30_000:07d}",
                f"{cents // 100}.{cents % 100:02d}",
                at.isoformat(),
            )

    def _copy(self, statement: str, lines: Iterator[str]) -> None:
        with psycopg.connect(scratch.superuser_url(self.database)) as server, server.cursor() as cursor, cursor.copy(statement) as copy:
            buffer = io.StringIO()
            for line in lines:
                buffer.write(line)
                if buffer.tell() > 1 << 18:
                    copy.write(buffer.getvalue())
                    buffer = io.StringIO()
            copy.write(buffer.getvalue())

    def copy_heap(self, count: int) -> None:
        with psycopg.connect(scratch.superuser_url(self.database), autocommit=True) as server:
            server.execute("CREATE TABLE bench_heap (reference text, loan text, cif text, amount numeric, at timestamptz)")
        self._copy("COPY bench_heap FROM STDIN", ("\t".join(row) + "\n" for row in self.rows(count)))

    def copy_tables(self, count: int) -> None:
        """The least that the same three tables with their indexes can cost; nothing is checked and nothing deduplicated."""
        made = [(ids.uuid7(datetime.fromisoformat(row[4])), row) for row in self.rows(count)]
        now = datetime.now(UTC).isoformat()
        self._copy(
            "COPY ingestion_payment (id, created_at, partner_id, livemode, amount_minor, payment_date, currency, state, payment_channel, source,"
            " reference_number, loan_account_number, cif) FROM STDIN",
            (
                f"{key}\t{now}\t{self.partner_id}\tf\t{row[3].replace('.', '')}\t{row[4]}\tUSD\trecorded\tach\tbench\t{row[0]}\t{row[1]}\t{row[2]}\n"
                for key, row in made
            ),
        )
        self._copy(
            "COPY ingestion_paymentreference (partner_id, livemode, source, reference_number, payment_id, content, seen_at) FROM STDIN",
            (f"{self.partner_id}\tf\tbench\t{row[0]}\t{key}\t{key}\t{now}\n" for key, row in made),
        )
        self._copy(
            "COPY kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload) FROM STDIN",
            (
                f'{key}\tpayment.events\tpayment.recorded\tpayment:{key}\t{self.partner_id}\tf\t{{"payment": {{"object": "payment", "id": "{key}",'
                f' "reference_number": "{row[0]}", "amount": "{row[3]}", "currency": "USD", "loan_account_number": "{row[1]}"}}}}\n'
                for key, row in made
            ),
        )

    def staged(self, label: str, count: int, *, postings: bool) -> float:
        self._copy(
            "COPY payment_staging (partner_id, reference_number, loan_account_number, cif, amount, payment_date, payment_channel) FROM STDIN",
            (f"{self.partner_id}\t" + "\t".join(row) + "\tach\n" for row in self.rows(count)),
        )
        with psycopg.connect(scratch.superuser_url(self.database), autocommit=True) as server:
            server.execute("ANALYZE payment_staging")
        return self.timed(label, lambda: services.process_all(batch=self.batch, postings=postings), count)

    def bulk_create(self, count: int) -> None:
        for start in range(0, count, 1000):
            rows = list(self.rows(min(1000, count - start)))
            known = set(
                PaymentReference.objects.filter(reference_number__in=[row[0] for row in rows]).values_list("reference_number", flat=True)
            )
            payments = [self._payment(row) for row in rows if row[0] not in known]
            Payment.objects.bulk_create(payments)
            PaymentReference.objects.bulk_create([self._reference(payment) for payment in payments], ignore_conflicts=True)

    def get_or_create(self, count: int) -> None:
        for row in self.rows(count):
            payment = self._payment(row)
            _, fresh = PaymentReference.objects.get_or_create(
                partner_id=self.partner_id, livemode=False, source="bench", reference_number=row[0],
                defaults={"payment_id": payment.pk, "content": payment.pk, "seen_at": payment.created_at},
            )  # fmt: skip
            if fresh:
                payment.save(force_insert=True)

    def _payment(self, row: tuple[str, str, str, str, str]) -> Payment:
        at = datetime.fromisoformat(row[4])
        return Payment(
            id=ids.uuid7(at), partner_id=self.partner_id, reference_number=row[0], loan_account_number=row[1], cif=row[2],
            amount_minor=int(row[3].replace(".", "")), currency="USD", payment_date=at, payment_channel="ach", source="bench",
        )  # fmt: skip

    def _reference(self, payment: Payment) -> PaymentReference:
        return PaymentReference(
            partner_id=self.partner_id, livemode=False, source="bench", reference_number=payment.reference_number, payment_id=payment.pk,
            content=payment.pk, seen_at=payment.created_at,
        )  # fmt: skip
