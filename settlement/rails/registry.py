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
    """What the adapter says of netting, without making one."""
    capabilities = getattr(ADAPTERS.get(rail.adapter), "capabilities", None)
    return bool(capabilities and capabilities.nets)


def adapter_for(rail: Any) -> RailAdapter:
    """A fresh adapter of a configured rail; close it after use."""
    make = ADAPTERS.get(rail.adapter)
    if make is None:
        raise Problem("unprocessable", f"The rail {rail.code} names the adapter {rail.adapter!r}, which does not exist.")
    return make(rail)
