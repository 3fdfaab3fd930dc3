"""The holding period: payments become available to the partner after the branch's banking days."""

from __future__ import annotations

import uuid
from collections import defaultdict
from typing import Any

from django.db import connection, transaction

from ledger.services import Leg, Posting, account_for, post_many
from payos.kernel import calendars, clock, ids, outbox, tenancy

COUNTRY_CALENDARS = {"US": "US_FED", "BR": "BR", "MX": "MX", "KE": "KE"}
LIMIT = 5000


def release_due(limit: int = LIMIT) -> int:
    """Move what is due from pending to available: one posting per partner, mode and currency, all set-based."""
    with transaction.atomic(), tenancy.platform_scope(actor="clock:holding"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT p.payment_date::date, p.hold_days, t.country FROM ingestion_payment p"
            " JOIN partners_partner t ON t.id = p.partner_id"
            " WHERE p.hold_days > 0 AND p.released_at IS NULL AND p.payment_date <= %s",
            [clock.now()],
        )
        today = clock.now().date()
        due = [
            (day, days, country)
            for day, days, country in cursor.fetchall()
            if calendars.add_business_days(COUNTRY_CALENDARS.get(country, "TARGET"), day, days) <= today
        ]
        if not due:
            return 0
        # Locked in id order; a reversal that holds a row makes this wait, and then the row is no longer "recorded".
        cursor.execute(
            "WITH chosen AS (SELECT p.id FROM ingestion_payment p JOIN partners_partner t ON t.id = p.partner_id"
            " JOIN unnest(%s::date[], %s::int[], %s::text[]) AS d (day, days, country)"
            " ON d.day = p.payment_date::date AND d.days = p.hold_days AND d.country = t.country"
            " WHERE p.released_at IS NULL AND p.state NOT IN ('reversed', 'disputed') ORDER BY p.id LIMIT %s FOR UPDATE OF p SKIP LOCKED)"
            " UPDATE ingestion_payment p SET released_at = %s FROM chosen WHERE p.id = chosen.id"
            " RETURNING p.id, p.partner_id, p.livemode, p.currency, p.amount_minor",
            [*map(list, zip(*due, strict=True)), limit, clock.now()],
        )
        rows = cursor.fetchall()
        _post(rows)
        return len(rows)


def _post(rows: list[tuple[uuid.UUID, uuid.UUID, bool, str, int]]) -> None:
    books: dict[tuple[uuid.UUID, bool, str], list[tuple[uuid.UUID, int]]] = defaultdict(list)
    for payment_id, partner_id, livemode, currency, amount in rows:
        books[partner_id, livemode, currency].append((payment_id, amount))
    for (partner_id, livemode, currency), payments in sorted(books.items(), key=lambda item: str(item[0])):
        who: dict[str, Any] = {"partner_id": partner_id, "livemode": livemode}
        pending = account_for(**who, code="partner:pending", currency=currency)
        available = account_for(**who, code="partner:available", currency=currency)
        postings = [
            Posting("payment.released", [Leg(pending, amount), Leg(available, -amount)], subject=("payment", str(payment_id)))
            for payment_id, amount in payments
        ]
        post_many(**who, postings=postings)
        for payment_id, _ in payments:
            outbox.publish(
                topic="payment.events",
                event_type="payment.available",
                aggregate_id=f"payment:{payment_id}",
                payload={"payment": {"object": "payment", "id": ids.encode("pay", payment_id)}},
                **who,
            )
