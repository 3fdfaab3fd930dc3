"""Scheme limits on presenting a returned transfer again. Asked before anything is queued and again before a file is built."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from payos.kernel import clock
from settlement.models import Rail, Submission
from settlement.rails.base import Representment
from settlement.rails.registry import adapter_for


def limits_of(rail: Rail) -> Representment | None:
    adapter = adapter_for(rail)
    try:
        return adapter.capabilities.representment
    finally:
        adapter.close()


def refusals(*, limits: Representment, rail: Rail, transfers: Iterable[Any]) -> dict[uuid.UUID, str]:
    """Which of these transfers may not be presented again on this rail, and why. What never came back may."""
    keys = [transfer.pk for transfer in transfers]
    returns: dict[uuid.UUID, list[tuple[str, Any]]] = defaultdict(list)
    for transfer_id, code, sent_at in (
        Submission.objects.filter(rail=rail, transfer_id__in=keys, outcome="returned")
        .order_by("number")
        .values_list("transfer_id", "code", "sent_at")
    ):
        returns[transfer_id].append((code, sent_at))
    now, found = clock.now(), {}
    for transfer_id, history in returns.items():
        last, first_sent = history[-1][0], history[0][1]
        allowed = min(limits.retries.get(code, 0) for code, _ in history)
        if last not in limits.retries:
            found[transfer_id] = (
                f"it came back with {last}, which may not be presented again: make a new transfer with details that are right"
            )
        elif len(history) > allowed:
            found[transfer_id] = f"it came back {len(history)} times: the network allows {allowed} more tries after the first"
        elif first_sent and now - first_sent > timedelta(days=limits.days):
            found[transfer_id] = f"it was first presented more than {limits.days} days ago"
    return found
