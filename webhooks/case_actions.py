"""What an operator can do about a case of webhooks, from the case itself."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import reverse

from operations.case_actions import CaseAction, register_case_action
from operations.models import Case
from webhooks import replays, services
from webhooks.models import DeliveryState, Endpoint


def _page(case: Case) -> str:
    return reverse("admin:webhooks_endpoint_debug", args=[case.subject_id])


def _replay(case: Case, user: Any, given: dict[str, Any]) -> None:
    """The case closes by itself when no dead letter is left."""
    replays.many(endpoint=Endpoint.objects.get(pk=uuid.UUID(case.subject_id)), status=DeliveryState.DEAD)


def _enable(case: Case, user: Any, given: dict[str, Any]) -> None:
    services.endpoint_enable(endpoint_id=uuid.UUID(case.subject_id), replay=True)


def register() -> None:
    kinds = ("webhook_dead", "webhook_disabled")
    register_case_action(
        CaseAction(name="debug_endpoint", label="Test the endpoint", permission="webhooks.view_endpoint", kinds=kinds, link=_page)
    )
    register_case_action(
        CaseAction(
            name="replay_deliveries", label="Replay dead letters", permission="webhooks.work_delivery", kinds=("webhook_dead",),
            run=_replay, describe=lambda case: "Every dead delivery of the endpoint is owed again, under the same ids.",
        )
    )  # fmt: skip
    register_case_action(
        CaseAction(
            name="enable_endpoint", label="Enable with replay", permission="webhooks.work_delivery", kinds=("webhook_disabled",),
            run=_enable, describe=lambda case: "Events are sent again, and everything it missed since it began to fail.",
        )
    )  # fmt: skip
