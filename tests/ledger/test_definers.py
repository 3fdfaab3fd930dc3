"""Functions that run with the owner's rights cannot be led astray by tables that the caller makes for itself."""

from __future__ import annotations

import pytest
from django.db import connection

from ledger import services
from ledger.services import Leg
from payos.kernel import tenancy

pytestmark = pytest.mark.django_db


def test_a_temporary_table_shadows_nothing(partner):
    with tenancy.tenant_scope(partner.pk, False):
        who = {"partner_id": partner.pk, "livemode": False}
        a = services.account_for(**who, code="suspense", currency="USD")
        b = services.account_for(**who, code="writeoffs", currency="USD")
        with connection.cursor() as cursor:
            for table in ("ledger_account", "ledger_transaction", "ledger_entry", "ledger_balance", "ledger_hold", "ledger_period"):
                cursor.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table}) ON COMMIT DROP")
        services.post(**who, kind="x", legs=[Leg(a, 5), Leg(b, -5)])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM public.ledger_entry")
            assert cursor.fetchone() == (2,)
            cursor.execute("SELECT sum(debits_posted), sum(credits_posted) FROM public.ledger_balance")
            assert cursor.fetchone() == (5, 5)
            for table in ("ledger_entry", "ledger_balance"):
                cursor.execute(f"SELECT count(*) FROM pg_temp.{table}")
                assert cursor.fetchone() == (0,)
