"""Window rules: written by hand or as JSON, one rule a rail and partner. What waits moves to the windows of the new rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from partners.models import Partner
from payos.kernel import calendars, clock
from payos.kernel.api import field_error
from payos.kernel.errors import Problem, register
from settlement import snapshot, windows
from settlement.models import Rail, Transfer, WindowRule
from settlement.services.closing import next_window

register("transfer_rules_invalid", 422, "The window rules cannot be imported", "Read `errors`: each names the rail and what to change.")


def check_rule(rule: WindowRule) -> None:
    """A rule that has no next closing is refused before anything waits for it."""
    try:
        windows.next_closing(snapshot.rule_of(rule), clock.now(), calendars.is_business_day)
    except (ValueError, OverflowError) as error:
        raise Problem("unprocessable", f"The rule of {rule.rail} is not usable: {error}.") from None


@transaction.atomic
def rule_save(*, rule: WindowRule) -> WindowRule:
    """Keep a rule; from now on its windows close by it. Windows of the past do not come back, and what waits waits for the
    first closing of the new rule."""
    check_rule(rule)
    rule.run_until = clock.now()
    rule.save()
    _move_waiting(rule)
    return rule


def _move_waiting(rule: WindowRule) -> None:
    now = clock.now()
    waiting = Transfer.objects.filter(rail_id=rule.rail_id, state="queued", settlement_batch=None)
    if rule.partner_id:
        waiting = waiting.filter(partner_id=rule.partner_id)
    else:
        own = WindowRule.objects.filter(rail_id=rule.rail_id, partner__isnull=False, active=True)
        waiting = waiting.exclude(partner_id__in=own.values("partner_id"))
    if not rule.active:
        return
    window_at = next_window(rule, now)
    expected = snapshot.expected_at(rule.rail, window_at)
    # A transfer that waits out a retry keeps its time: it was promised to the rail, not to the rule.
    waiting.exclude(next_attempt_at__gt=now).update(window_at=window_at, expected_at=expected)


@transaction.atomic
def import_rules(*, config: Any, partner: Partner | None = None) -> list[WindowRule]:
    """Rules as JSON, {"pix": {"frequency": "hourly", "cutoff_hour": 17, "timezone": "America/Sao_Paulo"}}: all of them or none."""
    if not isinstance(config, Mapping) or not config:
        raise Problem("invalid_request", errors=[field_error("", "type", "must be an object with a rail's code for each rule")])
    rails = {rail.code: rail for rail in Rail.objects.all()}
    errors, rules = [], []
    for code, given in config.items():
        rail = rails.get(str(code))
        if rail is None:
            errors.append(field_error(f"/{code}", "unknown", f"there is no rail {str(code)[:40]!r}"))
            continue
        try:
            parsed = windows.from_config(given)
            if parsed.calendar not in calendars.CODES:
                raise ValueError(f"{parsed.calendar!r} is no calendar: use one of {', '.join(calendars.CODES)}")
        except (ValueError, TypeError, AttributeError) as error:
            errors.append(field_error(f"/{code}", "rule", str(error)))
            continue
        rule = WindowRule.objects.select_for_update(of=("self",)).filter(rail=rail, partner=partner).first()
        rule = rule or WindowRule(rail=rail, partner=partner)
        rule.frequency, rule.timezone, rule.times = parsed.frequency, parsed.timezone, list(parsed.times)
        rule.first_hour, rule.cutoff_hour = parsed.first_hour, parsed.cutoff_hour
        rule.calendar = parsed.calendar if "calendar" in given else rule.calendar if rule.pk and not rule._state.adding else rail.calendar
        rule.bank_deadline_minutes = int(given.get("bank_deadline_minutes", rule.bank_deadline_minutes))
        rule.active = True
        rules.append(rule)
    if errors:
        raise Problem("transfer_rules_invalid", f"Nothing was imported: {len(errors)} rules have faults.", errors=errors)
    return [rule_save(rule=rule) for rule in rules]


def export_rules(*, partner: Partner | None = None) -> dict[str, Any]:
    """The same shape as `import_rules` takes; importing it again changes nothing."""
    rows = WindowRule.objects.filter(partner=partner, active=True).select_related("rail").order_by("rail__code")
    return {
        rule.rail.code: windows.to_config(snapshot.rule_of(rule)) | {"bank_deadline_minutes": rule.bank_deadline_minutes} for rule in rows
    }


def preview(rule: WindowRule, count: int = 10) -> list[Any]:
    """The next closings of a rule, saved or not."""
    now = clock.now()
    if rule.frequency == "continuous":
        return []
    found = []
    for closes_at in windows.closings(snapshot.rule_of(rule), now, calendars.is_business_day):
        found.append(closes_at)
        if len(found) >= count:
            break
    return found
