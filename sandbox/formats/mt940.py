"""SWIFT MT940: one message an account; long days go on over several pages with 60M and 62M balances."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from sandbox.books import decimal

if TYPE_CHECKING:
    from sandbox.statements import Line, Statement

CODES = {
    "transfer": "NTRF", "return": "NRTI", "ach": "NTRF", "ach_in": "NTRF", "ach_return": "NRTI", "deposit": "NMSC", "wire_in": "NTRF",
    "lockbox": "NCHK", "interest": "NINT", "fee": "NCHG", "chargeback": "NRTI", "check_paid": "NCHK",
}  # fmt: skip
PAGE = 500  # lines a message
# The SWIFT x character set; what is outside becomes a blank.
_OUTSIDE = re.compile(r"[^A-Za-z0-9/\-?:().,'+ _]")


def _x(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _OUTSIDE.sub(" ", plain)


def _mark(amount: int) -> str:
    return "C" if amount >= 0 else "D"


def _balance(tag: str, statement: Statement, amount: int) -> str:
    return f":{tag}:{_mark(amount)}{statement.day:%y%m%d}{statement.currency}{_amount(abs(amount), statement.currency)}"


def _amount(minor: int, currency: str) -> str:
    text = decimal(minor, currency, ",")
    return text if "," in text else text + ","


def _line(statement: Statement, line: Line) -> list[str]:
    amount = _amount(abs(line.amount_minor), statement.currency)
    owner = line.reference if 0 < len(line.reference) <= 16 and "//" not in line.reference else "NONREF"
    kind = CODES.get(line.kind, "NMSC")
    mark = "RD" if line.kind in ("return", "ach_return") and line.amount_minor > 0 else _mark(line.amount_minor)
    words = _x(f"/EREF/{line.reference}/REMI/{line.narrative}" + (f"/NAME/{line.counterparty}" if line.counterparty else ""))
    pieces = [words[i : i + 65] for i in range(0, min(len(words), 6 * 65), 65)]
    # A continuation line that starts with a colon or a dash would be read as a new tag or as the end.
    safe = [piece if i == 0 or piece[0] not in ":-" else " " + piece[1:] for i, piece in enumerate(pieces)]
    return [f":61:{line.day:%y%m%d}{line.day:%m%d}{mark}{amount}{kind}{owner}//{line.bank_reference}", ":86:" + safe[0], *safe[1:]]


def render(statements: list[Statement]) -> bytes:
    out: list[str] = []
    for s in statements:
        if len(s.currency) != 3:
            continue  # SWIFT knows ISO currencies only; tokens have no MT940
        pages = [s.lines[i : i + PAGE] for i in range(0, len(s.lines), PAGE)] or [()]
        running = s.opening_minor
        for number, lines in enumerate(pages, start=1):
            last = number == len(pages)
            out.append(f"{{1:F01SANDUS33AXXX0000000000}}{{2:O9401200{s.day:%y%m%d}SANDUS33AXXX00000000001200N}}{{4:")
            out += [f":20:ST{s.day:%y%m%d}{s.currency}", f":25:{s.number}", f":28C:{s.serial}/{number}"]
            out.append(_balance("60F" if number == 1 else "60M", s, running))
            for line in lines:
                out += _line(s, line)
                running += line.amount_minor
            closing = s.closing_minor if last else running
            out.append(_balance("62F" if last else "62M", s, closing))
            if last:
                out.append(_balance("64", s, closing))
            out.append("-}")
    return ("\r\n".join(out) + "\r\n").encode("ascii") if out else b""
