"""Running connectors: fetch, keep, read, then mark. A failure backs off and becomes a case after a while."""

from __future__ import annotations

import io
from datetime import timedelta

from django.db import transaction

from ingestion import connectors
from ingestion.connectors.base import ConnectorError, Found, Remote
from ingestion.models import Connector, ConnectorRun, ConnectorSeen
from ingestion.services.files import process_file, receive_file
from operations.services import open_case, resolve_by_cause
from payos.kernel import clock, tenancy
from payos.kernel.breaker import Breaker, BreakerOpen
from payos.kernel.errors import Problem

MOST_FILES = 1_000
LONGEST_BACKOFF = timedelta(hours=6)


def test_connector(*, connector: Connector) -> str:
    """Reach the other side and say what was seen; nothing is fetched."""
    remote = connectors.open_remote(connector.kind, connector.config, connector.secret, connector.checkpoint)
    try:
        return remote.test()
    finally:
        remote.close()


def run_due(limit: int = 20) -> int:
    """Run every connector whose time has come. Claimed by moving its next time, so that two workers never run one."""
    done = 0
    for _ in range(limit):
        connector = _claim()
        if connector is None:
            break
        run_connector(connector=connector)
        done += 1
    return done


def _claim() -> Connector | None:
    now = clock.now()
    with transaction.atomic(), tenancy.platform_scope(actor="clock:connectors"):
        connector = (
            Connector.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(active=True)
            .exclude(next_run_at__gt=now)
            .order_by("next_run_at", "id")
            .first()
        )
        if connector is not None:
            connector.next_run_at = now + timedelta(minutes=connector.every_minutes)
            Connector.objects.filter(pk=connector.pk).update(next_run_at=connector.next_run_at, last_run_at=now)
        return connector


def run_connector(*, connector: Connector) -> ConnectorRun:
    """One run now. Every file is kept and read in transactions of its own; the checkpoint moves after them."""
    started = clock.now()
    run = ConnectorRun(partner_id=connector.partner_id, livemode=connector.livemode, connector=connector, started_at=started)
    breaker = Breaker(f"connector:{connector.pk}", threshold=5, pause_seconds=60)
    with tenancy.platform_scope(actor=f"connector:{connector.name}"):
        try:
            breaker.enter()
            remote = connectors.open_remote(connector.kind, connector.config, connector.secret, connector.checkpoint)
            try:
                _take(connector, remote, run)
            finally:
                remote.close()
            breaker.success()
        except BreakerOpen as error:
            run.error = str(error)
        except Problem as problem:
            run.error = problem.detail
        except ConnectorError as error:
            run.error = str(error)
            breaker.failure(str(error))
        run.finished_at = clock.now()
        with transaction.atomic():
            run.save(force_insert=True)
            _conclude(connector, run)
    return run


def _take(connector: Connector, remote: Remote, run: ConnectorRun) -> None:
    for found in remote.find():
        run.found += 1
        if run.found > MOST_FILES:
            break
        if ConnectorSeen.objects.filter(connector=connector, key=found.key[:300], version=found.version[:120]).exists():
            continue
        _take_one(connector, remote, run, found)
        # After the commit of its file, so that a crash fetches again instead of skipping.
        connector.checkpoint = remote.checkpoint()
        Connector.objects.filter(pk=connector.pk).update(checkpoint=connector.checkpoint)
    Connector.objects.filter(pk=connector.pk).update(checkpoint=remote.checkpoint())


def _take_one(connector: Connector, remote: Remote, run: ConnectorRun, found: Found) -> None:
    content = remote.fetch(found)
    file, fresh = receive_file(
        content=io.BytesIO(content), name=found.name, partner_id=connector.partner_id, livemode=connector.livemode,
        came_by=connector.name, format=connector.format, profile=connector.profile, profile_name=connector.profile_name,
    )  # fmt: skip
    if fresh or file.state == "received":
        run.fresh += 1
        file = process_file(file=file)
    quarantined = file.state == "quarantined"
    run.quarantined += quarantined
    ConnectorSeen.objects.get_or_create(
        connector=connector, key=found.key[:300], version=found.version[:120], defaults={"partner_id": connector.partner_id}
    )
    remote.done(found, quarantined)


def _conclude(connector: Connector, run: ConnectorRun) -> None:
    key = f"connector:{connector.pk}"
    if not run.error:
        Connector.objects.filter(pk=connector.pk).update(failures=0)
        resolve_by_cause([key], resolution="recovered", note="The connector works again.")
        return
    failures = connector.failures + 1
    wait = min(timedelta(minutes=connector.every_minutes) * 2 ** min(failures, 8), LONGEST_BACKOFF)
    Connector.objects.filter(pk=connector.pk).update(failures=failures, next_run_at=clock.now() + wait)
    connector.failures = failures
    if failures >= connector.alert_after:
        open_case(
            kind="connector_failing", cause_key=key, title=f"The connector {connector.name} has failed {failures} times",
            detail=run.error, subject=("ingestion.connector", str(connector.pk)), partner_id=connector.partner_id,
            livemode=connector.livemode, reason_code="connector",
        )  # fmt: skip
