"""Cells of tables: amounts and dates as people and spreadsheets write them.

`Numbers` and `Dates` are decided once per file (from a profile or from samples) and then applied to every row,
because "1.234" and "03/04/2026" mean nothing on their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache

from ingestion.parsers.amounts import minor, scale
from ingestion.parsers.records import AmountError

_SIMPLE = re.compile(r"(-?[0-9]{1,12})(?:\.([0-9]{0,6}))?\Z")
_SYMBOLS = re.compile(r"[$€£¥₦₹]|(?<![A-Za-z])(?:[A-Z]{3}|Ksh|KSh|KShs?|kr\.?|zł|Kč|R\$|Fr\.?)(?![A-Za-z])")
_NUMBER = re.compile(r"[.,]?\d[\d.,'’ \u00a0\u202f]*")
_GROUPED = {".": re.compile(r"\.\d{3}(?!\d)"), ",": re.compile(r",\d{3}(?!\d)")}
_NO_WORD = re.compile(r"[\W_]+")
_SPACES = re.compile(r"[\s\u00a0\u202f'’_]")
_SHAPE = {
    ".": re.compile(r"([0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}|[0-9]*)(?:\.([0-9]*))?\Z"),
    ",": re.compile(r"([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]*)(?:,([0-9]*))?\Z"),
}
_DEBIT = frozenset(
    (
        "D",
        "DR",
        "DBIT",
        "DEBIT",
        "AF",
        "SOLL",
        "S",
        "BIJ/AF",
        "W",
        "OUT",
        "-",
        "DB",
        "DEBET",
        "DEBE",
        "DEBITO",
        "CARGO",
        "OUTFLOW",
        "KIADÁS",
        "РАСХОД",
        "支出",
        "借",
        "出金",
    )
)
_CREDIT = frozenset(
    (
        "C",
        "CR",
        "CRDT",
        "CREDIT",
        "BIJ",
        "HABEN",
        "H",
        "IN",
        "+",
        "K",
        "KREDIT",
        "HABER",
        "CREDITO",
        "ABONO",
        "INFLOW",
        "BEVÉTEL",
        "ПРИХОД",
        "收入",
        "贷",
        "入金",
    )
)

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan janv ene gen january januar januari janeiro enero styczen led", "feb fev fevr febr february februar fevrier febrero",
         "mar mrz mars marz maerz march maart marzo", "apr avr abr april avril abril kwi", "may mai mei maj mayo maggio",
         "jun juin june juni junio giu", "jul juil july juli julio lug", "aug aout ago august augustus agosto",
         "sep sept set september septembre septiembre", "oct okt out ott october oktober octobre octubre",
         "nov november novembre noviembre", "dec dez dic december dezember decembre diciembre"), 1)
    for name in names.split()
}  # fmt: skip

_YMD = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:\D|\Z)", re.ASCII)
_PARTS = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})(?:\D|\Z)", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{6})?(?:\D|\Z)", re.ASCII)
_NAMED = re.compile(r"(\d{1,2})[-/. ]+([^\W\d_]{3,10})\.?[-/. ,]+(\d{4}|\d{2})(?:\D|\Z)")
_WEEKDAY = re.compile(r"[^\W\d_]{2,12}\.?,\s*(?=\w)")
_NAMED_US = re.compile(r"([^\W\d_]{3,10})\.?\s+(\d{1,2}),?\s+(\d{4})(?:\D|\Z)")


def plain(text: str) -> str:
    """Lower case, no accents, no punctuation, in any alphabet: what header names and month names are compared by."""
    if text.isascii():
        return _NO_WORD.sub(" ", text.lower()).strip()
    folded = unicodedata.normalize("NFKD", text.replace("ł", "l").replace("ß", "ss").replace("ø", "o").replace("ı", "i"))
    folded = "".join(char for char in folded if not unicodedata.combining(char))
    return _NO_WORD.sub(" ", folded.casefold()).strip()


def number_text(value: object) -> str:
    """A spreadsheet number as the text a person sees: spreadsheets are exact to 15 digits, no further."""
    if isinstance(value, float):
        text = f"{value:.15g}"
        return text if "e" not in text else f"{value:.10f}".rstrip("0").rstrip(".")
    return str(value)


def cell_text(cell: object) -> str:
    """A cell of a spreadsheet as text: dates in ISO, numbers as shown, nothing as an empty text."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    return number_text(cell) if isinstance(cell, float) else str(cell)


class Numbers:
    """Amounts of one file. `decimal` is "." or ","; with `whole`, amounts are already in minor units."""

    __slots__ = ("decimal", "shape", "whole")

    def __init__(self, decimal: str = ".", whole: bool = False) -> None:
        self.decimal = decimal if decimal in (".", ",") else "."
        self.shape = _SHAPE[self.decimal]
        self.whole = whole

    def read(self, text: str, places: int) -> int:
        if self.whole:
            places = 0
        if self.decimal == ".":
            simple = _SIMPLE.match(text)
            if simple is not None:
                whole, fraction = simple.groups()
                if fraction is not None and len(fraction) == places:  # by far the most common
                    return int(whole + fraction)
                return minor(text, places)
        bare = _SPACES.sub("", text).replace("−", "-").replace("–", "-")
        sign = ""
        upper = bare.upper()
        if upper.endswith(("DR.", "CR.", "DB.")):
            upper, bare = upper[:-1], bare[:-1]
        if upper.endswith(("DR", "CR", "DB")) and upper[:-2].strip("-+()"):
            sign, bare = ("" if upper.endswith("CR") else "-"), bare[:-2]
        bare = _SYMBOLS.sub("", bare)
        if bare.startswith("(") and bare.endswith(")"):
            sign, bare = "-", bare[1:-1]
        if bare.endswith(("-", "+")) and len(bare) > 1 and bare[0] not in "-+":
            sign, bare = bare[-1], bare[:-1]
        if bare[:1] in ("-", "+"):
            sign, bare = (sign if sign else bare[0]), bare[1:]
        match = self.shape.match(bare)
        if match is None or not (match[1] or match[2]) or len(bare) > 60:
            raise AmountError(f"{text[:40]!r} is not an amount with decimal mark {self.decimal!r}")
        whole = match[1].replace(",", "").replace(".", "")
        return scale("-" if sign == "-" else "", whole, match[2] or "", places)


def decimal_mark(samples: Iterable[str], default: str = ".") -> str:
    """The decimal mark that a column of amounts was written with."""
    votes = {".": 0, ",": 0}
    for cell in samples:
        number = _NUMBER.search(cell)
        text = number[0].rstrip("., ") if number else ""
        dot, comma = text.rfind("."), text.rfind(",")
        if dot >= 0 and comma >= 0:
            votes["." if dot > comma else ","] += 3
            continue
        at = max(dot, comma)
        if at < 0:
            continue
        mark = text[at]
        if text.count(mark) > 1:
            votes["," if mark == "." else "."] += 2
        elif _GROUPED[mark].search(text) is None:
            votes[mark] += 2
    if votes["."] == votes[","]:
        return default
    return max(votes, key=lambda mark: votes[mark])


def is_amount(text: str) -> bool:
    """Shaped like an amount under either decimal mark."""
    if not text or not any(char.isdigit() for char in text) or len(text) > 40:
        return False
    for mark in (".", ","):
        try:
            Numbers(mark).read(text, 12)
        except AmountError:
            continue
        return True
    return False


def direction(text: str) -> int | None:
    """What a debit/credit indicator says."""
    word = text.strip().upper().rstrip(".")
    if word in _DEBIT:
        return -1
    if word in _CREDIT:
        return 1
    return None


class Dates:
    """Dates of one file. `order` is "dmy" or "mdy" and only matters where the year comes last; a profile's own
    `format` comes before every guess."""

    __slots__ = ("format", "order")

    def __init__(self, order: str = "dmy", format: str = "") -> None:
        self.order = order
        self.format = format

    def read(self, value: object) -> date | None:
        if isinstance(value, str):
            if self.format:
                try:
                    return datetime.strptime(value.strip()[:80], self.format).date()  # noqa: DTZ007 - a date as written, no instant
                except ValueError:
                    return None
            moment = getattr(value, "day", None)  # unix times in JSON
            return moment.date() if moment is not None else _read_date(value.strip(), self.order)
        if isinstance(value, datetime):
            return value.date()
        return value if isinstance(value, date) else None


def _build(year: str, month: int, day: str) -> date | None:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 70 else 1900
    try:
        return date(number, month, int(day))
    except ValueError:
        return None


@lru_cache(maxsize=16384)
def _read_date(text: str, order: str) -> date | None:
    text = text[:60]
    match = _YMD.match(text)
    if match:
        return _build(match[1], int(match[2]), match[3])
    match = _PARTS.match(text)
    if match:
        first, second, year = match.groups()
        return _build(year, int(second), first) if order == "dmy" else _build(year, int(first), second)
    match = _COMPACT.match(text)
    if match:
        return _build(match[1], int(match[2]), match[3])
    match = _NAMED.match(text)
    if match:
        month = _MONTHS.get(plain(match[2]))
        return _build(match[3], month, match[1]) if month else None
    match = _NAMED_US.match(text)
    if match:
        month = _MONTHS.get(plain(match[1]))
        return _build(match[3], month, match[2]) if month else None
    match = _WEEKDAY.match(text)
    return _read_date(text[match.end() :], order) if match else None


def is_date(value: object) -> bool:
    return Dates("dmy").read(value) is not None or Dates("mdy").read(value) is not None


def date_order(samples: Sequence[str], default: str = "dmy") -> tuple[str, bool]:
    """dmy or mdy for a column of dates, and whether the samples prove it."""
    parts = [match.groups() for match in map(_PARTS.match, samples) if match]
    if not parts:
        return default, True
    if all("." in sample[:6] for sample in samples if _PARTS.match(sample)):
        return "dmy", True  # nobody writes the month first with dots
    if any(int(first) > 12 for first, _, _ in parts):
        return "dmy", True
    if any(int(second) > 12 for _, second, _ in parts):
        return "mdy", True
    # Statements run one way: the reading under which they do is the better one.
    steady = {order: _steady([_read_date(sample, order) for sample in samples]) for order in ("dmy", "mdy")}
    if steady["dmy"] != steady["mdy"]:
        return ("dmy" if steady["dmy"] else "mdy"), True
    return default, False


def _steady(days: list[date | None]) -> bool:
    known = [day for day in days if day]
    return len(known) > 2 and (known == sorted(known) or known == sorted(known, reverse=True))
