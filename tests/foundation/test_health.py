"""`/healthz` answers while the process lives; `/readyz` tells each part's state and says 503 when one is not well."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.management import call_command

from payos import health
from payos.kernel import clock, heartbeat, outbox, redis, tenancy
from payos.kernel.models import Heartbeat

pytestmark = pytest.mark.django_db
PARTS = {"database", "cache", "broker", "migrations", "worker", "beat", "outbox"}


@pytest.fixture
def alive(db: None) -> None:
    heartbeat.say("worker:test")
    heartbeat.say("beat")


def ready(client: Any) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    body = answer.json()
    assert body["ready"] == (answer.status_code == 200)
    assert set(body["checks"]) == PARTS
    return answer.status_code, body["checks"]


def test_healthz_needs_nobody_and_nothing(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("the database is away")

    monkeypatch.setitem(health.CHECKS, "database", broken)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_all_well_is_200_without_a_login(client: Any, alive: None) -> None:
    status, checks = ready(client)
    assert status == 200, checks
    assert all(check["ok"] for check in checks.values())


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_a_process_that_never_lived_or_fell_silent_is_503(client: Any, alive: None, kind: str) -> None:
    Heartbeat.objects.filter(name__startswith=kind).update(beat_at=clock.now() - dt.timedelta(seconds=61))
    status, checks = ready(client)
    assert status == 503 and [name for name, check in checks.items() if not check["ok"]] == [kind]
    assert "heartbeat is 61 s old" in checks[kind]["why"]
    Heartbeat.objects.filter(name__startswith=kind).delete()
    status, checks = ready(client)
    assert status == 503 and f"no {kind} has ever said that it lives" in checks[kind]["why"]


def test_one_living_worker_among_dead_ones_is_enough(client: Any, alive: None) -> None:
    Heartbeat.objects.create(name="worker:old", beat_at=clock.now() - dt.timedelta(days=3))
    assert ready(client)[0] == 200


def test_a_dead_cache_is_told_and_the_rest_still_checked(client: Any, alive: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import redis as library

    from payos.supervisor.preflight import free_port

    gone = library.Redis.from_url(f"redis://127.0.0.1:{free_port()}/0", socket_connect_timeout=0.5)
    monkeypatch.setattr(redis, "client", lambda: gone)
    status, checks = ready(client)
    assert status == 503
    assert sorted(name for name, check in checks.items() if not check["ok"]) == ["broker", "cache"]
    assert "refused" in checks["cache"]["why"].lower()


def test_an_event_that_waits_too_long_is_503(client: Any, alive: None, partner: Any) -> None:
    outbox.drain()
    with clock.frozen(clock.now() - dt.timedelta(hours=2)), tenancy.tenant_scope(partner.pk):
        outbox.publish(topic="test", event_type="test.late", aggregate_id="x", payload={}, partner_id=partner.pk, livemode=False)
    status, checks = ready(client)
    assert status == 503 and not checks["outbox"]["ok"]
    assert "waits for" in checks["outbox"]["why"]
    outbox.drain()
    assert ready(client)[1]["outbox"]["ok"]


def test_an_unapplied_migration_is_503(client: Any, alive: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    known = MigrationRecorder.applied_migrations

    def without_the_last(self: Any) -> Any:
        rows = dict(known(self))
        rows.pop(max(key for key in rows if key[0] == "partners"))
        return rows

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", without_the_last)
    status, checks = ready(client)
    assert status == 503 and "not applied: run `manage.py migrate`" in checks["migrations"]["why"]


def test_a_failing_check_gives_no_secret_away(client: Any, alive: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("cannot log in at postgresql://payos_app:hunter2@db:5432/payos with sk_live_abcdefghijk")

    monkeypatch.setitem(health.CHECKS, "database", broken)
    answer = client.get("/readyz")
    assert answer.status_code == 503 and "hunter2" not in answer.content.decode() and "abcdefghijk" not in answer.content.decode()


def test_a_database_error_in_one_check_does_not_spoil_the_next(client: Any, alive: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setitem(health.CHECKS, "database", broken)
    status, checks = ready(client)
    assert status == 503 and [name for name, check in checks.items() if not check["ok"]] == ["database"]
    assert "division by zero" in checks["database"]["why"]


def test_metrics_speak_prometheus_without_a_login(client: Any, alive: None) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "django_http_requests" in text and "payos_outbox_lag_seconds" in text and "payos_heartbeat_age_seconds" in text


@pytest.mark.parametrize("kind", ["worker", "beat"])
def test_the_containers_check_agrees(alive: None, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_heartbeat", kind)
    Heartbeat.objects.filter(name__startswith=kind).update(beat_at=clock.now() - dt.timedelta(seconds=100))
    with pytest.raises(SystemExit) as stopped:
        call_command("check_heartbeat", kind, "--limit", "90")
    assert stopped.value.code == 1
    assert f"the last {kind} heartbeat is 100 s old (limit 90 s)" in capsys.readouterr().out
    Heartbeat.objects.filter(name__startswith=kind).delete()
    with pytest.raises(SystemExit):
        call_command("check_heartbeat", kind)
