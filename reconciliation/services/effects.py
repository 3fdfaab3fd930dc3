"""What a match does to the books: cash moves, what was in transit or receivable clears, fees and differences are booked.

One ledger transaction per match and partner, thousands in one round trip, in the transaction that stores the match.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any

from django.db import connection
from django.db.models import Max

from ledger.models import Period, Transaction
from ledger.services import Leg, Posting, account_for, post_many, reverse_many
from payos.kernel import clock, ids, sqlfile
from reconciliation.models import BankAccount, Match, StatementLine
from settlement.events import publish_many

CHUNK = 2_000


def book(account: BankAccount, match_ids: list[uuid.UUID]) -> int:
    """Post the effects of matches and move their items on; returns how many ledger transactions that made."""
    posted = 0
    for start in range(0, len(match_ids), CHUNK):
        part = match_ids[start : start + CHUNK]
        with connection.cursor() as cursor:
            cursor.execute(ENDS, {"ids": part})
            rows = cursor.fetchall()
        posted += _post(account, rows)
        _advance(part)
    return posted


# The ends of matches with what their postings need; lines first, then items in key order.
ENDS = """
SELECT i.match_id, m.difference_minor, m.fee_minor, i.line_id, i.item_type, i.item_id, i.amount_minor,
       coalesce(t.partner_id, p.partner_id), coalesce(t.livemode, p.livemode), coalesce(t.amount_minor, p.amount_minor),
       p.payment_channel, coalesce(l.value_on, (t.settled_at AT TIME ZONE 'UTC')::date)
  FROM reconciliation_matchitem i
  JOIN reconciliation_match m ON m.id = i.match_id
  LEFT JOIN reconciliation_statementline l ON l.id = i.line_id
  LEFT JOIN settlement_transfer t ON i.item_type IN ('transfer', 'transfer_return') AND t.id = i.item_id
  LEFT JOIN ingestion_payment p ON i.item_type = 'payment' AND p.id = i.item_id
 WHERE i.match_id = ANY(%(ids)s)
 ORDER BY i.match_id, i.item_type, i.item_id
"""

# The same columns for items that no match holds yet.
UNMATCHED = """
SELECT NULL, 0, NULL, NULL, w.kind, w.id, 0, coalesce(t.partner_id, p.partner_id), coalesce(t.livemode, p.livemode),
       coalesce(t.amount_minor, p.amount_minor), p.payment_channel, NULL
  FROM unnest(%s::text[], %s::uuid[]) AS w (kind, id)
  LEFT JOIN settlement_transfer t ON w.kind IN ('transfer', 'transfer_return') AND t.id = w.id
  LEFT JOIN ingestion_payment p ON w.kind = 'payment' AND p.id = w.id
 ORDER BY w.kind, w.id
"""


def _post(account: BankAccount, rows: Iterable[tuple[Any, ...]]) -> int:
    matches: dict[uuid.UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        matches[row[0]].append(row)
    books: dict[tuple[uuid.UUID, bool], list[Posting]] = defaultdict(list)
    for match_id, ends in matches.items():
        for (partner_id, livemode), posting in _postings(account, match_id, ends):
            books[partner_id, livemode].append(posting)
    done = 0
    for (partner_id, livemode), postings in sorted(books.items(), key=lambda item: str(item[0])):
        post_many(partner_id=partner_id, livemode=livemode, postings=postings)
        done += len(postings)
    return done


def _postings(account: BankAccount, match_id: uuid.UUID, ends: list[tuple[Any, ...]]) -> list[tuple[tuple[uuid.UUID, bool], Posting]]:
    result = []
    for owner, legs in legs_of(account, ends):
        posted = [
            Leg(account_for(partner_id=owner[0], livemode=owner[1], code=code, currency=account.currency), amount)
            for code, amount in legs.items()
        ]
        if posted:
            result.append(
                (owner, Posting("reconciliation.matched", posted, effective_at=effective(owner, ends), subject=("match", str(match_id))))
            )
    return result


def legs_of(account: BankAccount, ends: list[tuple[Any, ...]]) -> list[tuple[tuple[uuid.UUID, bool], dict[str, int]]]:
    """What each partner's posting says, by account code. Items clear at what was booked for them; the first partner carries
    the match's difference."""
    lines = sum(end[6] for end in ends if end[3] is not None)
    items = [end for end in ends if end[5] is not None]
    difference = lines - sum(_signed(end) for end in items)
    per_partner: dict[tuple[uuid.UUID, bool], dict[str, int]] = {}
    for end in items:
        legs = per_partner.setdefault((end[7], end[8]), defaultdict(int))
        signed = _signed(end)
        legs[account.cash_code] += signed
        counter = "transfers:in_transit" if end[4] != "payment" else f"receivable:{end[10]}"
        legs[counter] -= signed
    result = []
    for place, (owner, legs) in enumerate(sorted(per_partner.items(), key=lambda item: str(item[0]))):
        if place == 0 and difference:
            legs[account.cash_code] += difference
            legs["rail:costs" if ends[0][2] else "writeoffs"] -= difference
        result.append((owner, {code: amount for code, amount in legs.items() if amount}))
    return result


def preview(account: BankAccount, lines: list[StatementLine], items: list[tuple[str, uuid.UUID]]) -> list[dict[str, Any]]:
    """The entries that matching these would post; nothing is written."""
    ends: list[tuple[Any, ...]] = [
        (None, 0, None, line.pk, "", None, line.amount_minor, None, None, None, None, line.value_on) for line in lines
    ]
    with connection.cursor() as cursor:
        cursor.execute(UNMATCHED, [[kind for kind, _ in items], [key for _, key in items]])
        ends += cursor.fetchall()
    return [
        {"account": code, "direction": "debit" if amount > 0 else "credit", "amount_minor": abs(amount), "currency": account.currency}
        for _, legs in legs_of(account, ends)
        for code, amount in legs.items()
    ]


def effective(owner: tuple[uuid.UUID, bool], ends: list[tuple[Any, ...]]) -> datetime:
    """Cash is there on the bank's value day; where that day's period is closed, from the first open instant."""
    days = [end[11] for end in ends if end[3] is not None] or [clock.now().date()]
    moment = datetime.combine(max(days), time(12), UTC)
    closed = Period.objects.filter(
        partner_id=owner[0], livemode=owner[1], closed_at__isnull=False, starts_at__lte=moment, ends_at__gt=moment
    ).aggregate(end=Max("ends_at"))["end"]
    return closed or moment


def _signed(end: tuple[Any, ...]) -> int:
    """What was booked for an item, signed as the bank sees it."""
    return -int(end[9]) if end[4] == "transfer" else int(end[9])


def _advance(match_ids: list[uuid.UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE settlement_transfer t SET state = 'reconciled' FROM reconciliation_matchitem i"
            " WHERE i.match_id = ANY(%s) AND i.active AND i.item_type = 'transfer' AND t.id = i.item_id AND t.state = 'settled'",
            [match_ids],
        )
        cursor.execute(sqlfile.load(__file__, "advance_payments.sql"), {"ids": match_ids, "at": clock.now()})


def unbook(match: Match, reason: str) -> None:
    """Reverse what a match posted and step its items back."""
    posted = list(
        Transaction.objects.filter(subject_id=str(match.pk), subject_type="match", kind="reconciliation.matched")
        .exclude(reversals__isnull=False)
        .values_list("pk", flat=True)
    )
    if posted:
        reverse_many(transaction_ids=posted, reason=reason, kind="reconciliation.unmatched")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE settlement_transfer t SET state = 'settled' FROM reconciliation_matchitem i"
            " WHERE i.match_id = %s AND i.item_type = 'transfer' AND t.id = i.item_id AND t.state = 'reconciled'",
            [match.pk],
        )
        cursor.execute(
            "UPDATE ingestion_payment p SET state = 'settled' FROM reconciliation_matchitem i"
            " WHERE i.match_id = %s AND i.item_type = 'payment' AND p.id = i.item_id AND p.state = 'reconciled'",
            [match.pk],
        )


def tell_run(account: BankAccount, run: Any) -> None:
    if account.partner_id is None:
        return
    payload = {
        "id": run.public_id, "object": "reconciliation_run", "account": account.name, "matches": run.matches_made,
        "match_rate": round(run.match_rate, 4), "discrepancies": run.discrepancies_found,
    }  # fmt: skip
    publish_many([("reconciliation.run_completed", f"run:{run.pk}", account.partner_id, account.livemode, {"run": payload})])


def tell_discrepancies(account: BankAccount, rows: list[Any]) -> None:
    if account.partner_id is None:
        return
    publish_many(
        (
            "reconciliation.discrepancy",
            f"discrepancy:{row.pk}",
            account.partner_id,
            account.livemode,
            {
                "discrepancy": {
                    "id": ids.encode("dis", row.pk),
                    "object": "discrepancy",
                    "type": row.type,
                    "items": row.items,
                    "lines": row.lines,
                    "expected_minor": row.expected_minor,
                    "actual_minor": row.actual_minor,
                    "currency": row.currency,
                }
            },
        )  # fmt: skip
        for row in rows
    )
