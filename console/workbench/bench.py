"""What lies on the bench for one case: lines, items, suggestions, and what differs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from operations.models import Case
from payos.kernel import ids, sqlfile
from payos.kernel.errors import Problem
from payos.kernel.money import display
from reconciliation.models import BankAccount, Discrepancy, StatementLine, Suggestion

NEAR_DAYS = 7
MOST = 30
KINDS = "reconciliation_"


@dataclass(slots=True)
class End:
    """One line or one item, as the bench shows it."""

    side: str  # line or item
    key: str  # a line's id, or transfer:<id>
    amount_minor: int
    day: date
    reference: str
    counterparty: str
    description: str
    public_id: str
    picked: bool = False
    score: int | None = None
    why: str = ""
    differs: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Bench:
    case: Case
    discrepancy: Discrepancy
    account: BankAccount
    lines: list[End]
    items: list[End]
    suggestions: list[Suggestion]

    @property
    def residual(self) -> int:
        return sum(end.amount_minor for end in self.lines if end.picked) - sum(end.amount_minor for end in self.items if end.picked)


def discrepancy_of(case: Case) -> Discrepancy:
    found = None
    if case.subject_type == "reconciliation.discrepancy":
        found = Discrepancy.objects.select_related("account").filter(pk=case.subject_id).first()
        if found is not None and found.state != "open":
            # The same cause may have been found again since, as a row of its own.
            found = Discrepancy.objects.select_related("account").filter(cause_key=case.cause_key, state="open").first() or found
    if found is None:
        raise Problem("not_found", f"{case.public_id} is about no discrepancy: it has nothing to match.")
    return found


def lay_out(case: Case, search: str = "") -> Bench:
    discrepancy = discrepancy_of(case)
    account = discrepancy.account
    suggestions = _suggestions(discrepancy)
    line_keys = dict.fromkeys([*discrepancy.lines, *(key for one in suggestions for key in one.lines)])
    item_keys = dict.fromkeys([*discrepancy.items, *(key for one in suggestions for key in one.items)])
    lines, items = read_lines(account, list(line_keys)[:200]), read_items(list(item_keys)[:200])
    anchor = _anchor(lines, items, discrepancy)
    lines |= _near_lines(account, anchor, search)
    items |= _near_items(account, anchor, search)
    _preselect(discrepancy, suggestions, lines, items)
    bench = Bench(case, discrepancy, account, _ordered(lines, anchor), _ordered(items, anchor), suggestions[:5])
    _mark(bench)
    return bench


def top_suggestion(discrepancy: Discrepancy) -> Suggestion | None:
    return next(iter(_suggestions(discrepancy)), None)


def _suggestions(discrepancy: Discrepancy) -> list[Suggestion]:
    touching = Q()
    for key in discrepancy.lines[:20]:
        touching |= Q(lines__contains=[key])
    for key in discrepancy.items[:20]:
        touching |= Q(items__contains=[key])
    if not touching:
        return []
    return list(Suggestion.objects.filter(touching, account=discrepancy.account_id).order_by("-confidence", "pk")[:10])


def read_lines(account: BankAccount, keys: Sequence[str]) -> dict[str, End]:
    rows = StatementLine.objects.filter(account=account, pk__in=[uuid.UUID(key) for key in keys], state="open")
    return {str(row.pk): _line(row) for row in rows}


def _line(row: StatementLine) -> End:
    return End("line", str(row.pk), row.amount_minor, row.value_on, row.reference, row.counterparty, row.description, row.public_id)


def read_items(keys: Iterable[str]) -> dict[str, End]:
    pairs = [(kind, key) for kind, _, key in (text.partition(":") for text in keys) if key]
    if not pairs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "bench_items_by_key.sql"),
            {"kinds": [kind for kind, _ in pairs], "keys": [uuid.UUID(key) for _, key in pairs]},
        )
        return {f"{row[0]}:{row[1]}": _item(row) for row in cursor.fetchall()}


def _item(row: tuple[Any, ...]) -> End:
    kind, key, day, amount, reference, counterparty, description = row
    prefix = "pay" if kind == "payment" else "trf"
    return End("item", f"{kind}:{key}", int(amount), day, reference or "", counterparty or "", description or "", ids.encode(prefix, key))


def _anchor(lines: dict[str, End], items: dict[str, End], discrepancy: Discrepancy) -> End:
    """What the others are compared with: the discrepancy's own line, else its own item."""
    for key in discrepancy.lines:
        if key in lines:
            return lines[key]
    for key in discrepancy.items:
        if key in items:
            return items[key]
    amount = discrepancy.actual_minor or discrepancy.expected_minor
    return End("line", "", amount, discrepancy.first_on, "", "", "", "")


def _near_lines(account: BankAccount, anchor: End, search: str) -> dict[str, End]:
    rows = StatementLine.objects.filter(account=account, state="open")
    if search:
        rows = rows.filter(Q(reference=search) | Q(description__icontains=search))
    else:
        rows = rows.filter(value_on__range=(anchor.day - timedelta(days=NEAR_DAYS), anchor.day + timedelta(days=NEAR_DAYS)))
    found = sorted(rows.order_by("-value_on")[:500], key=lambda row: abs(row.amount_minor - anchor.amount_minor))
    return {str(row.pk): _line(row) for row in found[:MOST]}


def _near_items(account: BankAccount, anchor: End, search: str) -> dict[str, End]:
    start = datetime.combine(anchor.day - timedelta(days=NEAR_DAYS), time(), UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "bench_items_near.sql"),
            {
                "currency": account.currency,
                "livemode": account.livemode,
                "partner": account.partner_id,
                "rail": account.rail_code,
                "channels": account.channels or [],
                "first_id": ids.floor(start),
                "last_id": ids.floor(start + timedelta(days=2 * NEAR_DAYS + 1)),
                "amount": anchor.amount_minor,
                "search": search,
                "limit": MOST,
            },
        )
        return {f"{row[0]}:{row[1]}": _item(row) for row in cursor.fetchall()}


def _preselect(discrepancy: Discrepancy, suggestions: list[Suggestion], lines: dict[str, End], items: dict[str, End]) -> None:
    for place, one in enumerate(suggestions):
        whole = all(key in lines for key in one.lines) and all(key in items for key in one.items)
        for end in [lines[key] for key in one.lines if key in lines] + [items[key] for key in one.items if key in items]:
            if end.score is None:
                end.score, end.why = one.confidence, in_words(one.reason, discrepancy.currency)
            if place == 0 and whole:
                end.picked = True
    if not any(end.picked for end in (*lines.values(), *items.values())):
        for key in discrepancy.lines:
            if key in lines:
                lines[key].picked = True
        for key in discrepancy.items:
            if key in items:
                items[key].picked = True


def _ordered(ends: dict[str, End], anchor: End) -> list[End]:
    return sorted(
        ends.values(), key=lambda end: (not end.picked, -(end.score or 0), abs(end.amount_minor - anchor.amount_minor), end.day, end.key)
    )


def _mark(bench: Bench) -> None:
    """Say of every end what differs from the first one picked on the other side."""
    for ours, theirs in ((bench.items, bench.lines), (bench.lines, bench.items)):
        anchor = next((end for end in theirs if end.picked), None)
        if anchor is None:
            continue
        for end in ours:
            if end.amount_minor != anchor.amount_minor:
                end.differs.add("amount")
            if end.day != anchor.day:
                end.differs.add("day")
            if not (_alike(end.reference, anchor.reference, anchor.description) or _alike(anchor.reference, end.description)):
                end.differs.add("reference")
            if end.counterparty and anchor.counterparty and not _alike(end.counterparty, anchor.counterparty):
                end.differs.add("counterparty")


def _alike(text: str, *others: str) -> bool:
    plain = "".join(text.lower().split())
    return any(plain and other and (plain in other or other in plain) for other in ("".join(one.lower().split()) for one in others))


def in_words(reason: dict[str, Any], currency: str = "") -> str:
    """A suggestion's evidence as a sentence."""
    parts = []
    if "total_of" in reason:
        parts.append(f"{reason.get('rows', 'several')} rows of {reason['total_of']} add up to it")
    if "amount" in reason:
        parts.append(f"amount {reason['amount']}")
    if reason.get("difference_minor"):
        off = reason["difference_minor"]
        parts.append(f"off by {display(abs(int(off)), currency)}" if currency else f"off by {off} minor units")
    if "days" in reason:
        days = abs(int(reason["days"]))
        parts.append("the same day" if days == 0 else f"{days} day{'s' if days > 1 else ''} apart")
    if reason.get("by"):
        parts.append(f"found by {reason['by']}")
    if reason.get("reference"):
        parts.append(f"reference {reason['reference']}")
    known = {"total_of", "rows", "amount", "difference_minor", "days", "by", "reference"}
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in reason.items() if name not in known and isinstance(value, str | int)]
    return ", ".join(str(part) for part in parts)
