"""What a benchmark reports, in the one shape of every `manage.py bench NAME --json`."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[str], None]


@dataclass
class Report:
    bench: str
    figures: list[dict[str, Any]] = field(default_factory=list)
    ratios: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def figure(self, name: str, value: float | int | Sequence[float], unit: str, spread: float | None = None) -> None:
        """A number, or several measurements of it: then the median with its spread (half the range over the median)."""
        if not isinstance(value, int | float):
            middle = statistics.median(value)
            spread = (max(value) - min(value)) / 2 / middle if middle else 0.0
            value = middle
        self.figures.append({"name": name, "value": _round(value), "unit": unit, "spread": None if spread is None else round(spread, 3)})

    def ratio(self, name: str, ours: float, against: float, goal: float | None = None, *, at_most: bool = False) -> None:
        value = ours / against if against else 0.0
        ok = None if goal is None else (value <= goal if at_most else value >= goal)
        self.ratios.append(
            {"name": name, "ours": _round(ours), "against": _round(against), "value": round(value, 3), "goal": goal, "ok": ok}
        )

    def as_dict(self) -> dict[str, Any]:
        return {"bench": self.bench, "machine": machine(), "figures": self.figures, "ratios": self.ratios, "notes": self.notes}


def _round(value: float) -> float:
    return round(value, 3) if abs(value) < 100 else round(value)


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory, 1),
        "python": platform.python_version(),
        "system": platform.system(),
        "arch": platform.machine(),
    }
