"""The fields of MT940 and MT942: what their tags are, and how a balance, a line and an amount are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from ingestion.parsers.amounts import currency_exponent, minor
from ingestion.parsers.records import Flag, StatementEnd

#: What stands in place of a reference: there is none, or it is in the narrative.
_NO_REFERENCE = frozenset(("", "NONREF", "NOTPROVIDED", "EREF", "MARF", "PREF"))
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}\s*\Z")
MAX_LINE = 1 << 20
MAX_FIELD_LINES = 2000

TAGS = frozenset(("20", "21", "25", "25P", "28", "28C", "60F", "60M", "61", "62F", "62M", "64", "65", "86", "34F", "13",
                  "13D", "90C", "90D", "NS", "12", "23", "65F", "60", "62"))  # fmt: skip
CLOCK_TAGS = frozenset(("20", "21", "25", "28", "13", "12", "23", "60", "62"))
CREDITED = frozenset(("C", "EC", "RD", "ERD"))
SIGN = {"C": 1, "D": -1, "RC": -1, "RD": 1, "EC": 1, "ED": -1, "ERC": -1, "ERD": 1}

LINE = re.compile(r"(\d{6})(\d{4})?\s?(E?R?[CD])[A-Z]?\s*(,?\d[\d.,]*)\s*(.*)", re.ASCII)
LINE_LONG = re.compile(r"(\d{8})(\d{4})?\s?(E?R?[CD])[A-Z]?\s*(,?\d[\d.,]*)\s*(.*)", re.ASCII)
BALANCE = re.compile(r"\s*([CD])(\d{8}(?=\s*[A-Z])|\d{6})?\s*([A-Z]{3})?\s*(,?\d[\d.,]*)\s*\Z", re.ASCII)
SUMS = re.compile(r"\s*(\d{1,9})([A-Z]{3})(\d[\d.,]*)\s*\Z", re.ASCII)
FLOOR = re.compile(r"\s*([A-Z]{3})[CD ]?(\d[\d.,]*)")
SUFFIX = re.compile(r"(.*\d)\s?([A-Z]{3})\s*\Z")
# Transport headers around the fields: BIC lines, "940 00", "0000 01ING...", ":940:", SWIFT blocks, dashes.
SPACE = " \t\x00\x01\x02\x03\x1a"
ENVELOPE = re.compile(r"(\{.*|[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3,4})?|94[0-9]( ?00)?|0{4} .*|:94\d:.*|[-}\s\x01-\x1f]*|-.{0,3})\Z")
HEAD = re.compile(rb"(?:^|[\r\n\x01{])\s*:(?:20|25P?|28C?|60[FM]|61|62[FM]|34F|86):")


def sniff(head: bytes) -> str:
    if b"\0" in head[:64]:
        head = head.replace(b"\0", b"")
    if not HEAD.search(head):
        return ""
    interim = b":34F:" in head or b":13D:" in head
    return "mt942" if interim and b":60F:" not in head and b":60M:" not in head else "mt940"


def read_amount(text: str, places: int) -> int:
    if "," in text and "." in text:  # grouped, against the standard: the last mark is the decimal one
        group = "." if text.rfind(",") > text.rfind(".") else ","
        text = text.replace(group, "")
    return minor(text, places)


@lru_cache(maxsize=8192)
def entry_date(text: str, value: date) -> date | None:
    """MMDD in the year that brings it nearest to the value date."""
    best: date | None = None
    for year in (value.year, value.year - 1, value.year + 1):
        try:
            day = date(year, int(text[:2]), int(text[2:]))
        except ValueError:
            continue
        if best is None or abs((day - value).days) < abs((best - value).days):
            best = day
    return best


class Statement:
    def __init__(self, position: int) -> None:
        self.position = position
        self.number = self.account = self.currency = ""
        self.closing_currency = ""
        self.opening: int | None = None
        self.closing: int | None = None
        self.date: date | None = None
        self.started = self.closed = False
        self.lines = self.sum = self.unread = 0
        self.counts = {"C": [0, 0], "D": [0, 0]}
        self.controls: dict[str, dict[str, object]] = {}
        self._places: tuple[str, int] | None = None

    def has_content(self) -> bool:
        return self.started or self.opening is not None or self.closing is not None

    @property
    def places(self) -> int:
        if self._places is None or self._places[0] != self.currency:
            self._places = (self.currency, currency_exponent(self.currency))
        return self._places[1]

    def finish(self) -> Iterator[Flag | StatementEnd]:
        """Opening plus lines against closing, and the end of the statement."""
        ok: bool | None = None
        if self.opening is not None and self.closing is not None:
            expected = self.opening + self.sum
            ok = expected == self.closing and self.closing_currency in ("", self.currency)
            self.controls["balance_equation"] = {"stated": self.closing, "found": expected, "ok": ok}
            if not ok:
                yield Flag(self.position, "balance_equation", f"account {self.account}: opening {self.opening} plus lines {self.sum}"
                           f" is {expected}, closing says {self.closing} {self.closing_currency}")  # fmt: skip
        yield StatementEnd(self.account, self.currency, self.opening, self.closing, ok, self.lines, self.sum, self.number,
                           self.date, self.position, self.controls)  # fmt: skip


def said(reference: str) -> bool:
    """Something refers to the transaction."""
    return reference.strip() not in _NO_REFERENCE


def supplement(lines: list[str]) -> tuple[str, list[str]]:
    """The details under a statement line: an account number alone is that of the other side, the rest describes."""
    if len(lines) == 1 and _IBAN.match(lines[0]):
        return lines[0].strip(), []
    return "", lines
