"""Where an operator goes from a case of files, connectors and messages."""

from __future__ import annotations

from collections.abc import Callable

from django.urls import reverse

from operations.case_actions import CaseAction, register_case_action
from operations.models import Case

FILES = ("file_quarantined", "line_not_read_again", "file_rejects")


def _page(model: str) -> Callable[[Case], str]:
    return lambda case: reverse(f"admin:{model.replace('.', '_')}_change", args=[case.subject_id])


def _about(model: str) -> Callable[[Case], bool]:
    return lambda case: case.subject_type == model


def register() -> None:
    for name, label, model, kinds in (
        ("open_file", "Open the file", "ingestion.sourcefile", FILES),
        ("open_connector", "Open the connector", "ingestion.connector", ("connector_failing",)),
        ("open_message", "Read the message", "ingestion.rawmessage", ("message_unreadable",)),
    ):
        permission = f"ingestion.view_{model.partition('.')[2]}"
        register_case_action(CaseAction(name, label, permission, kinds=kinds, link=_page(model), when=_about(model)))
    register_case_action(
        CaseAction(
            "upload_file", "Upload a file", "ingestion.work_file", kinds=("file_quarantined", "file_rejects"),
            link=lambda case: reverse("admin:ingestion_sourcefile_upload"),
        )
    )  # fmt: skip
