"""Where an operator goes from a case of files, connectors and messages."""

from __future__ import annotations

from django.urls import reverse

from operations.case_actions import CaseAction, register_case_action, register_opening

FILES = ("file_quarantined", "line_not_read_again", "file_rejects")


def register() -> None:
    register_opening("open_file", "Open the file", "ingestion.sourcefile", FILES)
    register_opening("open_connector", "Open the connector", "ingestion.connector", ("connector_failing",))
    register_opening("open_message", "Read the message", "ingestion.rawmessage", ("message_unreadable",))
    register_case_action(
        CaseAction(
            "upload_file", "Upload a file", "ingestion.work_file", kinds=("file_quarantined", "file_rejects"),
            link=lambda case: reverse("admin:ingestion_sourcefile_upload"),
        )
    )  # fmt: skip
