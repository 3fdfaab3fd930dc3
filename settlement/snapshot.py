"""What the router and the clock need to know of every rail at one moment, read in a handful of statements."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from payos.kernel import calendars, clock
from payos.kernel.models import Circuit
from settlement import windows
from settlement.models import Halt, Rail, WindowRule
from settlement.routing import RailView


@dataclass
class Snapshot:
    """One moment for one partner. Made once for a batch; every item of it is routed on the same facts."""

    rails: dict[str, Rail]
    views: list[RailView]
    rules: dict[uuid.UUID, WindowRule]


def expected_at(rail: Rail, window_at: datetime) -> datetime:
    """When a transfer of a window should have settled, by what the rail promises."""
    if rail.settle_business_days:
        day = window_at.astimezone(clock.tz(rail.timezone)).date()
        settles = calendars.add_business_days(rail.calendar, calendars.next_business_day(rail.calendar, day), rail.settle_business_days)
        return clock.instant(settles, 23, 0, rail.timezone)
    return window_at + timedelta(minutes=rail.speed_minutes)


def rule_of(rule: WindowRule | None) -> windows.Rule:
    if rule is None:
        return windows.Rule("continuous")
    return windows.Rule(rule.frequency, rule.timezone, tuple(rule.times), rule.first_hour, rule.cutoff_hour, rule.calendar)


def take(partner_id: Any, at: datetime | None = None) -> Snapshot:
    now = at or clock.now()
    halted = Halt.objects.exists()
    rails = {rail.code: rail for rail in Rail.objects.all()}
    rules = rules_for(partner_id)
    circuits = set(
        Circuit.objects.filter(name__startswith="rail:", retry_at__gt=now, opened_at__isnull=False).values_list("name", flat=True)
    )
    measured, used = _measured(now)
    views = []
    for rail in rails.values():
        window_at = windows.next_closing(rule_of(rules.get(rail.pk)), now, calendars.is_business_day)
        left = None if rail.daily_limit_minor is None else rail.daily_limit_minor - used.get(rail.pk, 0)
        views.append(
            RailView(
                rail.code,
                frozenset(rail.currencies),
                frozenset(rail.destination_types),
                frozenset(rail.protocols),
                rail.enabled and not halted,
                f"rail:{rail.code}" not in circuits,
                rail.cost_fixed_minor,
                rail.cost_basis_points,
                rail.speed_minutes + rail.settle_business_days * 1440,
                rail.minimum_minor,
                rail.maximum_minor,
                left,
                rail.load_share,
                measured.get(rail.pk, 1.0),
                window_at,
                max(0.0, (window_at - now).total_seconds() / 60),
            )
        )
    return Snapshot(rails, views, rules)


def rules_for(partner_id: Any) -> dict[uuid.UUID, WindowRule]:
    """Per rail: the partner's own rule, else the one for everybody."""
    from payos.kernel import tenancy

    with tenancy.platform_scope():
        found: dict[uuid.UUID, WindowRule] = {}
        for rule in WindowRule.objects.filter(active=True).order_by("id"):
            if rule.partner_id == partner_id or (rule.partner_id is None and rule.rail_id not in found):
                found[rule.rail_id] = rule
        return found


def _measured(now: datetime) -> tuple[dict[uuid.UUID, float], dict[uuid.UUID, int]]:
    """Share of submissions of the last day that settled (over the last thousand a rail), and what today used of limits."""
    from payos.kernel import tenancy

    with tenancy.platform_scope(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id, s.good, s.total FROM settlement_rail r CROSS JOIN LATERAL ("
            " SELECT count(*) FILTER (WHERE outcome IN ('settled', 'sent')) AS good, count(*) AS total FROM ("
            "  SELECT outcome FROM settlement_submission WHERE rail_id = r.id AND outcome <> 'intent' AND sent_at > %s"
            "  ORDER BY id DESC LIMIT 1000) AS recent) AS s",
            [now - timedelta(days=1)],
        )
        measured = {row[0]: (row[1] + 1) / (row[2] + 1) for row in cursor.fetchall()}
        cursor.execute(
            "SELECT t.rail_id, sum(t.amount_minor)::bigint FROM settlement_transfer t JOIN settlement_rail r ON r.id = t.rail_id"
            " WHERE r.daily_limit_minor IS NOT NULL AND t.created_at > %s AND t.state NOT IN ('cancelled', 'failed') GROUP BY t.rail_id",
            [now.replace(hour=0, minute=0, second=0, microsecond=0)],
        )
        return measured, dict(cursor.fetchall())
