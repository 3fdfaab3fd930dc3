"""What an operator can do about a case of transfers, batches and rails, from the case itself."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import reverse

from operations import services as operations
from operations.case_actions import CaseAction, register_case_action, register_opening
from operations.models import Case
from settlement.models import Rail, Transfer
from settlement.services import asking

TRANSFERS = (
    "transfer_late", "transfer_unknown", "transfer_returned", "transfer_contradiction", "transfer_amount_mismatch", "notice_of_change",
)  # fmt: skip
BATCHES = ("settlement_late", "file_not_built", "file_refused")
RAILS = ("file_not_sent", "file_unreadable", "return_unmatched")


def _rail(case: Case) -> str:
    return reverse("admin:settlement_rail_change", args=[Rail.objects.only("pk").get(code=case.rail).pk])


def _open_question(case: Case) -> bool:
    return (
        case.subject_type == "settlement.transfer"
        and Transfer.objects.filter(pk=case.subject_id, state__in=["submitted", "unknown"]).exists()
    )


def _ask(case: Case, user: Any, given: dict[str, Any]) -> None:
    """The case closes by itself when the bank says how the transfer ended."""
    transfer = Transfer.objects.get(pk=uuid.UUID(case.subject_id))
    asking.ask_now(transfer=transfer)
    operations.comment(case=case, user=user, text=f"The bank is asked again about {transfer.public_id}.")


def register() -> None:
    register_case_action(
        CaseAction(
            name="ask_bank", label="Ask the bank now", permission="settlement.work_transfer", kinds=("transfer_late", "transfer_unknown"), run=_ask,
            describe=lambda case: "The question goes out within seconds instead of at its turn. Nothing is sent a second time.", when=_open_question,
        )
    )  # fmt: skip
    register_opening("open_transfer", "Open the transfer", "settlement.transfer", TRANSFERS)
    register_opening("open_batch", "Open the batch", "settlement.settlementbatch", BATCHES)
    register_case_action(
        CaseAction(
            "open_rail",
            "Open the rail",
            "settlement.view_rail",
            kinds=RAILS,
            link=_rail,
            when=lambda case: Rail.objects.filter(code=case.rail).exists(),
        )
    )
