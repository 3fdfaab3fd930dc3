"""How a page to look at writes what a table holds: money as money, JSON as a list of facts, the mode as a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from payos.kernel.money import display

MOST_FACTS = 60


def pretty(value: Any) -> SafeString | str:
    """JSON for people, in a block that keeps its lines."""
    if value in (None, "", {}, []):
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="font-mono text-xs whitespace-pre-wrap break-words">{}</pre>', text)


def plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value in (None, "") else str(value)


def facts(value: Any) -> SafeString | str:
    """A dictionary as two columns, a list of words as a line; what is deeper keeps its shape."""
    if value in (None, "", {}, []):
        return "–"
    if isinstance(value, list) and all(plain(one) for one in value):
        return ", ".join(word(one) for one in value)
    if not isinstance(value, dict) or len(value) > MOST_FACTS:
        return pretty(value)
    rows = [(name.replace("_", " "), _fact(one)) for name, one in value.items()]
    return format_html(
        '<table class="text-sm">{}</table>',
        format_html_join(
            "", '<tr><td class="align-top pr-6 text-font-subtle-light dark:text-font-subtle-dark">{}</td><td>{}</td></tr>', rows
        ),
    )


def _fact(value: Any) -> SafeString | str:
    if plain(value):
        return word(value)
    if isinstance(value, dict) and value and all(plain(one) for one in value.values()):
        return ", ".join(f"{name.replace('_', ' ')} {word(one)}" for name, one in value.items())
    return facts(value) if isinstance(value, list) else pretty(value)


def size(count: int) -> str:
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    return f"{count / 1000:,.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def _method(name: str, label: str, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def show(row: Any) -> Any:
        return write(row)

    show.short_description = label  # type: ignore[attr-defined]
    show.__name__ = f"read_{name}"
    return show


def _money(name: str, row: Any) -> str:
    value = getattr(row, name)
    return "–" if value is None else display(value, row.currency)


def _json(name: str, row: Any) -> SafeString | str:
    return facts(getattr(row, name))


def readings(model: type[models.Model]) -> dict[str, Callable[[Any], Any]]:
    """Field -> how it is shown, for the fields that nobody reads as they are stored."""
    found: dict[str, Callable[[Any], Any]] = {}
    has_currency = any(field.name == "currency" for field in model._meta.fields)
    for field in model._meta.fields:
        name, label = field.name, str(field.verbose_name)
        if name.endswith("_minor") and has_currency:
            found[name] = _method(name, label.removesuffix(" minor").capitalize(), partial(_money, name))
        elif isinstance(field, models.JSONField):
            found[name] = _method(name, label.capitalize(), partial(_json, name))
        elif name == "livemode":
            found[name] = _method(name, "Mode", lambda row: "Live" if row.livemode else "Test")
    return found
