"""A transfer in doubt: the button of its case asks the real (sandbox) bank at once, sends nothing a second time, and the case closes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from operations.models import Case, CaseEvent
from payos.kernel import clock, outbox, tenancy
from settlement import services
from settlement.models import Submission, Transfer
from tests.conftest import client_for
from tests.operations.test_queue_page import login
from tests.settlement.conftest import order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def doubt(bank: Any, rail: Any, funded: Any) -> Case:
    """Sent, and the answer lost on the way back; eight questions were lost, too."""
    bank.faults(timeout_after_execution=1.0, hang_seconds=0.2, reads=False, seed=5)
    assert client_for(funded).post("/v1/transfers", order("10.00", reference="doubt")).status_code == 201
    services.close_due_windows()
    services.execute_rail(rail_code="sandbox")
    with tenancy.platform_scope():
        transfer = Transfer.objects.get()
        assert transfer.state in {"unknown", "submitted"}
        Submission.objects.update(asked=8, outcome="unknown", ask_at=clock.now() + timedelta(hours=6))
        from operations.services import open_case

        case = open_case(
            kind="transfer_unknown",
            cause_key=f"transfer_unknown:{transfer.pk}",
            title="Nobody knows",
            subject=transfer,
            partner_id=transfer.partner_id,
            rail="sandbox",
        )
    bank.faults()
    return case


def press(browser: Any, case: Case) -> dict[str, Any]:
    answer = browser.post(reverse("admin:operations_case_act", args=[case.pk, "ask_bank"]), {}, headers={"Accept": "application/json"})
    return {"status": answer.status_code} | answer.json()


def test_the_bank_is_asked_at_once_and_the_case_closes(doubt: Case, bank: Any) -> None:
    browser = login("operator")
    pane = browser.get(reverse("admin:operations_case_pane", args=[doubt.pk])).content.decode()
    assert "Ask the bank now" in pane and "Nothing is sent a second time" in pane
    services.ask_due()
    with tenancy.platform_scope():
        assert Submission.objects.get().outcome == "unknown", "its own turn is hours away"
    assert press(browser, doubt) == {"status": 200, "ok": True, "message": "Ask the bank now: done.", "case": str(doubt.pk)}
    services.ask_due()
    outbox.drain()
    with tenancy.platform_scope():
        transfer = Transfer.objects.get()
        assert transfer.state == "settled"
        assert Submission.objects.count() == 1, "asked about, never sent again"
        assert Case.objects.get(pk=doubt.pk).state == "resolved"
        assert CaseEvent.objects.filter(case=doubt, kind="comment", text__contains="is asked again").exists()
    assert len([one for one in bank.executions()["data"] if one["reference"].startswith(transfer.public_id)]) == 1
    # An older page still has the button: words, no second question.
    late = press(browser, doubt)
    assert late["status"] in {409, 422} and not late["ok"]


def test_who_may_not_work_transfers_is_offered_no_question(doubt: Case) -> None:
    auditor = login("auditor")
    assert "Ask the bank now" not in auditor.get(reverse("admin:operations_case_pane", args=[doubt.pk])).content.decode()
    assert auditor.post(reverse("admin:operations_case_act", args=[doubt.pk, "ask_bank"]), {}).status_code == 403
    with tenancy.platform_scope():
        assert Submission.objects.get().ask_at > clock.now() + timedelta(hours=1)
