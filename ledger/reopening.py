"""Asking to open a closed period again. Who may decide is no matter of the ledger: the layer with approvals registers itself here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.models import Period
from payos.kernel.errors import Problem

ACTION = "ledger.period_reopen"
Ask = Callable[..., str]
_ask: Ask | None = None


def decided_by(ask: Ask) -> None:
    """`ask(period=, reason=, requested_by=)` puts the request before a second person and says how to find it."""
    global _ask
    _ask = ask


def ask(*, period: Period, reason: str, requested_by: Any) -> str:
    if period.closed_at is None:
        raise Problem("invalid_state", f"The period {period} is open.")
    if _ask is None:
        raise Problem("conflict", "Nothing here decides approvals, so no period can be opened again.")
    return _ask(period=period, reason=reason, requested_by=requested_by)
