"""How alike two open rows are, as an integer from 0 to 100 and the reasons for it. Pure functions, no floats kept.

A reference weighs most: cut short or mistyped it speaks for the pair; a different whole reference speaks against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from reconciliation.matching.macros import ACCENTED, PLAIN

# The amounts differ, and nothing that either side declares explains it.
DIFFERS = 6
AMOUNT = {1: 25, 2: 22, 3: 14, 4: 14, 5: 0, DIFFERS: 0}
AMOUNT_WORD = {
    1: "equal", 2: "net of fee", 3: "within tolerance", 4: "net of fee within tolerance", 5: "opposite sign", DIFFERS: "different",
}  # fmt: skip
UNACCENTED = str.maketrans(ACCENTED, PLAIN)
SHORTEST_PART = 5
# What an unlike reference costs: of our own scheme, of a scheme of theirs, and where no references are shared at all.
DIFFERENT, FOREIGN, UNSHARED = -45, -15, 0
# The reference of another item, letter by letter: no typing error can explain that.
CLAIMED = -100
SHORTEST_TYPO = 5
# Two references of one series that are at most this far apart in their last digits.
TAIL, STEP = 4, 3
# A number of the same series with so many more digits.
GROWN = 2


@dataclass(frozen=True, slots=True)
class Side:
    rid: int
    ref: str
    name: str
    description: str
    type: str
    batch: str


@dataclass(frozen=True, slots=True)
class Score:
    total: int
    reference: str  # equal | another item's | none | one_side | truncated | mistyped | neighbouring | similar | different | foreign
    reference_points: int
    name_points: int
    evidence: dict[str, Any]
    # The total before it was brought into 0 to 100: what orders suggestions.
    unbound: int

    @property
    def may_confirm(self) -> bool:
        """Something beyond amount and date says that these two are one, and nothing says that they are not.

        A reference one keystroke away may as well be the next item's: only a counterparty that agrees makes it a
        typing error, and where the last digit alone differs not even that. A reference cut short needs a counterparty
        that does not disagree. Without a reference the counterparty must agree.
        """
        if self.reference in {"different", "another item's", "similar", "neighbouring"}:
            return False
        if self.reference == "equal":
            return self.name_points >= 0
        if self.reference == "truncated":
            return self.name_points >= 20 or self.evidence["counterparty"] == "unknown"
        return self.name_points >= 30


@lru_cache(maxsize=1 << 16)
def shape(ref: str) -> str:
    """INV20257 -> A9: which scheme a reference belongs to, whatever its number."""
    return "".join("9" if digits else "A" for digits, _ in groupby(ref, str.isdigit))


def neighbours(mine: str, theirs: str) -> bool:
    """One series, a few places apart: 4284 and 4285, or 4199 and 4201. That is how the next item looks, not a slip."""
    if mine == theirs:
        return False
    # Our books cut nothing, so INV100 and INV1001 are two numbers of one series; a bank may well cut the longer one.
    if theirs.startswith(mine) and len(theirs) - len(mine) <= GROWN and theirs[len(mine) - 1 :].isdecimal():
        return True
    if len(mine) != len(theirs):
        return False
    if mine[:-1] == theirs[:-1]:
        return mine[-1].isdigit() and theirs[-1].isdigit()
    a, b = mine[-TAIL:], theirs[-TAIL:]
    return mine[:-TAIL] == theirs[:-TAIL] and a.isdecimal() and b.isdecimal() and abs(int(a) - int(b)) <= STEP


def compare_references(mine: str, theirs: str, stranger: int) -> tuple[str, int]:
    if not mine and not theirs:
        return "none", 0
    if not mine or not theirs:
        return "one_side", 0
    if mine == theirs:
        return "equal", 45
    if stranger == CLAIMED:
        return "another item's", DIFFERENT
    short, long = sorted((mine, theirs), key=len)
    if len(short) >= SHORTEST_PART and len(short) * 10 >= len(long) * 3 and short != long:
        if len(mine) != len(theirs) and neighbours(mine, theirs):
            return "neighbouring", 24
        if long.startswith(short) or long.endswith(short):
            return "truncated", 42
        if len(short) >= 8 and short in long:
            return "truncated", 35
    if len(short) >= SHORTEST_TYPO:
        distance = OSA.distance(mine, theirs, score_cutoff=3)
        if distance <= 2 and neighbours(mine, theirs):
            return "neighbouring", 32 if distance == 1 else 24
        if distance <= 1:
            return "mistyped", 32
        if distance == 2 and len(short) >= 8:
            return "mistyped", 24
        if distance == 3 and len(short) >= 12:
            return "similar", 10
    return ("different" if stranger <= DIFFERENT else "foreign"), stranger


@lru_cache(maxsize=1 << 14)
def folded(text: str) -> str:
    """A narrative as named.sql writes a name: upper case, no accents, letters and digits with single spaces."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.translate(UNACCENTED).upper()).split())


def compare_names(mine: Side, theirs: Side) -> tuple[str, int]:
    if mine.name and theirs.name:
        if mine.name == theirs.name:
            return "equal", 34
        ratio = max(int(fuzz.token_set_ratio(mine.name, theirs.name)), int(fuzz.ratio(mine.name, theirs.name)))
        short, long = sorted((mine.name, theirs.name), key=len)
        if len(short) >= 6 and long.startswith(short):
            return "shortened", 32
        if ratio >= 92:
            return "very similar", 30
        if ratio >= 80:
            return "similar", 20
        if ratio >= 60:
            return "somewhat similar", 4
        return "different", -25
    name, text = (mine.name, theirs.description) if mine.name else (theirs.name, mine.description)
    if name and text:
        said = folded(text)
        if f" {name} " in f" {said} ":
            return "in text", 30
        if len(name) >= 8 and int(fuzz.partial_ratio(name, said)) >= 92:
            return "nearly in text", 20
    return "unknown", 0


def compare(mine: Side, theirs: Side, amount_kind: int, days: int, stranger: int) -> Score:
    reference, reference_points = compare_references(mine.ref, theirs.ref, stranger)
    name, name_points = compare_names(mine, theirs)
    total = AMOUNT[amount_kind] + reference_points + name_points + max(0, 12 - 2 * abs(days))
    text = 0
    if mine.description and theirs.description:
        ratio = int(fuzz.token_set_ratio(mine.description.upper(), theirs.description.upper()))
        text = 12 if ratio >= 95 else 6 if ratio >= 80 else 0
    total += text
    if mine.batch and theirs.batch:
        total += 10 if mine.batch == theirs.batch else -10
    if mine.type and mine.type.upper() == theirs.type.upper():
        total += 3
    evidence = {
        "amount": AMOUNT_WORD[amount_kind], "days": days, "reference": reference, "counterparty": name,
        "narrative_points": text,
    }  # fmt: skip
    return Score(max(0, min(100, total)), reference, reference_points, name_points, evidence, total)
