"""BAI2 physical lines to logical records, and the fields inside them: funds types, amounts, signs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from ingestion.parsers.amounts import date_yymmdd, date_yyyymmdd, integer, minor
from ingestion.parsers.records import Reject, clip
from ingestion.parsers.textio import LineBlocks

FUNDS = frozenset(("", "0", "1", "2", "Z", "S", "V", "D"))
MAX_LINE = 32 << 20
MAX_RECORD = 1 << 20

_CODES = frozenset(("01", "02", "03", "16", "49", "88", "98", "99"))
# Where one record ends and the next begins on the same line. The shape of the next record is checked, because
# the text of a 16 may itself hold "/".
_NEXT = re.compile(
    r"/(?:\s+(?=(?:01|02|03|88),)|\s*(?=(?:16,\d{3,5},[+-]?[\d.]*,|02,[^,/]*,[^,/]*,[1-4],\d{6,8},|03,[^,/]*,(?:[A-Z]{3})?,(?:\d{3}|,)"
    r"|88,\d{3},[+-]?\d+,|49,[+-]?\d*,\d*\s*/?\s*(?:$|/|\d\d,)|9[89],[+-]?\d*,\d*,\d*\s*/)))"
)
_JUNK = "\x00\x1a \t\r\n\x0c"


class Record:
    """One logical record: its parts as (text, closed) where closed says that a `/` ended it."""

    __slots__ = ("closed", "code", "count", "cut", "parts", "position", "size")

    def __init__(self, code: str, text: str, closed: bool, position: int) -> None:
        self.code = code
        self.parts = [text]
        self.closed = closed
        self.position = position
        self.count = 1
        self.cut = False
        self.size = len(text)

    def fields(self) -> list[str]:
        """All fields, the parts joined as one list (for every record but 16)."""
        text = self.parts[0]
        for part in self.parts[1:]:
            text += part if text.endswith(",") and part.startswith(",") else "," + part
        return [item.strip() for item in text.split(",")]

    def raw(self) -> str:
        return "\n88,".join(self.parts) if len(self.parts) > 1 else self.parts[0]


def read_records(source: LineBlocks, rejects: list[Reject]) -> Iterator[Record]:
    current: Record | None = None
    number = 0
    for block in source.blocks():
        for line in block:
            number += 1
            line = line.strip(_JUNK)
            if not line:
                continue
            # Fast path: a line with one record has "/" at most at its end.
            slash = line.find("/")
            pieces = _NEXT.split(line) if 0 <= slash < len(line) - 1 else (line,)
            last = len(pieces) - 1
            for index, piece in enumerate(pieces):
                piece = piece.strip()
                closed = index < last or piece.endswith("/")
                text = piece[:-1].rstrip() if piece.endswith("/") else piece
                code = piece[:2]
                if code in _CODES and (piece[2:3] == "," or text == code):
                    if code != "88":
                        if current is not None:
                            yield current
                        current = Record(code, text, closed, number)
                    elif current is None:
                        rejects.append(Reject(number, "a continuation (88) with no record before it", clip(piece)))
                    elif current.size > MAX_RECORD:
                        if not current.cut:
                            rejects.append(Reject(number, "the record continues past 1 MiB; the rest of it is not kept", ""))
                        current.cut = True
                        current.count += 1
                    else:
                        current.parts.append(text[3:])
                        current.size += len(text)
                        current.closed = closed
                        current.count += 1
                elif current is not None and not current.closed and current.size <= MAX_RECORD:
                    current.parts[-1] += " " + text  # wrapped without 88
                    current.size += len(text)
                    current.closed = closed
                else:
                    rejects.append(Reject(number, "no BAI2 record: it must start with 01, 02, 03, 16, 49, 88, 98 or 99",
                                          clip(piece)))  # fmt: skip
    if current is not None:
        yield current


def read_date(text: str) -> date | None:
    if len(text) == 8:
        return date_yyyymmdd(text)
    return date_yymmdd(text[-6:])


def read_amount(text: str, places: int) -> int:
    """Whole minor units; with a decimal point (a deviation) the amount is in major units."""
    if not text:
        return 0
    if text.isdigit() and len(text) < 18 and text.isascii():
        return int(text)
    return minor(text, places) if "." in text else integer(text)


def skip_funds(fields: list[str], at: int) -> tuple[int, str]:
    """Past the fields that belong to the funds type at `at`; also the value date that type V carries."""
    kind = fields[at].upper() if at < len(fields) else ""
    at += 1
    if kind == "S":
        return at + 3, ""
    if kind == "V":
        return at + 2, fields[at] if at < len(fields) else ""
    if kind == "D":
        count = fields[at] if at < len(fields) else ""
        return at + 1 + 2 * (int(count) if count.isdigit() and len(count) < 4 else 0), ""
    return at, ""


def sign_of(code: int) -> int | None:
    """+1 credit, -1 debit, 0 information only, None where a detail line has no direction."""
    if 100 <= code <= 399 or 920 <= code <= 959 or 720 <= code <= 759:
        return 1
    if 400 <= code <= 699 or 960 <= code <= 999 or 760 <= code <= 799:
        return -1
    return 0 if 890 <= code <= 899 else None
