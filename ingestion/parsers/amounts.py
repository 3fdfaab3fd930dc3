"""Amounts and dates as files write them, read exactly: integers of minor units, and no clock arithmetic.

Every function here refuses what it does not understand. An amount with more non-zero places than its currency
has is refused, not rounded: rounding would invent or lose money, and nobody would see it.
"""

from __future__ import annotations

import calendar
import re
from datetime import date
from functools import lru_cache

from ingestion.parsers.records import MAX_MINOR, AmountError
from payos.kernel.money import MoneyError
from payos.kernel.money import exponent as _kernel_exponent

_PLAIN = re.compile(r"\s*([+-]?)\s*([0-9]*)(?:[.,]([0-9]*))?\s*\Z")
_CURRENCY = re.compile(r"[A-Z]{3,5}\Z")


@lru_cache(maxsize=512)
def currency_exponent(code: str) -> int:
    """Decimal places of a currency. Codes that are unknown (DEM, house codes) count as two places."""
    try:
        return _kernel_exponent(code)
    except MoneyError:  # the kernel refuses unknown codes; a file from 2001 in DEM is still to be read
        return 2


@lru_cache(maxsize=512)
def known_currency(code: str) -> bool:
    try:
        _kernel_exponent(code)
    except MoneyError:
        return False
    return True


def is_currency(text: str) -> bool:
    return bool(_CURRENCY.match(text))


def scale(sign: str, whole: str, fraction: str, places: int) -> int:
    """Minor units from the parts of a decimal number."""
    if len(fraction) > places:
        if fraction[places:].strip("0"):
            raise AmountError(f"{sign}{whole}.{fraction} has more decimal places than the currency ({places}); it is not rounded")
        fraction = fraction[:places]
    digits = whole + fraction + "0" * (places - len(fraction))
    if len(digits) > 18:
        digits = digits.lstrip("0")
        if len(digits) > 19 or (len(digits) == 19 and int(digits) > MAX_MINOR):
            raise AmountError(f"{whole[:30]} is too large for an amount")
    value = int(digits or "0")
    return -value if sign == "-" else value


def minor(text: str, places: int) -> int:
    """Minor units of a plain decimal: optional sign, one decimal point or comma, no grouping."""
    match = _PLAIN.match(text)
    if match is None:
        raise AmountError(f"{text[:40]!r} is not an amount")
    sign, whole, fraction = match.groups()
    if fraction is not None and len(fraction) == places and 0 < len(whole) < 16 - places:  # by far the most common
        return int(sign + whole + fraction)
    if not whole and not fraction:
        raise AmountError(f"{text[:40]!r} is not an amount")
    return scale(sign, whole, fraction or "", places)


def integer(text: str) -> int:
    """A whole number of minor units, as BAI2 writes it: digits with an optional sign."""
    stripped = text.strip()
    body = stripped[1:] if stripped[:1] in ("+", "-") else stripped
    if not body.isascii() or not body.isdigit() or len(body) > 40:
        raise AmountError(f"{text[:40]!r} is not a whole number of minor units")
    value = int(body)
    if value > MAX_MINOR:
        raise AmountError(f"{text[:40]} is too large for an amount")
    return -value if stripped[0] == "-" else value


@lru_cache(maxsize=8192)
def date_yymmdd(text: str) -> date | None:
    """YYMMDD with the window 1970 to 2069; None where it is no date."""
    if len(text) != 6 or not text.isascii() or not text.isdigit():
        return None
    year = int(text[:2])
    return _date(2000 + year if year < 70 else 1900 + year, int(text[2:4]), int(text[4:]))


@lru_cache(maxsize=8192)
def date_yyyymmdd(text: str) -> date | None:
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        return None
    return _date(int(text[:4]), int(text[4:6]), int(text[6:]))


@lru_cache(maxsize=8192)
def date_iso(text: str) -> date | None:
    """The date part of an ISO date or date and time, exactly as written (no zone is applied)."""
    part = text.strip()[:10]
    if len(part) != 10 or part[4] != "-" or part[7] != "-":
        return None
    digits = part[:4] + part[5:7] + part[8:]
    return date_yyyymmdd(digits)


@lru_cache(maxsize=1024)
def clamp_yymmdd(text: str) -> date | None:
    """For a day that the calendar lacks (30 February, by 30/360 convention): the last day of that month."""
    if len(text) != 6 or not text.isascii() or not text.isdigit():
        return None
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
    year += 2000 if year < 70 else 1900
    if not 1 <= month <= 12 or not 28 < day <= 31:
        return None
    return date(year, month, calendar.monthrange(year, month)[1])


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
