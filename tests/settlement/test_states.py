"""Which changes of a transfer's state can happen: the declared ones, by whatever hand."""

from __future__ import annotations

import re

import pytest
from django.db import IntegrityError, connection, transaction
from django_fsm import TransitionNotAllowed

from payos.kernel import sqlfile, tenancy
from settlement import services
from settlement.models import Transfer
from settlement.models.transfer import STATES
from settlement.services import outcomes
from tests.settlement.conftest import order

pytestmark = pytest.mark.django_db


def declared():
    field = Transfer._meta.get_field("state")
    return {(one.source, one.target) for one in field.get_all_transitions(Transfer)}


def test_the_database_knows_the_declared_transitions_and_no_other():
    sql = sqlfile.load(services.__file__, "transfer_states.sql")
    assert set(re.findall(r"\('(\w+)', '(\w+)'\)", sql)) == declared()


@pytest.fixture
def made(partner, rail, funded):
    with tenancy.tenant_scope(partner.pk, False):
        items = services.check_items(partner=partner, livemode=False, items=[order()])
        return services.accept(partner=partner, livemode=False, items=items)[0]


def lead(transfer, state):
    """To that state by declared changes only, in bulk SQL as the application writes it."""
    way = {"queued": [], "submitted": ["submitted"], "unknown": ["submitted", "unknown"], "settled": ["submitted", "settled"],
           "failed": ["submitted", "failed"], "returned": ["submitted", "settled", "returned"],
           "reconciled": ["submitted", "settled", "reconciled"], "cancelled": ["cancelled"]}  # fmt: skip
    for one in way[state]:
        Transfer.objects.filter(pk=transfer.pk).update(state=one)


@pytest.mark.parametrize("was", ["queued", "submitted", "unknown", "settled", "failed", "returned", "reconciled", "cancelled"])
def test_bulk_sql_can_make_declared_changes_only(made, was):
    with tenancy.platform_scope():
        lead(made, was)
        for now in set(STATES) - {was}:
            point = transaction.savepoint()
            if (was, now) in declared():
                assert Transfer.objects.filter(pk=made.pk).update(state=now) == 1
            else:
                with pytest.raises(IntegrityError, match=f"is {was}: it cannot become {now}"), transaction.atomic():
                    Transfer.objects.filter(pk=made.pk).update(state=now)
            transaction.savepoint_rollback(point)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE settlement_transfer SET state = state, reference = 'x' WHERE id = %s", [made.pk])
            assert cursor.rowcount == 1, "to stay is no change"


@pytest.mark.parametrize(
    ("was", "now"), [("settled", "submitted"), ("cancelled", "settled"), ("failed", "settled"), ("returned", "submitted")]
)
def test_what_a_rail_says_goes_through_the_declared_transitions(made, was, now):
    made.__dict__["state"] = was
    with pytest.raises(TransitionNotAllowed):
        outcomes._set(made, now)
    assert made.state == was
