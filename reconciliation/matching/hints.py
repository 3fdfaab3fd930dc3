"""What a person would still see in two open rows, for the order of suggestions only.

Banks cut narratives, at eighteen signs or thirty-five, in the middle of a reference or a name. Such a rest proves
nothing, so level 3 does not count it; but among several counterparts of one amount it says which one to look at first.
"""

from __future__ import annotations

from typing import Any

import psycopg
from rapidfuzz import fuzz

from reconciliation.matching.fuzzy import KIND, PAGE, Scorer
from reconciliation.matching.similarity import CLAIMED, Side, compare, folded

SHORTEST_REST, SHORTEST_WORD = 4, 4


def cut_points(wanted: str, said: str) -> int:
    """How much of `wanted` stands at the end of `said`, where the bank's field ended; 0 to 30."""
    for kept in range(min(len(wanted), len(said)), SHORTEST_REST - 1, -1):
        if said.endswith(wanted[:kept]):
            return min(30, 4 * kept)
    return 0


def points(mine: Side, theirs: Side) -> int:
    """What the narrative of one row says about the reference and the name of the other."""
    best = 0
    for one, text in ((mine, theirs.description), (theirs, mine.description)):
        words = folded(text)
        said = words.replace(" ", "")
        if not said:
            continue
        ref, name = one.ref, one.name.replace(" ", "")
        of_ref = 0
        if len(ref) >= SHORTEST_REST:
            of_ref = 30 if ref in said else cut_points(ref, said)
            if not of_ref and len(ref) >= 6 and fuzz.partial_ratio(ref, said) >= 80:
                of_ref = 14
        of_name = 0
        if len(name) >= SHORTEST_REST:
            shared = set(words.split()) & {word for word in one.name.split() if len(word) >= SHORTEST_WORD}
            of_name = 24 if name in said else max(min(20, 10 * len(shared)), cut_points(name, said) * 2 // 3)
        best = max(best, of_ref + of_name)
    return best


def store(connection: psycopg.Connection, scorer: Scorer) -> None:
    """Rank every open pair of likeness again with the narratives' help; what a crowd hid is suggested, never confirmed."""
    connection.execute(scorer.texts("hints.sql"))  # type: ignore[arg-type]
    connection.execute(scorer.texts.fill("CREATE TEMP TABLE recon_hinted (LIKE recon_candidate) ON COMMIT DROP"))  # type: ignore[arg-type]
    with connection.cursor(name="recon_hint_rows") as reader:
        reader.itersize = PAGE
        reader.execute(scorer.texts("hint_rows.sql"))  # type: ignore[arg-type]
        while rows := reader.fetchmany(PAGE):
            _store(connection, [found for row in rows if (found := _ranked(scorer, row))])
    connection.execute(scorer.texts("hinted.sql"))  # type: ignore[arg-type]


def _ranked(scorer: Scorer, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
    i, e, kind, days, difference, fee = row[:6]
    mine, theirs = Side(i, *row[6:11]), Side(e, *row[11:16])
    score = compare(mine, theirs, kind, days, CLAIMED if row[16] else scorer.stranger(theirs.ref))
    total = score.unbound + points(mine, theirs)
    # What could be confirmed keeps what level 3 gave it; anything else stays below that mark, however alike.
    shown = row[17] if row[17] >= scorer.spec.confirm_score else min(max(total, row[17]), scorer.spec.confirm_score - 1)
    if shown < scorer.spec.suggest_score:
        return None
    return (i, e, KIND, kind, days, difference, fee, 300 - total, shown)


def _store(connection: psycopg.Connection, rows: list[tuple[Any, ...]]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY recon_hinted (i, e, kind, amount_kind, days, difference_minor, fee_minor, rank, score) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
