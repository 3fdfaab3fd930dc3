"""Made-up rows in large numbers. Written by COPY into a temporary table and from there by INSERT ... SELECT, because a role
under row-level security may not COPY into a table itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import connection, transaction

from partners.models import Partner
from partners.services import partner_create
from payos.kernel import clock, ids, tenancy

KINDS = ["unmatched_line", "amount_mismatch", "statement_missing", "transfer_unknown", "webhook_dead", "duplicate_suspected"]
RAILS = ["ach", "wire", "pix", "spei", "mpesa", ""]
BATCH = 100_000
COLUMNS = "id, created_at, livemode, partner_id, kind, cause_key, title, rail, amount_minor, currency, severity, state, due_at, resolved_at, resolution, reference"
SPREAD = timedelta(days=40)


def some_partner() -> Partner:
    return Partner.objects.filter(slug="volume").first() or partner_create(name="Volume")


def cases(count: int, seed: int, say: Callable[[str], None]) -> None:
    """A tenth of them unresolved would be a bad desk; here all are, because that is the hard case for the queue."""
    with tenancy.platform_scope(actor="command:make_volume"):
        partner = some_partner()
        for start in range(0, count, BATCH):
            with transaction.atomic():
                _case_batch(partner, start, min(BATCH, count - start), seed)
            say(f"{min(start + BATCH, count):,} of {count:,} cases")


def _case_batch(partner: Partner, first: int, count: int, seed: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE volume_case (id uuid, created_at timestamptz, livemode boolean, partner_id uuid, kind text, cause_key text,"
            " title text, rail text, amount_minor bigint, currency text, severity smallint, state text, due_at timestamptz,"
            " resolved_at timestamptz, resolution text, reference text) ON COMMIT DROP"
        )
        with cursor.copy(f"COPY volume_case ({COLUMNS}) FROM STDIN") as copy:
            for row in _case_rows(partner, first, count, seed):
                copy.write_row(row)
        cursor.execute(
            "INSERT INTO operations_case (id, created_at, livemode, partner_id, kind, cause_key, title, detail, subject_type, subject_id, rail,"
            ' amount_minor, currency, severity, reason_code, suggested_actions, "references", data, state, occurrences, last_seen_at, due_at,'
            " resolved_at, resolution, resolution_note)"
            " SELECT id, created_at, livemode, partner_id, kind, cause_key, title, '', '', '', rail, amount_minor, currency, severity, '',"
            " '{}', ARRAY[reference], '{}', state, 1, created_at, due_at, resolved_at, resolution, '' FROM volume_case"
            " ON CONFLICT DO NOTHING"
        )
        cursor.execute(
            "INSERT INTO operations_casereference (id, created_at, livemode, partner_id, case_id, text)"
            " SELECT gen_random_uuid(), v.created_at, v.livemode, v.partner_id, v.id, lower(v.reference) FROM volume_case v"
            " WHERE EXISTS (SELECT 1 FROM operations_case c WHERE c.id = v.id)"
        )


def _case_rows(partner: Partner, first: int, count: int, seed: int) -> Iterator[tuple[Any, ...]]:
    rng, now = random.Random(seed * 1_000_003 + first), clock.now()  # nosec B311 # repeatable rows want a seed
    for n in range(first, first + count):
        made = now - SPREAD * rng.random()
        kind = rng.choice(KINDS)
        yield (
            ids.uuid7(made), made, False, partner.pk, kind, f"volume:{seed}:{n}", f"{kind.replace('_', ' ').capitalize()} {n}", rng.choice(RAILS),
            rng.randrange(1, 10_000_000), "USD", rng.choices((1, 2, 3, 4), (20, 50, 25, 5))[0], "open",
            made + timedelta(hours=rng.choice((1, 4, 24, 72))), None, "", f"VOL-{seed}-{n:09d}",
        )  # fmt: skip


PAYMENTS = """
INSERT INTO ingestion_payment (id, created_at, partner_id, livemode, amount_minor, payment_date, currency, state, payment_channel, source, reference_number)
SELECT ingestion_payment_id(made.at), made.at, %(partner)s, false, 100 + (made.r * 900000)::bigint, made.at, 'USD',
       (ARRAY['recorded', 'settled', 'reconciled', 'reconciled', 'reconciled', 'reversed'])[1 + floor(made.r * 6)::int],
       (ARRAY['card', 'mpesa', 'pix', 'cash'])[1 + floor(made.s * 4)::int], 'volume', 'VP-' || %(seed)s || '-' || made.n
FROM (
    SELECT n, random() AS r, random() AS s, %(now)s::timestamptz - random() * interval '40 days' AS at
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
) AS made
"""


def payments(count: int, seed: int, say: Callable[[str], None]) -> None:
    """Recorded rows without their postings: what the dashboards and the trace read, not what the ledger proves."""
    if not apps.is_installed("ingestion"):
        say("payments: ingestion is not installed here")
        return
    from ingestion.services import make_partitions

    with tenancy.platform_scope(actor="command:make_volume"):
        partner = some_partner()
        make_partitions()
        for month in {(clock.today() - timedelta(days=back)).replace(day=1) for back in range(0, 41, 10)}:
            with connection.cursor() as cursor:
                cursor.execute("SELECT ingestion_make_partition(%s)", [month])
        with connection.cursor() as cursor:
            cursor.execute("SELECT setseed(%s)", [1 / (1 + seed)])
            for start in range(0, count, BATCH):
                last = min(start + BATCH, count)
                cursor.execute(PAYMENTS, {"partner": partner.pk, "seed": seed, "now": clock.now(), "first": start + 1, "last": last})
                say(f"{last:,} of {count:,} payments")
