"""Reads that pages, API and reports share: runs with their matches, items described for people, the summary of a day."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from django.db import connection

from payos.kernel import ids
from payos.kernel.money import to_decimal_str
from reconciliation.models import BankAccount, Discrepancy, Match, MatchItem, Run, StatementLine

PREFIX = {"transfer": "trf", "transfer_return": "trf", "payment": "pay"}
ITEM_COLUMNS = ("item_type", "item_id", "day", "amount_minor", "currency", "reference", "counterparty", "description", "kind", "state")


def public_item(text: str) -> str:
    """`transfer:<uuid>` as the id that people know."""
    kind, _, key = text.partition(":")
    return ids.encode(PREFIX.get(kind, kind), key) if kind in PREFIX else text


def _described(row: tuple[Any, ...]) -> dict[str, Any]:
    key = f"{row[0]}:{row[1]}"
    return dict(zip(ITEM_COLUMNS, row, strict=True)) | {"id": key, "public_id": public_item(key)}


def items(texts: Iterable[str]) -> list[dict[str, Any]]:
    """Items of ours by `type:uuid`, described."""
    pairs = [text.partition(":")[::2] for text in texts]
    if not pairs:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join('i.' + name for name in ITEM_COLUMNS)} FROM unnest(%s::text[], %s::uuid[]) AS w (kind, id)"  # nosec B608 # column names written above
            " JOIN reconciliation_item i ON i.item_type = w.kind AND i.item_id = w.id",
            [[kind for kind, _ in pairs], [uuid.UUID(key) for _, key in pairs]],
        )
        return [_described(row) for row in cursor.fetchall()]


def open_items(account: BankAccount, search: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """Unclaimed items that could be on this account, nearest first; for the workbench."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join('i.' + name for name in ITEM_COLUMNS)} FROM reconciliation_item i"  # nosec B608 # column names written above
            " WHERE i.currency = %(currency)s AND i.livemode = %(mode)s AND (%(partner)s::uuid IS NULL OR i.partner_id = %(partner)s::uuid)"
            " AND (i.rail_code = %(rail)s OR i.channel = ANY(%(channels)s))"
            " AND (%(search)s = '' OR i.reference ILIKE '%%' || %(search)s || '%%' OR i.counterparty ILIKE '%%' || %(search)s || '%%')"
            " AND NOT EXISTS (SELECT 1 FROM reconciliation_matchitem m WHERE m.item_type = i.item_type AND m.item_id = i.item_id AND m.active)"
            " ORDER BY i.day DESC, i.item_id LIMIT %(limit)s",
            {
                "currency": account.currency, "mode": account.livemode, "partner": account.partner_id, "rail": account.rail_code,
                "channels": account.channels or [], "search": search[:80], "limit": limit,
            },
        )  # fmt: skip
        return [_described(row) for row in cursor.fetchall()]


def show_match(match: Match) -> dict[str, Any]:
    ends: list[MatchItem] = list(match.items.all())
    return {
        "id": match.public_id,
        "object": "match",
        "status": match.state,
        "internal": [ids.encode(PREFIX[end.item_type], end.item_id) for end in ends if end.item_id],
        "external": [ids.encode("lin", end.line_id) for end in ends if end.line_id],
        "level": match.level,
        "method": match.method,
        "confidence": match.confidence,
        "reason": match.reason,
        "amount": to_decimal_str(match.amount_minor, match.currency),
        "difference_minor": match.difference_minor,
        "currency": match.currency,
        "run": ids.encode("run", match.run_id) if match.run_id else None,
        "created_at": match.created_at.isoformat(),
    }


def show_discrepancy(row: Discrepancy) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "object": "discrepancy",
        "status": row.state,
        "type": row.type,
        "internal": [public_item(text) for text in row.items],
        "external": [ids.encode("lin", key) for key in row.lines],
        "expected_minor": row.expected_minor,
        "actual_minor": row.actual_minor,
        "currency": row.currency,
        "reason": row.reason,
        "first_on": row.first_on.isoformat(),
        "created_at": row.created_at.isoformat(),
    }


def show_run(run: Run) -> dict[str, Any]:
    return {
        "id": run.public_id,
        "object": "reconciliation_run",
        "account": run.account.public_id,
        "account_name": run.account.name,
        "trigger": run.trigger,
        "internal": run.internal,
        "external": run.external,
        "matched_internal": run.matched_internal,
        "matched_external": run.matched_external,
        "match_rate": round(run.match_rate, 6),
        "matches": run.matches_made,
        "suggestions": run.suggestions_made,
        "discrepancies": run.discrepancies_found,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }


REPORT_HEADER = [
    "value date",
    "amount",
    "currency",
    "reference",
    "description",
    "state",
    "match",
    "method",
    "confidence",
    "difference",
    "items",
]


def report_rows(account: BankAccount, start: date, end: date) -> Iterator[list[str]]:
    """Every line of the span with what became of it: what an auditor is handed. Of a line that was split, its parts."""
    rows = StatementLine.objects.filter(account=account, value_on__gte=start, value_on__lte=end).exclude(state__in=["split", "replaced"])
    rows = rows.order_by("value_on", "id")
    for chunk in _chunks(rows.iterator(chunk_size=1000), 1000):
        ends = MatchItem.objects.filter(line__in=chunk, active=True).select_related("match").prefetch_related("match__items")
        by_line = {item.line_id: item.match for item in ends}
        for line in chunk:
            match = by_line.get(line.pk)
            yield [
                line.value_on.isoformat(),
                to_decimal_str(line.amount_minor, line.currency),
                line.currency,
                line.reference,
                line.description[:200] + (f" (part of {ids.encode('lin', line.part_of_id)})" if line.part_of_id else ""),
                line.state,
                match.public_id if match else "",
                match.method if match else "",
                str(match.confidence) if match else "",
                to_decimal_str(match.difference_minor, line.currency) if match else "",
                " ".join(ids.encode(PREFIX[end.item_type], end.item_id) for end in match.items.all() if end.item_id) if match else "",
            ]


def _chunks(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
