"""The audit trail: bulk SQL is seen, who, why and from where are kept, and nobody rewrites it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.urls import reverse

from partners.models import Branch, Partner, User
from partners.services import branch_create
from payos.kernel import audit, outbox, tenancy
from payos.kernel.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def branches(partner):
    with tenancy.platform_scope():
        return [branch_create(partner=partner, code=f"B{n}", name=f"Branch {n}") for n in range(3)]


def events(**filters):
    with tenancy.platform_scope():
        return list(AuditEvent.objects.filter(**filters).order_by("id"))


def test_bulk_sql_is_seen_row_by_row_with_who_why_and_from_where(branches):
    who = {"actor": "user:ann", "ip": "203.0.113.9", "request_id": "req_1", "reason": "moved house"}
    with tenancy.platform_scope(), tenancy.acting(**who), connection.cursor() as cursor:
        cursor.execute("UPDATE partners_branch SET name = name || '!', holding_days = 2 WHERE code <> 'B2'")
    found = events(action="update", subject_table="partners_branch")
    assert {event.subject_id for event in found} == {str(branch.pk) for branch in branches[:2]}
    for event in found:
        assert (event.actor, event.ip, event.request_id, event.reason) == tuple(who.values())
        assert event.after["name"] == event.before["name"] + "!" and event.after["holding_days"] == 2
        assert set(event.after) == {"name", "holding_days"}  # only what changed
        assert event.partner_id == branches[0].partner_id


def test_inserts_and_deletes_are_seen_too(branches):
    made = events(action="insert", subject_table="partners_branch")
    assert len(made) == 3 and made[0].after["code"] == "B0"
    with tenancy.platform_scope(actor="user:ann"):
        Branch.objects.filter(code="B1").delete()
    (gone,) = events(action="delete", subject_table="partners_branch")
    assert gone.before["code"] == "B1" and gone.actor == "user:ann"


def test_a_change_that_changes_nothing_leaves_no_line(branches):
    with tenancy.platform_scope(), connection.cursor() as cursor:
        cursor.execute("UPDATE partners_branch SET name = name")
    assert not events(action="update", subject_table="partners_branch")


def test_what_is_rolled_back_leaves_no_line(branches):
    with pytest.raises(RuntimeError), transaction.atomic(), tenancy.platform_scope():
        Branch.objects.filter(code="B0").update(name="other")
        raise RuntimeError
    assert not events(action="update", subject_table="partners_branch")


def test_secrets_never_reach_the_trail(db):
    user = User.objects.create(username="someone", password="hash-of-something")
    user.password = "another-hash"
    user.save()
    (made,) = events(action="insert", subject_table="partners_user", subject_id=str(user.pk))
    assert "password" not in made.after and "hash-of-something" not in str(made.after)
    (changed,) = events(action="update", subject_table="partners_user", subject_id=str(user.pk))
    assert changed.before == {} and changed.after == {}  # that it changed is told, from what to what is not


def test_a_key_is_audited_without_its_hash(partner):
    from partners.services import api_key_create

    with tenancy.platform_scope():
        key, secret = api_key_create(partner=partner, livemode=False)
    (made,) = events(action="insert", subject_table="partners_apikey")
    assert "hashed" not in made.after and key.hashed not in str(made.after) and secret not in str(made.after)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kernel_audit_event SET actor = 'someone else'",
        "DELETE FROM kernel_audit_event",
        "TRUNCATE kernel_audit_event",
        "ALTER TABLE kernel_audit_event DISABLE TRIGGER ALL",
        "DROP TRIGGER kernel_audit_event_append_only ON kernel_audit_event",
        "DROP TRIGGER payos_audit_update ON partners_branch",
        "CREATE OR REPLACE FUNCTION kernel_audit_update() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "SET session_replication_role = replica",
    ],
)
def test_the_application_role_cannot_rewrite_it(branches, statement):
    with tenancy.platform_scope(), pytest.raises(DatabaseError, match="permission denied|must be owner"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)
    assert len(events(subject_table="partners_branch")) == 3


@pytest.mark.django_db(databases=["default", "owner"])
@pytest.mark.parametrize("statement", ["UPDATE kernel_audit_event SET actor = 'x'", "DELETE FROM kernel_audit_event"])
def test_the_owner_is_refused_in_words(statement):
    with pytest.raises(DatabaseError, match="append-only.*Record a correcting row"), transaction.atomic(using="owner"):
        with connections["owner"].cursor() as cursor:
            cursor.execute(statement)


def test_a_tenant_reads_its_own_lines_only(branches, other_partner):
    with tenancy.tenant_scope(other_partner.pk):
        branch_create(partner=other_partner, code="X", name="X")
        assert {event.partner_id for event in AuditEvent.objects.all()} == {other_partner.pk}
    with tenancy.tenant_scope(branches[0].partner_id):
        assert {event.partner_id for event in AuditEvent.objects.all()} == {branches[0].partner_id}


def test_whoever_acts_leaves_a_trace_also_without_a_tenant(db):
    with tenancy.acting(actor="stranger", ip="198.51.100.1"):
        audit.record(action="login.failed", subject="nobody", after={"tries": 1})
    (event,) = events(action="login.failed")
    assert (event.actor, event.ip, event.subject_id, event.after) == ("stranger", "198.51.100.1", "nobody", {"tries": 1})
    assert not AuditEvent.objects.exists()  # and reads nothing back


def test_a_look_at_sensitive_data_is_recorded(client, partner):
    from django.contrib.auth.models import Group

    user = User.objects.create(username="reader", is_staff=True)
    user.groups.add(Group.objects.get(name="auditor"))
    client.force_login(user)
    with tenancy.platform_scope():
        event = outbox.publish(topic="t", event_type="transfer.settled", aggregate_id="trf_1", payload={"iban": "x"}, partner_id=partner.pk)
    assert client.get(reverse("admin:kernel_outboxevent_change", args=[event])).status_code == 200
    (look,) = events(action="viewed")
    assert (look.actor, look.subject_table, look.subject_id) == ("user:reader", "kernel_outbox_event", str(event))
    assert look.partner_id == partner.pk and look.ip == "127.0.0.1"


def test_a_change_in_the_console_says_who_from_where_and_in_which_request(client, partner):
    from django.contrib.auth.models import Group

    user = User.objects.create(username="boss", is_staff=True)
    user.groups.add(Group.objects.get(name="administrator"))
    client.force_login(user)
    form = {"name": "Acme Renamed", "country": "US", "timezone": "UTC", "currencies": "USD", "active": "on"}
    answer = client.post(reverse("admin:partners_partner_change", args=[partner.pk]), form, REMOTE_ADDR="203.0.113.5")
    assert answer.status_code == 302
    (change,) = events(action="update", subject_table="partners_partner")
    assert (change.actor, change.ip, change.request_id) == ("user:boss", "203.0.113.5", answer["Request-Id"])
    assert change.before == {"name": "Acme Lending"} and change.after == {"name": "Acme Renamed"}
    assert change.partner_id == partner.pk


def test_every_state_machine_is_audited():
    from django_fsm import FSMField

    from payos.kernel import security

    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'payos_audit_update'")
        have = {name.strip('"') for (name,) in cursor.fetchall()}
    for model in security.secured_models():
        if any(isinstance(field, FSMField) for field in model._meta.local_fields):
            assert model._meta.db_table in have, f"{model.__name__} has a state and no audit"
    assert Partner._meta.db_table in have


def test_an_update_of_many_rows_is_not_joined_row_by_row(superuser):
    """The plan is kept for the session: one made for a single row must be right for thousands, too."""
    (config,) = superuser.execute("SELECT proconfig FROM pg_proc WHERE proname = 'kernel_audit_update'").fetchone()
    assert "enable_nestloop=off" in config
