"""Channels: how each kind of sender signs and writes its messages. Adding one is one module and one line in ADAPTERS.

An adapter verifies the raw bytes before anything is read, then maps them to a payment, or says that the message is
none (an event of another kind), which is acknowledged and counted.
"""

from __future__ import annotations

import ipaddress
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Protocol

from ingestion.channels import generic, mpesa, standard_webhooks, stripe
from ingestion.channels.base import Ignored, Incoming, NotVerified, Unreadable
from ingestion.models import Source
from payos.kernel import clock, tenancy

__all__ = ["ADAPTERS", "Ignored", "Incoming", "NotVerified", "Unreadable", "find_source", "forget_sources"]


class Adapter(Protocol):
    def verify(self, message: Incoming, secrets: list[str], tolerance: int) -> None: ...
    def read(self, message: Incoming) -> dict[str, Any]: ...


ADAPTERS: dict[str, Any] = {
    "generic": generic,
    "standard_webhooks": standard_webhooks,
    "stripe": stripe,
    "mpesa_stk": mpesa.Stk(),
    "mpesa_c2b": mpesa.C2B(),
}
REMEMBER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source as the request path needs it, remembered for a few seconds."""

    id: uuid.UUID
    partner_id: uuid.UUID
    livemode: bool
    name: str
    adapter: str
    secrets: tuple[str, ...]
    tolerance: int
    networks: tuple[Any, ...]
    rate_per_minute: int
    currency: str
    channel: str
    branch_id: uuid.UUID | None
    hold_days: int
    branches: dict[str, tuple[uuid.UUID, int]]


_lock = threading.Lock()
_remembered: tuple[float, dict[uuid.UUID, KnownSource]] = (-1e9, {})


def forget_sources() -> None:
    global _remembered
    with _lock:
        _remembered = (-1e9, {})


def _sources() -> dict[uuid.UUID, KnownSource]:
    global _remembered
    read_at, known = _remembered
    if time.monotonic() - read_at < REMEMBER_SECONDS:
        return known
    with tenancy.platform_scope():
        from partners.models import Branch

        now = clock.now()
        branches: dict[tuple[Any, bool], dict[str, tuple[uuid.UUID, int]]] = {}
        for branch in Branch.objects.filter(active=True):
            branches.setdefault((branch.partner_id, branch.livemode), {})[branch.code] = (branch.pk, branch.holding_days)
        known = {
            row.pk: KnownSource(
                row.pk,
                row.partner_id,
                row.livemode,
                row.name,
                row.adapter,
                tuple(s for s in (row.secret, row.old_secret if row.old_secret_until and row.old_secret_until > now else "") if s),
                row.tolerance_seconds,
                tuple(ipaddress.ip_network(text, strict=False) for text in row.allowed_networks),
                row.rate_per_minute,
                row.currency,
                row.channel,
                row.branch_id,
                row.branch.holding_days if row.branch else 0,
                branches.get((row.partner_id, row.livemode), {}),
            )
            for row in Source.objects.filter(active=True, partner__active=True).select_related("branch")
        }
    with _lock:
        _remembered = (time.monotonic(), known)
    return known


def find_source(adapter: str, source_id: uuid.UUID | None) -> KnownSource | None:
    """The named source of this channel; without a name the only one there is."""
    known = _sources()
    if source_id is not None:
        found = known.get(source_id)
        return found if found is not None and found.adapter == adapter else None
    of_kind = [source for source in known.values() if source.adapter == adapter]
    return of_kind[0] if len(of_kind) == 1 else None
