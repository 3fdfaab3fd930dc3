"""Suggests pairs whose amounts differ by what looks like a fee that nobody declared; nothing here is ever a match.

A processor keeps its fee back and the bank cuts the narrative: no amount agrees and no reference is left. What still
speaks is a counterparty, the rest of a reference, and a fee that other pairs of the same run show as well.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import psycopg

from reconciliation.matching.fuzzy import PAGE, SHAPES_SEEN, Scorer
from reconciliation.matching.hints import points
from reconciliation.matching.similarity import DIFFERS, Side, compare

# References that are whole and unlike, or one step apart in a series, are those of two items.
AGAINST = {"different", "another item's", "similar", "neighbouring"}
# Two payers, each named: a reference that is nearly the same is then the next one of a series.
OTHERS = {"different", "somewhat similar"}
LEAST_LIKENESS = 20
RECURS, RECURRING_POINTS, UNUSUAL_WAY = 3, 20, 8
# Below every suggestion whose amounts agree (Spec.suggest_score).
LOWEST, HIGHEST = 5, 24


class Rates:
    """The fees that pairs of this run show: parts of the amount in hundredths of a percent, and fixed amounts."""

    def __init__(self, rows: list[tuple[int, int, str]]) -> None:
        self.parts: Counter[tuple[str, int]] = Counter()
        self.fixed: Counter[tuple[str, int]] = Counter()
        for amount, gap, currency in rows:
            if 0 < gap < amount:
                self.parts[currency, round(gap * 10_000 / amount)] += 1
                self.fixed[currency, gap] += 1

    def recurring(self, amount: int, gap: int, currency: str) -> tuple[int, int]:
        """How many pairs show this part of the amount, and how many this very fee."""
        return self.parts[currency, round(gap * 10_000 / amount)], self.fixed[currency, gap]


def store(connection: psycopg.Connection, scorer: Scorer) -> None:
    connection.execute(scorer.texts("fees.sql"))  # type: ignore[arg-type]
    if connection.execute("SELECT FROM recon_loose_pair LIMIT 1").fetchone() is None:
        return
    rates = Rates(connection.execute(scorer.texts("fee_rates.sql"), {"seen": SHAPES_SEEN}).fetchall())  # type: ignore[arg-type]
    connection.execute(
        scorer.texts.fill(  # type: ignore[arg-type]
            "CREATE TEMP TABLE recon_fee_hint (i int, e int, gap bigint, likeness int, confidence smallint, reason jsonb) ON COMMIT DROP"
        )
    )
    with connection.cursor(name="recon_fee_rows") as reader:
        reader.itersize = PAGE
        reader.execute(scorer.texts("fee_rows.sql"))  # type: ignore[arg-type]
        while rows := reader.fetchmany(PAGE):
            found = [offer for row in rows if (offer := _offer(scorer, rates, row))]
            with connection.cursor() as cursor, cursor.copy("COPY recon_fee_hint FROM STDIN") as copy:
                for offer in found:
                    copy.write_row(offer)
    connection.execute(scorer.texts("fees_told.sql"))  # type: ignore[arg-type]


def _offer(scorer: Scorer, rates: Rates, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
    i, e, days, amount_i, amount_e, currency = row[:6]
    mine, theirs = Side(i, *row[6:11]), Side(e, *row[11:16])
    score = compare(mine, theirs, DIFFERS, days, scorer.stranger(theirs.ref))
    if score.reference in AGAINST or score.evidence["counterparty"] in OTHERS:
        return None
    told = points(mine, theirs)
    likeness = score.reference_points + score.name_points + told + score.evidence["narrative_points"]
    if likeness < LEAST_LIKENESS:
        return None
    gap = abs(amount_i) - abs(amount_e)
    # Money comes in smaller by its fee, and leaves larger by it; the other way round it is rather something else.
    usual = gap > 0 if amount_i > 0 else True
    same_part, same_fee = rates.recurring(abs(amount_i), abs(gap), currency)
    likeness += RECURRING_POINTS * (max(same_part, same_fee) >= RECURS) - UNUSUAL_WAY * (not usual)
    reason = {
        "amount": "different", "difference_minor": amount_e - amount_i, "days": days, "by": "likeness",
        "perhaps": "a fee that nobody declared",
    }  # fmt: skip
    if score.reference_points > 0:
        reason["reference"] = score.evidence["reference"]
    if score.name_points > 0:
        reason["counterparty"] = score.evidence["counterparty"]
    if told:
        reason["narrative"] = "speaks for it"
    if same_fee >= RECURS:
        reason["the_same"] = f"fee in {same_fee} pairs of this run"
    elif same_part >= RECURS:
        part = round(abs(gap) * 10_000 / abs(amount_i))
        reason["the_same"] = f"{part // 100}.{part % 100:02d} percent in {same_part} pairs of this run"
    confidence = min(HIGHEST, LOWEST + max(0, likeness) // 5)
    return (i, e, amount_e - amount_i, likeness, confidence, json.dumps(reason, sort_keys=True))
