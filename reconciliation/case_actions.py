"""Where an operator goes from a case of statements: to what the statement says, and to where the bank's next one comes in."""

from __future__ import annotations

from django.urls import reverse

from operations.case_actions import CaseAction, register_case_action, register_opening
from operations.models import Case

STATEMENTS = ("statement_out_of_balance", "statement_gap")
# Ours stands in the books and the bank has said nothing of it yet.
UNCONFIRMED = ("reconciliation_missing_settlement",)


def _upload(case: Case) -> str:
    return reverse("admin:ingestion_sourcefile_upload")


def register() -> None:
    register_opening("open_statement", "Open the statement", "reconciliation.statement", STATEMENTS)
    register_case_action(
        CaseAction("bring_statement", "Upload the bank's statement", "ingestion.work_file", kinds=(*STATEMENTS, *UNCONFIRMED), link=_upload)
    )
