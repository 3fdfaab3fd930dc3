"""Functions that run with the owner's rights cannot be led astray by tables or types that the caller makes for itself."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection

from ledger import services
from ledger.models import Layer
from ledger.services import Leg, Posting
from payos.kernel import tenancy
from payos.kernel.errors import Problem

pytestmark = pytest.mark.django_db
TYPES = "uuid text jsonb timestamptz record int4 int8 bool numeric xid8 bytea regclass".split()


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


@pytest.mark.django_db(transaction=True)
def test_a_type_of_the_callers_own_runs_nothing_with_the_owners_rights(partner, superuser):
    who = {"partner_id": partner.pk, "livemode": False}
    with tenancy.platform_scope():
        one = services.account_for(**who, code="suspense", currency="USD")
        other = services.account_for(**who, code="writeoffs", currency="USD")
    connection.close()  # a session that has compiled none of the functions yet
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE seen (who pg_catalog.text)")
        cursor.execute("GRANT ALL ON seen TO PUBLIC")
        cursor.execute(
            "CREATE FUNCTION pg_temp.watched() RETURNS pg_catalog.bool LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO pg_temp.seen VALUES (current_user); RETURN true; END $$"
        )
        for name in TYPES:
            under = "pg_catalog.text" if name == "record" else f"pg_catalog.{name}"
            cursor.execute(f"CREATE DOMAIN pg_temp.{name} AS {under} CHECK (pg_temp.watched())")
    try:
        with tenancy.platform_scope():
            legs = [Leg(one, -5), Leg(other, 5)]
            services.post(**who, kind="single", legs=legs, external_id="E-1")
            services.post(**who, kind="single", legs=legs, external_id="E-1")
            held = Posting("held", [Leg(one, -5, Layer.PENDING), Leg(other, 5, Layer.PENDING)])
            services.post_many(**who, postings=[held, Posting("many", legs)])
            with pytest.raises(Problem):
                services.post(**who, kind="of nobody", legs=[Leg(one, -5), Leg(partner.pk, 5)])
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT who FROM pg_temp.seen")
            assert {name for (name,) in cursor.fetchall()} <= {settings.PAYOS_APP_ROLE}
    finally:
        connection.close()
    assert superuser.execute("SELECT count(*) FROM ledger_entry").fetchone()[0] == 6, "all of it stands in the tables that are ours"


def test_each_function_with_the_owners_rights_fixes_its_search_path_or_is_one_that_binds_every_name(superuser):
    loose = superuser.execute(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' AND p.prosecdef"
        # Unless it stands last, the temporary schema is looked into first, for tables and types.
        " AND NOT EXISTS (SELECT 1 FROM unnest(p.proconfig) AS c WHERE c ~ '^search_path=.*pg_temp$')"
    ).fetchall()
    assert {name for (name,) in loose} == {"ledger_post", "ledger_entry_added", "ledger_transaction_added"}
