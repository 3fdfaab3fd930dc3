"""One line a rail: its adapter's name and what makes it from a configured `Rail`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from payos.kernel.errors import Problem
from settlement.rails import ach, sandbox
from settlement.rails.base import RailAdapter

ADAPTERS: dict[str, Callable[[Any], RailAdapter]] = {
    "sandbox": sandbox.Sandbox,
    "ach": ach.Ach,
}


def nets_of(rail: Any) -> bool:
    """Whether the rail moves one sum a window: by its configuration (a bank's agreement), else by what its adapter says."""
    configured = (rail.config or {}).get("nets")
    if configured is not None:
        return bool(configured)
    capabilities = getattr(ADAPTERS.get(rail.adapter), "capabilities", None)
    return bool(capabilities and capabilities.nets)


def adapter_for(rail: Any) -> RailAdapter:
    """A fresh adapter of a configured rail; close it after use."""
    make = ADAPTERS.get(rail.adapter)
    if make is None:
        raise Problem("unprocessable", f"The rail {rail.code} names the adapter {rail.adapter!r}, which does not exist.")
    return make(rail)
