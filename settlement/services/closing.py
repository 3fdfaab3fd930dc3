"""Closing windows: one row a closing, so that two clocks and five workers make one settlement batch of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction

from payos.kernel import calendars, clock, ids, sqlfile, tenancy
from settlement import events, snapshot, windows
from settlement.models import Halt, Rail, SettlementBatch, SettlementWindow, Transfer, WindowRule
from settlement.rails.registry import nets_of


def next_window(rule: WindowRule | None, at: datetime | None = None) -> datetime:
    return windows.next_closing(snapshot.rule_of(rule), at or clock.now(), calendars.is_business_day)


def close_due_windows() -> list[SettlementWindow]:
    """Close every window whose time has come; what was missed while nobody looked closes now, once, in order."""
    closed: list[SettlementWindow] = []
    with tenancy.platform_scope(actor="clock:windows"):
        if Halt.objects.exists():
            return []
        rules = list(WindowRule.objects.filter(active=True, rail__enabled=True).select_related("rail").order_by("id"))
        ruled = {rule.rail_id for rule in rules if rule.partner_id is None}
        for rail in Rail.objects.filter(enabled=True).exclude(pk__in=ruled):
            if not WindowRule.objects.filter(rail=rail, partner=None).exists():
                rules.append(_continuous(rail))
    for rule in rules:
        closed += _close_rule(rule)
    return closed


def _continuous(rail: Rail) -> WindowRule:
    """A rail without a rule settles at once; the rule is written down so that its windows have something to name."""
    rule, _ = WindowRule.objects.get_or_create(rail=rail, partner=None, defaults={"frequency": "continuous"})
    return rule


def _close_rule(rule: WindowRule) -> list[SettlementWindow]:
    now = clock.now()
    if rule.frequency == "continuous":
        with tenancy.platform_scope(actor="clock:windows"):
            waiting = Transfer.objects.filter(rail=rule.rail, state="queued", settlement_batch=None, window_at__lte=now)[:1].exists()
        window = close_window(rule=rule, closes_at=now) if waiting else None
        return [window] if window else []
    closed = []
    since = rule.run_until or now - timedelta(seconds=1)
    for closes_at in windows.due(snapshot.rule_of(rule), since, now, calendars.is_business_day):
        window = close_window(rule=rule, closes_at=closes_at)
        if window:
            closed.append(window)
    if rule.run_until is None:
        with tenancy.platform_scope(actor="clock:windows"):
            WindowRule.objects.filter(pk=rule.pk, run_until=None).update(run_until=now)
    return closed


def close_window(
    *, rule: WindowRule, closes_at: datetime, override_reason: str = "", only: list[Any] | None = None
) -> SettlementWindow | None:
    """Close one window: its transfers, per partner, mode and currency, become settlement batches. None if it was closed before."""
    with transaction.atomic(), tenancy.platform_scope(actor="clock:windows", reason=override_reason):
        window = SettlementWindow(
            rule=rule, rail_id=rule.rail_id, closes_at=closes_at, closed_at=clock.now(), override_reason=override_reason
        )
        try:
            with transaction.atomic():
                window.save(force_insert=True)
        except IntegrityError:
            return None
        groups = _claim(rule, closes_at, only)
        rail = rule.rail
        nets = nets_of(rail)
        batches = []
        for partner_id, livemode, currency, transfer_ids, total in groups:
            expected = snapshot.expected_at(rail, closes_at)
            batch = SettlementBatch(
                id=ids.uuid7(), partner_id=partner_id, livemode=livemode, window=window, rail=rail, currency=currency,
                account=f"cash:{rail.code}", count=len(transfer_ids), amount_minor=total, expected_at=expected,
            )  # fmt: skip
            batch.save(force_insert=True)
            if nets:
                _net_returns(batch)
            batches.append(batch)
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE settlement_transfer SET settlement_batch_id = %s, next_attempt_at = %s, expected_at = %s WHERE id = ANY(%s)",
                    [batch.pk, clock.now(), expected, transfer_ids],
                )
            window.transfers += len(transfer_ids)
        if groups:
            SettlementWindow.objects.filter(pk=window.pk).update(transfers=window.transfers)
        if not override_reason and rule.frequency != "continuous":
            WindowRule.objects.filter(pk=rule.pk).update(run_until=closes_at)
        events.publish_many(_told(window, batch) for batch in batches)
        return window


def _net_returns(batch: SettlementBatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "net_returns.sql"),
            {"batch": batch.pk, "rail": batch.rail_id, "partner": batch.partner_id, "livemode": batch.livemode, "currency": batch.currency},
        )
        batch.returned_count, batch.returned_minor = cursor.fetchone()


def _claim(rule: WindowRule, closes_at: datetime, only: list[Any] | None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "close_window.sql"),
            {"rail": rule.rail_id, "partner": rule.partner_id, "closes_at": closes_at, "only": only},
        )
        return list(cursor.fetchall())


def _told(window: SettlementWindow, batch: SettlementBatch) -> tuple[str, str, Any, bool, dict[str, Any]]:
    payload = {
        "id": batch.public_id, "object": "settlement_batch", "rail": batch.rail.code, "currency": batch.currency,
        "count": batch.count, "amount_minor": batch.amount_minor, "returned_minor": batch.returned_minor, "net_minor": batch.net_minor,
        "window": window.public_id,
        "closes_at": window.closes_at.isoformat(), "expected_at": batch.expected_at.isoformat(),
    }  # fmt: skip
    return "settlement.window_closed", f"settlement:{batch.pk}", batch.partner_id, batch.livemode, {"settlement_batch": payload}


def close_now(*, rule: WindowRule, reason: str, transfers: list[Transfer] | None = None) -> SettlementWindow | None:
    """The emergency override: close out of turn, wholly or for named transfers. Reached through an approval only."""
    only = [transfer.pk for transfer in transfers] if transfers is not None else None
    return close_window(rule=rule, closes_at=clock.now(), override_reason=reason, only=only)
