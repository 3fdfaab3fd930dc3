"""`/healthz`: the process lives. `/readyz`: each part that it needs, with its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from payos.kernel import heartbeat, outbox, redis, tenancy
from payos.logging import scrub_text

LAG_LIMIT_SECONDS = 300.0
BEAT_LIMIT_SECONDS = 60.0


@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@transaction.non_atomic_requests
def readyz(request: HttpRequest) -> JsonResponse:
    checks: dict[str, dict[str, Any]] = {}
    for name, check in CHECKS.items():
        try:
            with transaction.atomic():
                checks[name] = {"ok": True, **(check() or {})}
        except Exception as error:  # noqa: BLE001  whatever a part raises is its state
            said = str(error).strip() or type(error).__name__
            checks[name] = {"ok": False, "why": scrub_text(said.splitlines()[0][:200])}
    ready = all(check["ok"] for check in checks.values())
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _redis() -> None:
    redis.client().ping()


def missing_migrations() -> int:
    executor = MigrationExecutor(connections["default"])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _migrations() -> None:
    missing = missing_migrations()
    if missing:
        raise RuntimeError(f"{missing} migrations are not applied: run `manage.py migrate`")


def _alive(kind: str) -> Callable[[], dict[str, Any]]:
    def check() -> dict[str, Any]:
        age = heartbeat.age_seconds(kind)
        if age is None:
            raise RuntimeError(f"no {kind} has ever said that it lives")
        if age > BEAT_LIMIT_SECONDS:
            raise RuntimeError(f"the last {kind} heartbeat is {age:.0f} s old")
        return {"age_seconds": round(age, 1)}

    return check


def _outbox() -> dict[str, Any]:
    with tenancy.platform_scope():
        lag = outbox.lag()
    if lag["seconds"] > LAG_LIMIT_SECONDS:
        raise RuntimeError(f"the oldest event waits for {lag['seconds']:.0f} s")
    return lag


CHECKS: dict[str, Callable[[], dict[str, Any] | None]] = {
    "database": _database,
    "cache": _redis,
    "broker": _redis,
    "migrations": _migrations,
    "worker": _alive("worker"),
    "beat": _alive("beat"),
    "outbox": _outbox,
}
