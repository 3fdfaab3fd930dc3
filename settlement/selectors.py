"""Reads of settlement that pages share. Grouped in the database; nothing here walks transfers one by one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q, Sum

from payos.kernel import calendars, clock
from settlement import snapshot, windows
from settlement.models import Halt, Rail, RoutingDecision, SettlementBatch, Transfer, TransferBatch, WindowRule

DAYS_AHEAD = 7
WINDOWS_A_RULE = 6


def decisions_of(transfer: Transfer) -> Any:
    """Every decision about its rail, the latest first: those it has to itself and the one it was accepted by."""
    return RoutingDecision.objects.filter(Q(transfer=transfer) | Q(pk=transfer.decision_id)).order_by("-id")


def batch_states(batch: TransferBatch) -> list[tuple[str, str, int, int]]:
    return _states(Transfer.objects.filter(batch=batch))


def settlement_states(batch: SettlementBatch) -> list[tuple[str, str, int, int]]:
    return _states(Transfer.objects.filter(settlement_batch=batch))


def _states(rows: Any) -> list[tuple[str, str, int, int]]:
    grouped = rows.order_by().values_list("state", "currency").annotate(n=Count("id"), total=Sum("amount_minor"))
    return sorted((state, currency, count, int(total)) for state, currency, count, total in grouped)


def reliability() -> dict[Any, tuple[int, int]]:
    """Per rail: settled or on its way, of the last thousand tries of the last day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id, s.good, s.total FROM settlement_rail r CROSS JOIN LATERAL ("
            " SELECT count(*) FILTER (WHERE outcome IN ('settled', 'sent')) AS good, count(*) AS total FROM ("
            "  SELECT outcome FROM settlement_submission WHERE rail_id = r.id AND outcome <> 'intent' AND sent_at > %s"
            "  ORDER BY id DESC LIMIT 1000) AS recent) AS s",
            [clock.now() - timedelta(days=1)],
        )
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def calendar(days: int = DAYS_AHEAD) -> dict[str, Any]:
    """What settles when, what waits for a window, what is on its way and what is late."""
    now = clock.now()
    rails = {rail.pk: rail for rail in Rail.objects.defer("credentials").order_by("code")}
    rules = list(WindowRule.objects.filter(active=True).select_related("rail", "partner").order_by("rail__code", "partner"))
    return {
        "now": now,
        "halt": Halt.objects.first(),
        "off": [rail for rail in rails.values() if not rail.enabled],
        "upcoming": _upcoming(rules, now, now + timedelta(days=days)),
        "waiting": _waiting(rails, now),
        "flying": _flying(rails, now),
        "late": _late(rails, now),
        "holidays": _holidays({rule.calendar for rule in rules}, now, days),
    }


def _upcoming(rules: list[WindowRule], now: datetime, until: datetime) -> list[dict[str, Any]]:
    found = []
    for rule in rules:
        if rule.frequency == "continuous":
            continue
        zone = clock.tz(rule.timezone)
        for number, closes_at in enumerate(windows.closings(snapshot.rule_of(rule), now, calendars.is_business_day)):
            if closes_at > until or number >= WINDOWS_A_RULE:
                break
            found.append(
                {
                    "rule": rule,
                    "closes_at": closes_at,
                    "local": closes_at.astimezone(zone),
                    "deadline": closes_at.astimezone(zone) + timedelta(minutes=rule.bank_deadline_minutes),
                    "expected": snapshot.expected_at(rule.rail, closes_at),
                }
            )
    return sorted(found, key=lambda row: (row["closes_at"], row["rule"].rail.code))


def _waiting(rails: dict[Any, Rail], now: datetime) -> list[dict[str, Any]]:
    grouped = (
        Transfer.objects.filter(state="queued", settlement_batch=None)
        .order_by()
        .values_list("rail_id", "window_at", "currency")
        .annotate(n=Count("id"), total=Sum("amount_minor"))
        .order_by("window_at")[:200]
    )
    return [
        {
            "rail": rails[rail],
            "window_at": window_at,
            "currency": currency,
            "count": count,
            "amount": int(total),
            "overdue": window_at < now - timedelta(minutes=5),
        }
        for rail, window_at, currency, count, total in grouped
    ]


def _flying(rails: dict[Any, Rail], now: datetime) -> list[dict[str, Any]]:
    """Closed and not finished, by the day on which each is expected."""
    grouped = (
        SettlementBatch.objects.filter(state__in=["closed", "submitted"])
        .order_by()
        .values_list("rail_id", "expected_at__date", "currency")
        .annotate(n=Sum("count"), done=Sum("settled_count"), failed=Sum("failed_count"), total=Sum("amount_minor"))
        .order_by("expected_at__date")[:200]
    )
    return [
        {
            "rail": rails[rail],
            "day": day,
            "currency": currency,
            "count": count,
            "done": done,
            "failed": failed,
            "amount": int(total),
            "late": day < now.date(),
        }
        for rail, day, currency, count, done, failed, total in grouped
    ]


def _late(rails: dict[Any, Rail], now: datetime) -> list[dict[str, Any]]:
    grouped = (
        Transfer.objects.filter(state__in=["submitted", "unknown"], expected_at__lt=now)
        .order_by()
        .values_list("rail_id", "state", "currency")
        .annotate(n=Count("id"), total=Sum("amount_minor"))
    )
    return [
        {"rail": rails[rail], "state": state, "currency": currency, "count": count, "amount": int(total)}
        for rail, state, currency, count, total in sorted(grouped, key=str)
    ]


def _holidays(codes: set[str], now: datetime, days: int) -> list[tuple[Any, str]]:
    found = []
    for offset in range(days + 1):
        day = now.date() + timedelta(days=offset)
        for code in sorted(codes - {"NONE"}):
            if day.weekday() < 5 and not calendars.is_business_day(code, day):
                found.append((day, calendars.CODES[code]))
    return found
