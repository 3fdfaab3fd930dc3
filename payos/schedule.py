"""Everything the clock does, in one table. A tick asks "what is due"; a tick that comes twice or late changes nothing."""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab


def every(seconds: float, task: str, queue: str = "default") -> dict[str, Any]:
    # A tick that waited longer than its own period is dropped: the next one asks the same question.
    return {"task": task, "schedule": seconds, "options": {"queue": queue, "expires": max(seconds, 10)}}


def daily(hour: int, minute: int, task: str, queue: str = "default") -> dict[str, Any]:
    return {"task": task, "schedule": crontab(hour=str(hour), minute=str(minute)), "options": {"queue": queue}}


SCHEDULE: dict[str, dict[str, Any]] = {
    # kernel
    "outbox relay": every(1, "payos.kernel.tasks.relay_outbox"),
    "worker heartbeat": every(10, "payos.kernel.tasks.worker_heartbeat"),
    "expired idempotency keys": every(600, "payos.kernel.tasks.remove_expired_idempotency_keys"),
    "published outbox events": every(3600, "payos.kernel.tasks.remove_published_events"),
    # ledger
    "seal the ledger": every(2, "ledger.tasks.seal"),
    "expire holds": every(30, "ledger.tasks.expire_holds"),
    # operations
    "cases wake up": every(30, "operations.tasks.wake_up_cases"),
    "approvals expire": every(60, "operations.tasks.expire_approvals"),
    "approvals that wait": every(900, "operations.tasks.watch_approvals"),
    "ledger proof": daily(3, 10, "operations.tasks.watch_ledger", "reconciliation"),
    "alerts evaluate": every(30, "operations.tasks.evaluate_alerts"),
    "alerts deliver": every(5, "operations.tasks.deliver_alerts"),
    # webhooks
    "webhook delivery": every(1, "webhooks.tasks.deliver_due", "webhooks"),
    "webhooks of switched-off endpoints": every(60, "webhooks.tasks.sweep_disabled", "webhooks"),
    "old webhook attempts": every(3600, "webhooks.tasks.forget_old_attempts"),
    # ingestion
    "staging": every(30, "ingestion.tasks.process_staging"),
    "payment partitions": every(6 * 3600, "ingestion.tasks.make_partitions"),
    "holding period": every(300, "ingestion.tasks.release_held_payments"),
    "connectors": every(30, "ingestion.tasks.run_connectors"),
    "room for files": every(60, "ingestion.tasks.watch_store"),
    "old answer times": every(3600, "ingestion.tasks.forget_latency"),
    "old payment references": every(600, "ingestion.tasks.forget_old_references"),
    # settlement
    "close windows": every(2, "settlement.tasks.close_windows", "settlement"),
    "execute transfers": every(2, "settlement.tasks.execute", "settlement"),
    "ask about unknown transfers": every(2, "settlement.tasks.ask", "settlement"),
    "sweep rails": every(30, "settlement.tasks.sweep", "settlement"),
    "bank files": every(20, "settlement.tasks.files", "settlement"),
    "late transfers": every(60, "settlement.tasks.find_late", "settlement"),
    # console
    "rollups": every(60, "console.tasks.roll_latest"),
    "rollups of a month": daily(2, 40, "console.tasks.roll_month"),
    "reports": every(900, "console.tasks.make_due_reports"),
    "rollups again": every(1800, "console.tasks.roll_again"),
    # reconciliation
    "reconcile daily": daily(4, 30, "reconciliation.tasks.run_daily", "reconciliation"),
    "reconcile arrivals": every(60, "reconciliation.tasks.run_arrivals", "reconciliation"),
    "prove balances": daily(5, 0, "reconciliation.tasks.prove_yesterday", "reconciliation"),
}
