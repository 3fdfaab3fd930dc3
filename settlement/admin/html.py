"""Small tables inside a change page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from payos.kernel import ids


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "–") -> SafeString | str:
    body = list(rows)
    if not body:
        return empty
    top = format_html_join("", '<th class="text-left pr-6 py-1 font-medium" scope="col">{}</th>', ((name,) for name in head))
    lines = format_html_join(
        "",
        '<tr class="border-t border-base-200 dark:border-base-700">{}</tr>',
        ((format_html_join("", '<td class="pr-6 py-1 align-top break-words">{}</td>', ((shown(cell),) for cell in row)),) for row in body),
    )
    return format_html(
        '<div class="payos-wide"><table class="w-full text-sm"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>', top, lines
    )


def shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    return "–" if value in (None, "") else value


def link(address: str, text: Any) -> SafeString:
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', address, text)


def page_of(model: str, prefix: str, key: Any) -> Any:
    """The row's public id, as a link where the console has a page for it."""
    text = ids.encode(prefix, key)
    try:
        return link(reverse(f"admin:{model}_change", args=[key]), text)
    except NoReverseMatch:
        return text
