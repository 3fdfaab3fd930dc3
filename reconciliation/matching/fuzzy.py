"""Level 3: scores open pairs of like amount and date, and confirms those that lead clearly and have no rival.

Pairs stream through Python in pages, so memory does not grow with their number. A leading pair must also stand
against rows that are matched already: when another row of the same amount, time and likeness exists anywhere in
either file, amount and counterparty do not identify the item, and the pair stays a suggestion.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import psycopg

from reconciliation.matching.macros import Texts
from reconciliation.matching.similarity import CLAIMED, DIFFERENT, FOREIGN, UNSHARED, Side, compare, shape
from reconciliation.matching.spec import Spec

PAGE = 5_000
KIND = 6
SURE = (
    "CREATE TEMP TABLE recon_sure (i int, e int, days int, difference_minor bigint, fee_minor bigint, score int,"
    " rivals int, evidence jsonb) ON COMMIT DROP"
)
SHAPES_SEEN = 20_000
PUNCTUATION = re.compile("[^0-9A-Za-z]+")


class Scorer:
    def __init__(self, connection: psycopg.Connection, spec: Spec, texts: Texts) -> None:
        self.connection = connection
        self.spec = spec
        self.texts = texts
        self.shapes = self._shapes()
        self.shared = self._references_are_shared()

    def _shapes(self) -> set[str]:
        """Schemes that our references have. A reference of a scheme that we never use says less against a pair."""
        rows = self.connection.execute(
            "SELECT upper(reference) FROM recon_internal WHERE key IS NOT NULL AND rid <= %s",
            [SHAPES_SEEN],
        ).fetchall()
        counts = Counter(shape(PUNCTUATION.sub("", row[0])) for row in rows)
        return {name for name, count in counts.items() if count * 500 >= len(rows)}

    def _references_are_shared(self) -> bool:
        """Whether their references usually are ours. Where a bank writes only its own, an unlike one says nothing."""
        row = self.connection.execute(
            "SELECT (SELECT count(*) FROM recon_pair WHERE reference_kind <= 2 AND e <= %(seen)s),"
            " (SELECT count(key) FROM recon_external WHERE rid <= %(seen)s)",
            {"seen": SHAPES_SEEN},
        ).fetchone()
        assert row is not None
        return bool(row[1]) and row[0] * 10 >= row[1]

    def stranger(self, ref: str) -> int:
        """What it costs when this reference of theirs is unlike ours."""
        if not self.shared:
            return UNSHARED
        return DIFFERENT if shape(ref) in self.shapes else FOREIGN

    def run(self) -> int:
        """Score every near pair; returns how many were looked at."""
        seen = 0
        # The reader holds a portal open while the scores of the page before are copied in.
        with self.connection.cursor(name="recon_near_rows") as reader:
            reader.itersize = PAGE
            reader.execute(self.texts("near_rows.sql"))  # type: ignore[arg-type]
            while rows := reader.fetchmany(PAGE):
                seen += len(rows)
                self._store([found for row in rows if (found := self._score(row))])
        return seen

    def _score(self, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        i, e, kind, days, difference, fee = row[:6]
        mine, theirs = Side(i, *row[6:11]), Side(e, *row[11:16])
        score = compare(mine, theirs, kind, days, CLAIMED if row[16] else self.stranger(theirs.ref))
        if score.total < self.spec.suggest_score:
            return None
        # Without an anchor it may be suggested, never confirmed; one that can be confirmed still meets its rivals.
        total = score.total if score.may_confirm else min(score.total, self.spec.confirm_score - 1)
        return (i, e, KIND, kind, days, difference, fee, 200 - total, total)

    def _store(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        with (
            self.connection.cursor() as cursor,
            cursor.copy("COPY recon_scored (i, e, kind, amount_kind, days, difference_minor, fee_minor, rank, score) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def confirm(self) -> int:
        """One round: take the leading pairs, drop those with a rival, write the others down."""
        self.connection.execute(self.texts("best.sql"))  # type: ignore[arg-type]
        self.connection.execute(self.texts("rivals.sql"))  # type: ignore[arg-type]
        blocked = self._blocked()
        rows = self.connection.execute(self.texts("lead_rows.sql")).fetchall()  # type: ignore[arg-type]
        confirmed = []
        for row in rows:
            i, e, kind, days, difference, fee = row[:6]
            if (i, e) in blocked:
                continue
            score = compare(Side(i, *row[6:11]), Side(e, *row[11:16]), kind, days, self.stranger(row[11]))
            confirmed.append((i, e, days, difference, fee, score.total, min(row[17], 999), json.dumps(score.evidence, sort_keys=True)))
        self.connection.execute(self.texts.fill(SURE))  # type: ignore[arg-type]
        with self.connection.cursor() as cursor, cursor.copy("COPY recon_sure FROM STDIN") as copy:
            for found in confirmed:
                copy.write_row(found)
        self.connection.execute(self.texts("sure.sql"))  # type: ignore[arg-type]
        return len(confirmed)

    def _blocked(self) -> set[tuple[int, int]]:
        """Leading pairs that another row, matched or not, could claim as well."""
        blocked: set[tuple[int, int]] = set()
        reader = self.connection.execute(self.texts("rival_rows.sql"))  # type: ignore[arg-type]
        for row in reader:
            i, e, side, total, _, kind = row[:6]
            if (i, e) in blocked:
                continue
            if side == "N":
                blocked.add((i, e))
                continue
            partner = Side(e if side == "I" else i, *row[6:11])
            rival = Side(0, *row[11:16])
            pair = (rival, partner) if side == "I" else (partner, rival)
            score = compare(*pair, kind, row[16], self.stranger(pair[1].ref))
            if score.total >= total - self.spec.margin and score.total >= self.spec.confirm_score - self.spec.margin:
                blocked.add((i, e))
        return blocked
