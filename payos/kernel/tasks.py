"""What the clock does for the kernel."""

from __future__ import annotations

import time

from celery import shared_task

from payos.kernel import heartbeat, idempotency, outbox, tenancy

RELAY_SECONDS = 20.0


@shared_task
def relay_outbox() -> int:
    """Relay until nothing is left or the time is over; the next tick goes on."""
    started, total = time.monotonic(), 0
    while time.monotonic() - started < RELAY_SECONDS:
        moved = outbox.relay()
        total += moved
        if not moved:
            break
    return total


@shared_task
def worker_heartbeat() -> None:
    import socket

    heartbeat.say(f"worker:{socket.gethostname()}"[:64])


@shared_task
def remove_expired_idempotency_keys() -> int:
    with tenancy.platform_scope(actor="clock:retention"):
        return idempotency.remove_expired()


@shared_task
def remove_published_events() -> int:
    with tenancy.platform_scope(actor="clock:retention"):
        return outbox.remove_published()
