"""The last resort of level 4: one open line against a few open rows whose amounts add up to it.

Sums are accidents waiting to happen: thirty random amounts hold over a hundred subsets for one total. So the block is
small, the search is exact and stops at the second answer, and the only answer is confirmed only if the counterparty
agrees and so few subsets exist that an accident is unlikely. Everything else is a suggestion.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from math import gcd
from typing import Any

import psycopg

from reconciliation.matching.macros import Texts
from reconciliation.matching.spec import Spec

# One accidental subset in this many searches is the most that may be confirmed.
SAFE_ODDS = 200


def only_subsets(amounts: Sequence[int], target: int, steps: int) -> list[tuple[int, ...]] | None:
    """Up to two index sets of two or more amounts that sum to the target; None when the search is cut off.

    Meet in the middle: both halves list their sums, so 24 amounts cost 2 x 4,096 sums and not 16 million.
    """
    half = len(amounts) // 2
    left, right = amounts[:half], amounts[half:]
    if (1 << len(left)) + (1 << len(right)) > steps:
        return None
    right_sums = sorted((total, mask) for mask, total in enumerate(_sums(right)))
    keys = [total for total, _ in right_sums]
    found: list[tuple[int, ...]] = []
    for mask, total in enumerate(_sums(left)):
        at = bisect_left(keys, target - total)
        while at < len(keys) and keys[at] == target - total:
            chosen = _indices(mask, 0) + _indices(right_sums[at][1], half)
            if len(chosen) > 1:
                found.append(chosen)
                if len(found) == 2:
                    return found
            at += 1
    return found


def _sums(amounts: Sequence[int]) -> list[int]:
    sums = [0]
    for amount in amounts:
        sums += [total + amount for total in sums]
    return sums


def _indices(mask: int, offset: int) -> tuple[int, ...]:
    return tuple(index + offset for index in range(mask.bit_length()) if mask >> index & 1)


def unlikely_by_accident(amounts: Sequence[int], target: int) -> bool:
    """Subsets fall on about as many sums as the amounts span; the answer must be rare among them.

    Prices such as 99.00 and 100.00 meet far fewer sums than cents do: what they have in common is no evidence.
    """
    span = max(1, sum(abs(amount) for amount in amounts) // max(1, gcd(*amounts, target)))
    return (1 << len(amounts)) * SAFE_ODDS <= span


def search(connection: psycopg.Connection, spec: Spec, texts: Texts) -> None:
    """Confirm or suggest; leaves the confirmed rows in recon_chosen."""
    connection.execute(texts("blocks.sql"))  # type: ignore[arg-type]
    rows = connection.execute("SELECT many, line, target, sure, rid, amount_minor FROM recon_block ORDER BY many, line, sure, rid")
    # A line that one row answers as well is not sure to be a sum.
    answered: set[tuple[str, int]] = set()
    for i, e in connection.execute("SELECT i, e FROM recon_candidate WHERE amount_kind <= 4 AND score >= %s", [spec.suggest_score]):
        answered |= {("E", i), ("I", e)}
    sure: list[tuple[str, int, int, list[int]]] = []
    offers: list[tuple[str, int, list[int], bool]] = []
    for (many, line, target, agrees), block in groupby(rows, key=lambda row: row[:4]):
        items = list(block)
        amounts = [row[5] for row in items]
        answers = only_subsets(amounts, target, spec.subset_steps)
        if not answers:
            continue
        chosen = [[items[index][4] for index in answer] for answer in answers]
        alone = len(answers) == 1 and (many, line) not in answered
        if alone and agrees and unlikely_by_accident(amounts, target):
            sure.append((many, line, target, chosen[0]))
        else:
            offers += [(many, line, rids, len(answers) == 1) for rids in chosen]
    claims: dict[tuple[str, int], int] = defaultdict(int)
    for many, line, _, rids in sure:
        claims["E" if many == "I" else "I", line] += 1
        for rid in rids:
            claims[many, rid] += 1
    kept = []
    for many, line, target, rids in sure:
        alone = claims["E" if many == "I" else "I", line] == 1 and all(claims[many, rid] == 1 for rid in rids)
        if alone:
            kept.append((many, line, target, rids))
        else:
            offers.append((many, line, rids, True))
    _store(connection, texts, kept, offers)


def _store(connection: psycopg.Connection, texts: Texts, kept: list[Any], offers: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS recon_chosen")
        cursor.execute(texts.fill("CREATE TEMP TABLE recon_chosen (i int, e int) ON COMMIT DROP"))  # type: ignore[arg-type]
        for many, line, target, rids in kept:
            mine, theirs = (rids, [line]) if many == "I" else ([line], rids)
            evidence = {"rows": len(rids), "sum": target, "subsets_that_fit": 1, "counterparty_agrees": True}
            cursor.execute(
                "INSERT INTO recon_group (match_no, method, confidence, evidence) VALUES (%s, 'only_subset', 80, %s)",
                [min(mine), json.dumps(evidence, sort_keys=True)],
            )
            for side, members in (("I", mine), ("E", theirs)):
                cursor.execute(
                    f"INSERT INTO recon_group_item SELECT %s, %s, rid, ext_id FROM recon_open_{side.lower()} WHERE rid = ANY(%s)",  # type: ignore[arg-type]  # nosec B608 # a side of the engine itself
                    [min(mine), side, sorted(members)],
                )
            cursor.execute("INSERT INTO recon_chosen (i) SELECT unnest(%s::int[])", [mine])
            cursor.execute("INSERT INTO recon_chosen (e) SELECT unnest(%s::int[])", [theirs])
        for many, line, rids, only in offers:
            mine, theirs = (rids, [line]) if many == "I" else ([line], rids)
            cursor.execute(
                "INSERT INTO recon_suggestion (internal, external, confidence, reason) VALUES (%s, %s, %s, %s)",
                [sorted(mine), sorted(theirs), 58 if only else 40, json.dumps({"subset": "the only one" if only else "one of several"})],
            )
