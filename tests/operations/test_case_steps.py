"""What a case suggests is something to press: a page that exists, or a dialog of the pane."""

from __future__ import annotations

import html
import re
import uuid
from typing import Any

import pytest
from django.urls import reverse

from operations import services
from operations.case_actions import ACTIONS, actions_for, suggested_for
from operations.models import Case
from payos.kernel import tenancy
from tests.operations.test_queue_page import login

pytestmark = pytest.mark.django_db


def opened(partner: Any, kind: str, **facts: Any) -> Case:
    with tenancy.platform_scope():
        return services.open_case(kind=kind, cause_key=f"steps:{kind}", title=f"A case of {kind}", partner_id=partner.pk, **facts)


def pane(browser: Any, case: Case) -> str:
    return html.unescape(browser.get(reverse("admin:operations_case_pane", args=[case.pk])).content.decode())


def test_waiting_is_a_snooze_and_the_next_statement_has_an_address(partner: Any) -> None:
    case = opened(partner, "reconciliation_missing_settlement", suggested_actions=["wait", "bring_statement", "hum_a_tune"])
    browser = login("operator")
    shown = pane(browser, case)
    said = re.search(r"<dt>Suggested</dt><dd>(.*?)</dd>", shown, re.S)
    assert said and 'data-dialog="act-snooze"' in said[1]
    address = reverse("admin:ingestion_sourcefile_upload")
    assert f'href="{address}"' in said[1]
    assert "tune" not in said[1], "what nobody can press is not suggested"
    assert browser.get(address).status_code == 200


def test_who_may_only_read_is_offered_no_step(partner: Any) -> None:
    case = opened(partner, "reconciliation_missing_settlement", suggested_actions=["wait", "bring_statement"])
    assert "<dt>Suggested</dt>" not in pane(login("auditor"), case)


@pytest.mark.parametrize(
    ("kind", "subject", "name"),
    [
        ("statement_out_of_balance", "reconciliation.statement", "open_statement"),
        ("transfer_returned", "settlement.transfer", "open_transfer"),
        ("settlement_late", "settlement.settlementbatch", "open_batch"),
        ("file_quarantined", "ingestion.sourcefile", "open_file"),
        ("connector_failing", "ingestion.connector", "open_connector"),
        ("message_unreadable", "ingestion.rawmessage", "open_message"),
        ("approval_waiting", "operations.approval", "open_approval"),
    ],
)
def test_a_case_leads_to_what_it_is_about(partner: Any, kind: str, subject: str, name: str) -> None:
    key = "7" if subject.endswith("rawmessage") else str(uuid.uuid4())
    case = opened(partner, kind, subject=(subject, key))
    user = login("operator").user
    with tenancy.platform_scope():
        (found,) = [shown for shown in actions_for(case, user) if shown.action.name == name]
    assert key in found.link


def test_a_dead_webhook_suggests_the_button_that_replays(partner: Any) -> None:
    case = opened(partner, "webhook_dead", suggested_actions=["replay_deliveries"], subject=("webhooks.endpoint", str(uuid.uuid4())))
    user = login("operator").user
    with tenancy.platform_scope():
        (step,) = suggested_for(case, user, actions_for(case, user))
    assert (step.label, step.dialog) == (ACTIONS["replay_deliveries"].label, "act-replay_deliveries")
