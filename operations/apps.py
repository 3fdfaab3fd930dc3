import uuid
from typing import Any

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"
    verbose_name = "Operations"

    def ready(self) -> None:
        from operations import ledger_periods
        from operations.services import golive, limits
        from payos.kernel import outbox

        outbox.on_parked(_parked)
        limits.register()
        ledger_periods.register()
        golive.register()
        _actions()


def _actions() -> None:
    from django.urls import reverse

    from operations.case_actions import CaseAction, Outcome, register_case_action
    from payos.kernel import outbox

    def retry(case: Any, user: Any, data: dict[str, Any]) -> Outcome:
        outbox.unpark(uuid.UUID(case.subject_id))
        return Outcome("retried", "The event is tried again. If it fails again, it is a new case.")

    register_case_action(
        CaseAction("retry_event", "Try the event again", "kernel.retry_outboxevent", kinds=("poison_event",), key="t", run=retry)
    )
    register_case_action(
        CaseAction(
            "open_approval", "Open the request", "operations.view_approval", kinds=("approval_waiting",),
            link=lambda case: reverse("admin:operations_approval_change", args=[case.subject_id]),
        )
    )  # fmt: skip
    register_case_action(
        CaseAction(
            "open_channel", "Open the channel", "operations.view_alertchannel", kinds=("alert_undelivered",),
            link=lambda case: reverse("admin:operations_alertchannel_change", args=[case.subject_id]),
        )
    )  # fmt: skip


def _parked(event: Any, error: str) -> None:
    """An event whose handler keeps failing waits for a person."""
    from operations.services import open_case

    open_case(
        kind="poison_event",
        cause_key=f"outbox:{event.id}:parked",
        title=f"Event {event.event_type} cannot be handled",
        detail=f"{event.public_id} about {event.aggregate_id} was set aside after repeated failures. {error}",
        subject=("kernel.outboxevent", event.id),
        partner_id=event.partner_id,
        livemode=event.livemode,
        reason_code="handler_failed",
        suggested_actions=["retry_event"],
        references=[event.public_id, event.aggregate_id],
    )
