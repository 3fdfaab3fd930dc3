"""Rails that move one sum a window, and settlement batches that are late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from operations.models import Case
from payos.kernel import clock, tenancy
from payos.kernel.models import OutboxEvent
from settlement import services
from settlement.models import SettlementBatch, Submission, Transfer, WindowRule
from settlement.rails import base
from settlement.services import executing
from tests.settlement.conftest import fund, order

pytestmark = pytest.mark.django_db


@pytest.fixture
def netting(rail):
    with tenancy.platform_scope():
        rail.config = rail.config | {"nets": True}
        rail.save(update_fields=["config"])
    return rail


def accepted(partner, *amounts, currency="USD"):
    clabe = {"type": "clabe", "clabe": "032180000118359719", "holder_name": "Jane Doe"}
    rows = [order(amount) | ({"currency": currency, "destination": clabe} if currency == "MXN" else {}) for amount in amounts]
    with tenancy.tenant_scope(partner.pk, False):
        items = services.check_items(partner=partner, livemode=False, items=rows)
        return services.accept(partner=partner, livemode=False, items=items)


def close(rail):
    with tenancy.platform_scope():
        rule = WindowRule.objects.select_related("rail").get(rail=rail)
    window = services.close_window(rule=rule, closes_at=clock.now())
    with tenancy.platform_scope():
        return {(b.partner_id, b.currency): b for b in SettlementBatch.objects.filter(window=window)}


def answered(rail, outcome, executed=None):
    """Everything that is due is sent and answered with this."""
    orders = executing.claim(rail, 100)
    answers = [(o.transfer_id, o.reference, base.Answer(outcome, code="R03", executed_minor=executed)) for o in orders]
    services.apply(rail=rail, answers=answers)
    return answers


def come_back(rail, answers):
    services.apply(rail=rail, answers=[(key, reference, base.Answer(base.RETURNED, code="R03")) for key, reference, _ in answers])


def test_what_came_back_nets_the_next_batch_of_the_same_partner_and_currency_once(netting, partner, other_partner):
    fund(partner, 1_000_00)
    fund(partner, 1_000_00, "MXN")
    fund(other_partner, 1_000_00)
    accepted(partner, "10.00", "20.00")
    accepted(partner, "7.00", currency="MXN")
    accepted(other_partner, "5.00")
    first = close(netting)
    assert {(b.amount_minor, b.returned_minor, b.net_minor) for b in first.values()} == {(3000, 0, 3000), (700, 0, 700), (500, 0, 500)}
    sent = answered(netting, base.SETTLED)
    with tenancy.platform_scope():
        of_ten = set(Transfer.objects.filter(amount_minor=1000).values_list("pk", flat=True))
        of_pesos = set(Transfer.objects.filter(currency="MXN").values_list("pk", flat=True))
    come_back(netting, [one for one in sent if one[0] in of_ten | of_pesos] * 2)
    accepted(partner, "40.00")
    accepted(other_partner, "5.00")
    second = close(netting)
    mine, theirs = second[partner.pk, "USD"], second[other_partner.pk, "USD"]
    assert (mine.amount_minor, mine.returned_count, mine.returned_minor, mine.net_minor) == (4000, 1, 1000, 3000)
    assert (theirs.returned_count, theirs.net_minor) == (0, 500)
    with tenancy.platform_scope():
        told = (
            OutboxEvent.objects.filter(event_type="settlement.window_closed", partner_id=partner.pk)
            .latest("seq")
            .payload["settlement_batch"]
        )
        assert (told["amount_minor"], told["returned_minor"], told["net_minor"]) == (4000, 1000, 3000)
        assert {s.netted_in_id for s in Submission.objects.filter(transfer__in=of_ten)} == {mine.pk}
    accepted(partner, "1.00")
    third = close(netting)[partner.pk, "USD"]
    assert (third.returned_minor, third.net_minor) == (0, 100), "netted once"
    accepted(partner, "2.00", currency="MXN")
    pesos = close(netting)[partner.pk, "MXN"]
    assert (pesos.amount_minor, pesos.returned_minor, pesos.net_minor) == (200, 700, -500), "more came back than goes out"


def test_a_return_counts_also_when_the_transfer_was_sent_again_before_the_closing(netting, partner):
    fund(partner, 1_000_00)
    (transfer,) = accepted(partner, "10.00")
    close(netting)
    come_back(netting, answered(netting, base.SETTLED))
    with tenancy.platform_scope():
        services.transfer_retry(transfer=transfer, reason="the account is open again")
    batch = close(netting)[partner.pk, "USD"]
    assert (batch.amount_minor, batch.returned_minor, batch.net_minor) == (1000, 1000, 0)


def test_a_rail_that_does_not_net_moves_the_whole(rail, partner):
    fund(partner, 1_000_00)
    accepted(partner, "10.00")
    close(rail)
    come_back(rail, answered(rail, base.SETTLED))
    accepted(partner, "10.00")
    batch = close(rail)[partner.pk, "USD"]
    assert (batch.returned_minor, batch.net_minor) == (0, 1000)
    with tenancy.platform_scope():
        rail.config = rail.config | {"nets": True}
        rail.save(update_fields=["config"])
    accepted(partner, "10.00")
    batch = close(rail)[partner.pk, "USD"]
    assert (batch.returned_minor, batch.net_minor) == (0, 1000), "what came back before it netted came in a sum of its own"


def test_a_late_batch_is_a_case_once_and_late_no_longer_when_it_ends(rail, partner):
    fund(partner, 1_000_00)
    accepted(partner, "10.00", "20.00")
    close(rail)
    assert services.find_late_batches() == 0
    with clock.frozen(clock.now() + timedelta(hours=2)):
        assert services.find_late_batches() == 1 and services.find_late_batches() == 0
        with tenancy.platform_scope():
            batch, case = SettlementBatch.objects.get(), Case.objects.get(kind="settlement_late")
            assert batch.late_since == clock.now()
            assert case.amount_minor == 3000 and case.currency == "USD" and case.partner_id == partner.pk
            assert batch.public_id in case.title and "2 of 2 transfers" in case.detail
            Transfer.objects.update(next_attempt_at=clock.now())
        answered(rail, base.SETTLED)
        with tenancy.platform_scope():
            batch.refresh_from_db(fields=["state", "late_since"])
            assert batch.state == "settled" and batch.late_since is None
            case.refresh_from_db()
            assert case.state == "resolved" and case.resolution == "settled"
