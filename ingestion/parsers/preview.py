"""What a profile makes of a sample: its first rows as they are read, what is not read and why, and the totals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ingestion.parsers import registry
from ingestion.parsers.amounts import currency_exponent
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Flag, Line, Reject, StatementEnd, StatementStart, Unreadable

ROWS = 20
PROBLEMS = 50
MOST_EVENTS = 200_000


@dataclass
class Total:
    """One statement of the sample."""

    account: str = ""
    currency: str = ""
    lines: int = 0
    credits: int = 0
    debits: int = 0
    opening: int | None = None
    closing: int | None = None
    balances_ok: bool | None = None


@dataclass
class Preview:
    format: str = ""
    error: str = ""
    lines: list[Line] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)
    line_count: int = 0
    reject_count: int = 0
    flag_count: int = 0
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For showing: amounts as decimals with their places."""
        return {
            "format": self.format, "error": self.error, "stopped": self.stopped,
            "line_count": self.line_count, "reject_count": self.reject_count, "flag_count": self.flag_count,
            "lines": [
                {
                    "position": line.position, "booking_date": line.booking_date, "value_date": line.value_date, "amount": shown(line.amount_minor, line.currency),
                    "currency": line.currency, "reference": line.reference, "references": line.references, "counterparty": line.counterparty,
                    "description": line.description, "type": line.type_code,
                }
                for line in self.lines
            ],
            "rejects": [{"position": item.position, "reason": item.reason, "raw": item.raw} for item in self.rejects],
            "flags": [{"position": item.position, "code": item.code, "detail": item.detail} for item in self.flags],
            "totals": [
                {
                    "account": total.account, "currency": total.currency, "lines": total.lines, "credits": shown(total.credits, total.currency),
                    "debits": shown(total.debits, total.currency), "sum": shown(total.credits + total.debits, total.currency),
                    "opening": shown(total.opening, total.currency), "closing": shown(total.closing, total.currency), "balances_ok": total.balances_ok,
                }
                for total in self.totals
            ],
        }  # fmt: skip


def shown(minor: int | None, currency: str) -> str:
    if minor is None:
        return ""
    places = currency_exponent(currency)
    digits = str(abs(minor)).rjust(places + 1, "0")
    return ("-" if minor < 0 else "") + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def preview(file: BinaryIO, profile: Profile | None, format: str = "", name: str = "") -> Preview:
    """Read a sample and keep its beginning. Never raises for what is in the sample: `error` says it."""
    found = Preview()
    total = Total()
    try:
        parsed = registry.open_file(file, format or None, profile, name)
        found.format = parsed.format
        for number, event in enumerate(parsed.events):
            if number >= MOST_EVENTS:
                found.stopped = True
                break
            if isinstance(event, Line):
                found.line_count += 1
                total.lines += 1
                if event.amount_minor >= 0:
                    total.credits += event.amount_minor
                else:
                    total.debits += event.amount_minor
                if len(found.lines) < ROWS:
                    found.lines.append(event)
            elif isinstance(event, StatementStart):
                total = Total(event.account, event.currency)
                found.totals.append(total)
            elif isinstance(event, StatementEnd):
                total.account, total.currency = event.account, event.currency
                total.opening, total.closing, total.balances_ok = event.opening_minor, event.closing_minor, event.balances_ok
            elif isinstance(event, Reject):
                found.reject_count += 1
                if len(found.rejects) < PROBLEMS:
                    found.rejects.append(event)
            else:
                found.flag_count += 1
                if len(found.flags) < PROBLEMS:
                    found.flags.append(event)
    except Unreadable as error:
        found.error = str(error)
    return found
