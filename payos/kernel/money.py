"""Money: an integer of minor units and a currency. No float and no rounding on the way in; parts sum to the whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from payos.kernel.currencies import EXPONENTS

LARGEST = 2**63 - 1
PLAIN = re.compile(r"(-?)(\d{1,30})(?:\.(\d{1,30}))?\Z", re.ASCII)


class Exponential(Decimal):
    """A JSON number that was written with an exponent: fine as a number, refused as an amount of money."""

    __slots__ = ()


class MoneyError(ValueError):
    """`code` is stable, for the API: currency, format, places, overflow."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


def is_currency(code: Any) -> bool:
    return isinstance(code, str) and code in EXPONENTS


def exponent(currency: str) -> int:
    try:
        return EXPONENTS[currency]
    except (KeyError, TypeError):
        raise MoneyError("currency", f"{str(currency)[:12]!r} is no currency: use a code such as USD, KES or USDC") from None


def parse_minor(value: Any, currency: str) -> int:
    """Minor units of a decimal text or JSON number. A number with too many places is refused, never rounded."""
    places = exponent(currency)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise MoneyError("format", 'write the amount as a decimal text such as "12.50"')
    if isinstance(value, Exponential):
        raise MoneyError("format", f"write the amount without an exponent: {str(value)[:40]} is not plain")
    if isinstance(value, Decimal) and not value.is_finite():
        raise MoneyError("format", "the amount is not a finite number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise MoneyError("overflow", "the amount is larger than this ledger can hold")
    text = _plain(value)
    found = PLAIN.match(text)
    if found is None:
        raise MoneyError("format", f'{text[:40]!r} is no decimal number such as "12.50"')
    sign, whole, fraction = found[1], found[2], found[3] or ""
    if len(fraction) > places and fraction[places:].strip("0"):
        raise MoneyError("places", f"{text[:40]} has more than the {places} decimal places of {currency}")
    minor = int(whole + fraction[:places].ljust(places, "0"))
    if minor > LARGEST:
        raise MoneyError("overflow", "the amount is larger than this ledger can hold")
    return -minor if sign else minor


def _plain(value: str | int | Decimal) -> str:
    if isinstance(value, Decimal):
        sign, digits, power = value.as_tuple()
        # Bounded before it is written out: 1e999999 must not become a million zeros.
        if not -40 < int(power) < 40 or len(digits) > 40:
            raise MoneyError("format", "the amount has too many digits")
        return format(value, "f")
    return str(value)


def to_decimal_str(minor: int, currency: str) -> str:
    places = exponent(currency)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def allocate(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split by largest remainder: the parts sum to the whole, ties go to the earlier part."""
    if not weights or any(weight < 0 for weight in weights) or not sum(weights):
        raise MoneyError("weights", "give at least one weight, none negative, not all zero")
    whole, sign = sum(weights), -1 if total_minor < 0 else 1
    size = abs(total_minor)
    parts = [size * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
    for index in order[: size - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]


def share(amount_minor: int, basis_points: int) -> int:
    """A percentage in hundredths of a percent, half to even."""
    whole, rest = divmod(abs(amount_minor) * basis_points, 10_000)
    whole += rest > 5_000 or (rest == 5_000 and whole % 2)
    return -whole if amount_minor < 0 else whole


def display(minor: int | None, currency: str, locale: str = "en") -> str:
    """For people: `$1,234.50`. Stablecoins and unknown symbols show their code."""
    if minor is None:
        return ""
    from babel.numbers import format_currency, format_decimal

    value = Decimal(minor).scaleb(-exponent(currency))
    if len(currency) > 3:
        return f"{format_decimal(value, format='#,##0.' + '0' * exponent(currency), locale=locale)} {currency}"
    return str(format_currency(value, currency, locale=locale))


@dataclass(frozen=True, slots=True, order=True)
class Money:
    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise MoneyError("format", f"minor units are a whole number, not {self.minor!r}")
        if abs(self.minor) > LARGEST:
            raise MoneyError("overflow", "the amount is larger than this ledger can hold")

    @classmethod
    def parse(cls, value: Any, currency: str) -> Money:
        return cls(parse_minor(value, currency), currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise MoneyError("currency", f"{self.currency} and {other.currency} cannot be added: convert one first")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def split(self, weights: Sequence[int]) -> list[Money]:
        return [Money(part, self.currency) for part in allocate(self.minor, weights)]

    def __str__(self) -> str:
        return to_decimal_str(self.minor, self.currency)
