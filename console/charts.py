"""Charts drawn on the server as SVG: readable in light and dark (colours are the page's variables), by screen readers
(a label, and the figures as a table below), and without any script."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 10, 26
Series = tuple[str, Sequence[float | None]]


def plain(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.2f}"


def percent(value: float) -> str:
    return f"{value:.2f} %"


def short(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def _steps(low: float, high: float) -> list[float]:
    if high <= low:
        high = low + 1
    raw = (high - low) / 4
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * times for times in (1, 2, 2.5, 5, 10) if size * times >= raw)
    start = math.floor(low / step) * step
    count = math.ceil((high - start) / step) + 1
    return [start + step * n for n in range(min(count, 8))]


def _frame(
    labels: Sequence[str], ticks: Sequence[float], y: Callable[[float], float], tick_text: Callable[[float], str], x: Callable[[int], float]
) -> str:
    parts = []
    for value in ticks:
        at = y(value)
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{escape(tick_text(value))}</text>')
    every = max(1, math.ceil(len(labels) / 8))
    for n, label in enumerate(labels):
        if n % every == 0:
            parts.append(f'<text x="{x(n):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(label)}</text>')
    return "".join(parts)


def _finish(
    title: str,
    drawing: str,
    labels: Sequence[str],
    series: Sequence[Series],
    text: Callable[[float], str],
    colours: Sequence[int] = (1, 2, 3, 4, 5, 6),
) -> SafeString:
    svg = (
        f'<svg class="pc-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{drawing}</svg>"
    )
    rows = [(label, [text(values[n]) if values[n] is not None else "" for _, values in series]) for n, label in enumerate(labels)]  # type: ignore[arg-type]
    return render_to_string(
        "console/chart.html",
        {
            "svg": mark_safe(svg),  # nosec B308, B703 # every text in the drawing went through escape
            "names": [(name, colours[place % len(colours)]) for place, (name, _) in enumerate(series)],
            "rows": rows,
            "title": title,
        },
    )


def bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    text: Callable[[float], str] = plain,
    colours: Sequence[int] = (1, 2, 3, 4, 5, 6),
) -> SafeString:
    """Stacked bars: one bar a label, one colour a series."""
    totals = [sum(values[n] or 0 for _, values in series) for n in range(len(labels))]
    ticks = _steps(0, max([*totals, 1]))
    top = ticks[-1]

    def y(value: float) -> float:
        return TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM)

    slot = (WIDTH - LEFT - RIGHT) / max(len(labels), 1)
    wide = min(slot * 0.7, 46)

    def x(n: int) -> float:
        return LEFT + slot * (n + 0.5)

    parts = [_frame(labels, ticks, y, short, x)]
    for n, label in enumerate(labels):
        base = 0.0
        for place, (name, values) in enumerate(series):
            value = values[n] or 0
            if value <= 0:
                continue
            up, down = y(base + value), y(base)
            parts.append(
                f'<rect class="bar s{colours[place % len(colours)]}" x="{x(n) - wide / 2:.1f}" y="{up:.1f}" width="{wide:.1f}" height="{max(down - up, 1):.1f}" rx="2">'
                f"<title>{escape(label)}, {escape(name)}: {escape(text(value))}</title></rect>"
            )
            base += value
    return _finish(title, "".join(parts), labels, series, text, colours)


def lines(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    text: Callable[[float], str] = plain,
    target: float | None = None,
    low: float | None = None,
    high: float | None = None,
) -> SafeString:
    """Lines over time; a gap in the values is a gap in the line. `target` is drawn dashed."""
    known = [value for _, values in series for value in values if value is not None] + ([target] if target is not None else [])
    ticks = _steps(low if low is not None else min([0.0, *known]), high if high is not None else max([*known, 1.0]))
    if high is not None:
        ticks = [tick for tick in ticks if tick <= high + 1e-9] or [0.0, high]
    bottom, top = ticks[0], max(ticks[-1], high or ticks[-1])

    def y(value: float) -> float:
        share = (min(max(value, bottom), top) - bottom) / ((top - bottom) or 1)
        return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)

    step = (WIDTH - LEFT - RIGHT - 16) / max(len(labels) - 1, 1)

    def x(n: int) -> float:
        return LEFT + 8 + step * n

    parts = [_frame(labels, ticks, y, short, x)]
    if target is not None:
        at = y(target)
        parts.append(
            f'<line class="target" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"><title>Target {escape(text(target))}</title></line>'
        )
    for place, (name, values) in enumerate(series):
        path, drawing = [], False
        for n, value in enumerate(values):
            if value is None:
                drawing = False
                continue
            path.append(f"{'L' if drawing else 'M'}{x(n):.1f} {y(value):.1f}")
            drawing = True
            parts.append(
                f'<circle class="s{place % 6 + 1}" cx="{x(n):.1f}" cy="{y(value):.1f}" r="{3 if len(labels) <= 40 else 1.5}">'
                f"<title>{escape(labels[n])}, {escape(name)}: {escape(text(value))}</title></circle>"
            )
        parts.append(f'<path class="line s{place % 6 + 1}" d="{" ".join(path)}"/>')
    return _finish(title, "".join(parts), labels, series, text)
