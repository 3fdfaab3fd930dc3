"""The demo day is real work: what it leaves is in the ledger, in the queue and proven."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from console import demo_day
from ingestion.models import Payment
from ledger import verify
from operations.models import Case
from payos.kernel import demo, tenancy
from reconciliation.models import Match
from settlement.models import Rail, Transfer
from tests.settlement.conftest import bank, sandbox_process  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seeded(tmp_path: Any) -> None:
    demo.seed(tmp_path / "demo.json", lambda text: None)


def test_a_day_fills_the_queue_and_leaves_the_books_whole(seeded: None, bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(demo_day, "PAYMENTS", 150)
    monkeypatch.setattr(demo_day, "TRANSFERS", 6)
    with tenancy.platform_scope():
        rail = Rail.objects.get(code="sandbox")
        rail.config = rail.config | {"url": bank.url}
        rail.save(update_fields=["config"])
    told: list[str] = []
    found = demo_day.play(seed=3, progress=told.append)
    with tenancy.platform_scope():
        assert found["payments"] == Payment.objects.count() == 150 and found["transfers"] == Transfer.objects.count() == 6
        assert found["cases"] == Case.objects.exclude(state="resolved").count()
        kinds = set(Case.objects.values_list("kind", flat=True))
        assert {"payment_rejected", "payment_conflict", "reconciliation_missing_settlement", "reconciliation_missing_internal"} <= kinds
        assert (
            Payment.objects.filter(state="reconciled").count() >= 40
            and Match.objects.filter(account__identifier=demo_day.COLLECTIONS).exists()
        )
    assert verify.verify().ok
    assert any("6 transfers" in text for text in told)
    # The bank is left as it was found.
    assert bank.call("GET", "/faults")["wrong_amount"] == 0


def test_without_a_bank_it_says_so_and_does_nothing(seeded: None) -> None:
    with tenancy.platform_scope():
        rail = Rail.objects.get(code="sandbox")
        rail.config = rail.config | {"url": "http://127.0.0.1:9"}
        rail.save(update_fields=["config"])
    with pytest.raises(CommandError, match="make run"):
        call_command("demo_day")
    with tenancy.platform_scope():
        assert not Payment.objects.exists() and not Transfer.objects.exists()
