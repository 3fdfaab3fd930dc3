"""Lists as they are drawn: what belongs together stands in one line, and nothing runs out of the page."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from ingestion.services import process_all
from payos.kernel import tenancy
from tests.conftest import client_for
from tests.ingestion.test_payments import stage
from tests.settlement.conftest import order

pytestmark = pytest.mark.django_db(transaction=True)
# Cells that hold a time and little else, and in how many lines the browser drew them.
BROKEN = """() => [...document.querySelectorAll('#result_list td')].filter((cell) => {
    const text = cell.innerText.trim();
    if (!/\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d/.test(text) || text.length > 40) return false;
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].filter((box) => box.width > 1).map((box) => Math.round(box.top / 6))).size > 1;
}).map((cell) => cell.innerText)"""


def test_a_time_stands_in_one_line_with_its_zone(sign_in: Any, partner: Any, rail: Any, funded: Any) -> None:
    with tenancy.platform_scope():
        stage(partner, *({"reference_number": f"A-LONG-REFERENCE-NUMBER-{n}"} for n in range(3)))
        assert process_all().created == 3
    assert client_for(funded).post("/v1/transfers", order("10.00", reference="a-long-reference-of-a-partner-1")).status_code == 201
    page = sign_in("administrator")
    page.set_viewport_size({"width": 1100, "height": 800})
    for name in (
        "ingestion_payment",
        "settlement_transfer",
        "ledger_transaction",
        "kernel_outboxevent",
        "partners_partner",
        "partners_user",
    ):
        page.goto(reverse(f"admin:{name}_changelist"))
        assert "UTC" in page.locator("#result_list").inner_text(), name
        assert page.evaluate(BROKEN) == [], name
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
    assert page.faults == []
