"""Law 7: a tenant sees its own rows, also where someone forgot the filter, raw SQL included."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from partners.models import Branch, Partner
from partners.services import branch_create
from payos.kernel import security, tenancy

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(partner, other_partner):
    with tenancy.platform_scope():
        branch_create(partner=partner, code="A", name="A")
        branch_create(partner=other_partner, code="B", name="B")
    return partner, other_partner


def test_a_forgotten_filter_leaks_nothing(two):
    mine, other = two
    with tenancy.tenant_scope(mine.pk):
        assert [branch.code for branch in Branch.objects.all()] == ["A"]
        assert [partner.pk for partner in Partner.objects.all()] == [mine.pk]
        with connection.cursor() as cursor:
            cursor.execute("SELECT code FROM partners_branch")
            assert cursor.fetchall() == [("A",)]


def test_without_a_scope_there_is_nothing(two):
    assert not Branch.objects.exists()
    with connection.cursor() as cursor:
        for model in security.tenant_models():
            cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
            assert cursor.fetchone() == (0,), model


def test_a_row_for_another_tenant_is_refused(two):
    mine, other = two
    with tenancy.tenant_scope(mine.pk), pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        Branch.objects.create(partner=other, code="C", name="C")


def test_test_and_live_data_are_apart(two):
    mine, _ = two
    with tenancy.tenant_scope(mine.pk):
        branch_create(partner=mine, code="L", name="Live", livemode=True)
    with tenancy.tenant_scope(mine.pk, True):
        assert [branch.code for branch in Branch.objects.all()] == ["L"]
    with tenancy.tenant_scope(mine.pk, False):
        assert [branch.code for branch in Branch.objects.all()] == ["A"]


def test_the_scope_ends_with_its_block_and_survives_a_savepoint_rollback(two):
    mine, other = two
    with transaction.atomic():
        with tenancy.tenant_scope(mine.pk):
            try:
                with transaction.atomic(), tenancy.tenant_scope(other.pk):
                    assert Branch.objects.get().code == "B"
                    raise RuntimeError
            except RuntimeError:
                pass
            assert Branch.objects.get().code == "A"
        assert not Branch.objects.exists()


def test_the_application_role_owns_and_bypasses_nothing(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)")
        assert cursor.fetchone() == (0,)
    with pytest.raises(DatabaseError, match="permission denied|must be owner"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE partners_branch")
    with pytest.raises(DatabaseError, match="permission denied|must be owner"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE partners_branch DISABLE ROW LEVEL SECURITY")


def test_every_model_with_a_tenant_is_under_row_level_security(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity")
        secured = {name for (name,) in cursor.fetchall()}
    for model in security.secured_models():
        columns = {field.column for field in model._meta.local_concrete_fields}
        if "partner_id" in columns:
            assert model._meta.db_table in secured, f"{model.__name__} has a tenant but no policy"


@pytest.mark.django_db(transaction=True)
def test_a_server_that_goes_away_at_the_scope_is_djangos_own_error(superuser):
    """The first statement of a transaction writes the scope: its failure must be one that callers know (503, not 500)."""
    with pytest.raises(OperationalError):
        with transaction.atomic(), tenancy.platform_scope():
            superuser.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
    connection.close()
