"""How the console writes money, ages and times."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django import template

from payos.kernel import clock
from payos.kernel.money import display

register = template.Library()
PLAIN_NUMBER = re.compile(r"(-?)(\d{1,30})(\.\d+)?\Z", re.ASCII)
CODE_DOT = re.compile(r"(?<=[a-z])\.(?=[a-z])")  # the dot of ledger.period_reopen, not that of an amount
ACRONYMS = {"fx": "FX", "ach": "ACH", "api": "API", "sla": "SLA", "id": "ID"}


@register.filter
def money(minor: int | None, currency: str) -> str:
    return display(minor, currency) if minor is not None and currency else ""


@register.filter
def span(value: timedelta | None) -> str:
    """A stretch of time in two steps at most: 3 d 4 h."""
    if value is None:
        return ""
    seconds = int(abs(value.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    parts = [(seconds // 86400, "d"), (seconds % 86400 // 3600, "h"), (seconds % 3600 // 60, "min")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2])


@register.filter
def age(value: datetime | None) -> str:
    return span(clock.now() - value) if value else ""


@register.filter
def due(value: datetime | None) -> str:
    if value is None:
        return ""
    left = value - clock.now()
    return f"in {span(left)}" if left > timedelta(0) else f"{span(left)} late"


@register.filter
def past(value: datetime | None) -> bool:
    return value is not None and value < clock.now()


@register.filter
def stamp(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value else ""


def spoken(value: Any) -> str:
    """A code inside a sentence: fx_variance -> FX variance, statement_missing -> statement missing."""
    return " ".join(ACRONYMS.get(word, word) for word in CODE_DOT.sub(": ", str(value).replace("_", " ")).split())


@register.filter
def words(value: Any) -> str:
    """A code as words: statement_missing -> Statement missing."""
    text = spoken(value)
    return text[:1].upper() + text[1:]


@register.filter
def grouped(value: Any) -> str:
    """A number as people read it on paper: 1,234,567.89. What is no number stays; nothing at all is a dash."""
    text = str(value)
    found = PLAIN_NUMBER.match(text)
    return f"{found[1]}{int(found[2]):,}{found[3] or ''}" if found else text or "–"


@register.filter
def severity_tone(value: int) -> str:
    return {4: "bad", 3: "warn", 2: "info"}.get(value, "plain")


@register.filter
def get(value: Any, key: Any) -> Any:
    return value.get(key, "") if hasattr(value, "get") else ""
