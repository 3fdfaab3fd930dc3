"""How grave a case is and by when it is due: the first matching row of the SLA table wins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from operations.models import Sla
from operations.models.case import Severity

# Where no row matches: the table may be emptied by an administrator, the queue still needs an order.
FALLBACK_MINUTES = {Severity.CRITICAL: 60, Severity.HIGH: 240, Severity.MEDIUM: 1440, Severity.LOW: 4320}


@dataclass(frozen=True, slots=True)
class Verdict:
    severity: int
    due_at: datetime


class SlaTable:
    """The table as it stands, read once for a batch of cases."""

    def __init__(self) -> None:
        self.rules = list(Sla.objects.order_by("order", "-minimum_minor", "id"))

    def verdict(self, *, kind: str, currency: str, amount_minor: int | None, severity: int | None, opened_at: datetime) -> Verdict:
        size = abs(amount_minor or 0)
        for rule in self.rules:
            if rule.kind not in ("", kind) or rule.currency not in ("", currency) or size < rule.minimum_minor:
                continue
            # Who opens the case may call it graver than the table does; the time follows the table.
            return Verdict(max(rule.severity, severity or 0), opened_at + timedelta(minutes=rule.minutes))
        grade = severity or Severity.MEDIUM
        return Verdict(grade, opened_at + timedelta(minutes=FALLBACK_MINUTES[Severity(grade)]))
