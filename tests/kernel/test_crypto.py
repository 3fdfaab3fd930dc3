"""Encrypted fields: what is in the table cannot be read or changed unnoticed, and keys rotate."""

from __future__ import annotations

import base64
import os

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from partners.models import Branch, User
from partners.services import branch_create
from payos.kernel import crypto, rotation, tenancy
from payos.kernel.models import AuditEvent


def a_key(name):
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


@hypothesis_settings(derandomize=True)
@given(st.text())
def test_both_ways_and_never_the_same_twice(text):
    first, second = crypto.encrypt(text), crypto.encrypt(text)
    assert first != second and crypto.decrypt(first) == crypto.decrypt(second) == text
    assert first.startswith(f"enc:{crypto.current_key_id()}:")
    assert len(text) < 4 or text not in first


def test_a_changed_text_is_noticed():
    sealed = crypto.encrypt("CLABE 002010077777777771")
    raw = bytearray(base64.b64decode(sealed.rpartition(":")[2]))
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises(crypto.CannotDecrypt, match="was changed"):
            crypto.decrypt(sealed[: sealed.rindex(":") + 1] + base64.b64encode(bytes(changed)).decode())


@pytest.mark.parametrize("text", ["", "plain", "enc:", "enc:none:AAAA", "enc:none"])
def test_what_is_no_ciphertext_is_refused(text):
    with pytest.raises(crypto.CannotDecrypt):
        crypto.decrypt(text)


@pytest.mark.parametrize("tail", ["", "AAAA", "not base64!", "é"])
def test_a_broken_ciphertext_is_refused(tail):
    with pytest.raises(crypto.CannotDecrypt):
        crypto.decrypt(f"enc:{crypto.current_key_id()}:{tail}")


def test_a_key_id_cannot_be_exchanged(settings):
    key = base64.b64encode(os.urandom(32)).decode()
    settings.PAYOS_FIELD_KEYS = f"one:{key},two:{key}"
    sealed = crypto.encrypt("x")
    with pytest.raises(crypto.CannotDecrypt):
        crypto.decrypt(sealed.replace("enc:one:", "enc:two:"))


def test_an_older_key_reads_and_a_missing_one_says_so(settings):
    old, new = a_key("old"), a_key("new")
    settings.PAYOS_FIELD_KEYS = old
    sealed = crypto.encrypt("secret")
    settings.PAYOS_FIELD_KEYS = f"{new},{old}"
    assert crypto.decrypt(sealed) == "secret" and crypto.encrypt("x").startswith("enc:new:")
    settings.PAYOS_FIELD_KEYS = new
    with pytest.raises(crypto.CannotDecrypt, match="'old' is not in PAYOS_FIELD_KEYS: add it back"):
        crypto.decrypt(sealed)


def test_blind_indexes_are_keyed_and_apart_by_purpose(settings):
    number = "123456789012"
    one = crypto.blind_index(number, "account")
    assert one == crypto.blind_index(number, "account") != crypto.blind_index(number, "phone")
    assert number not in one and len(one) == 64
    settings.PAYOS_HASH_KEY = "another" * 10
    assert crypto.blind_index(number, "account") != one


@pytest.mark.parametrize(("value", "shown"), [("123456789012", "••••••••9012"), ("1234", "••34"), ("1", "•"), ("", ""), ("12345", "•••45")])
def test_masks_show_never_more_than_half(value, shown):
    assert crypto.mask(value) == shown


def test_the_field_is_encrypted_in_sql_and_cannot_be_searched():
    class Thing(models.Model):
        secret = crypto.EncryptedTextField()

        class Meta:
            app_label = "kernel"
            managed = False

    field = Thing._meta.get_field("secret")
    stored = field.get_prep_value("PIX key")
    assert stored.startswith("enc:") and field.from_db_value(stored, None, None) == "PIX key"
    assert field.get_prep_value("") == "" and field.get_prep_value(None) is None
    with pytest.raises(TypeError, match="blind index"):
        str(Thing.objects.filter(secret="PIX key").query)
    from django.apps import apps

    del apps.all_models["kernel"]["thing"]
    apps.clear_cache()


@pytest.mark.django_db
class TestRotation:
    @pytest.fixture(autouse=True)
    def column(self, monkeypatch):
        # A table of the product with a text column stands in for an encrypted one: the walk is over real rows.
        monkeypatch.setattr(rotation, "columns", lambda: iter([rotation.Column("partners_branch", "id", "name", False)]))
        monkeypatch.setattr(rotation, "BATCH", 2)

    @pytest.fixture
    def rows(self, settings, partner):
        settings.PAYOS_FIELD_KEYS = a_key("old")
        with tenancy.platform_scope():
            for n in range(5):
                branch_create(partner=partner, code=f"B{n}", name=crypto.encrypt(f"secret {n}"))
        return partner

    def names(self):
        with tenancy.platform_scope():
            return dict(Branch.objects.values_list("code", "name"))

    def test_everything_moves_to_the_newest_key(self, rows, settings, capsys):
        settings.PAYOS_FIELD_KEYS = f"{a_key('new')},{settings.PAYOS_FIELD_KEYS}"
        call_command("rotate_field_keys")
        out = capsys.readouterr()
        assert "older keys may be removed" in out.out and "5 re-encrypted" in out.err
        settings.PAYOS_FIELD_KEYS = settings.PAYOS_FIELD_KEYS.split(",")[0]
        assert {code: crypto.decrypt(name) for code, name in self.names().items()} == {f"B{n}": f"secret {n}" for n in range(5)}
        with tenancy.platform_scope():
            events = list(AuditEvent.objects.filter(subject_table="partners_branch", action="update"))
        assert len(events) == 5 and events[0].reason == "field key rotation"
        assert all("enc:" not in str((event.before, event.after)) for event in events)
        before = self.names()
        call_command("rotate_field_keys")
        assert self.names() == before  # a second run finds nothing to do

    def test_a_missing_key_stops_it_with_a_sentence(self, rows, settings):
        settings.PAYOS_FIELD_KEYS = a_key("new")
        with pytest.raises(CommandError, match="'old' is not in PAYOS_FIELD_KEYS"):
            call_command("rotate_field_keys")

    def test_append_only_tables_keep_their_key_and_say_so(self, rows, settings, monkeypatch, capsys):
        monkeypatch.setattr(rotation, "columns", lambda: iter([rotation.Column("partners_branch", "id", "name", True)]))
        settings.PAYOS_FIELD_KEYS = f"{a_key('new')},{settings.PAYOS_FIELD_KEYS}"
        before = self.names()
        call_command("rotate_field_keys")
        assert self.names() == before
        assert "leave those keys in place. partners_branch.name (5)" in capsys.readouterr().out

    def test_second_factors_are_encrypted_and_rotate(self, db, settings):
        from allauth.mfa.models import Authenticator
        from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

        settings.PAYOS_FIELD_KEYS = a_key("old")
        user = User.objects.create(username="someone")
        secret = generate_totp_secret()
        TOTP.activate(user, secret)
        with connection.cursor() as cursor:
            cursor.execute("SELECT data::text FROM mfa_authenticator")
            assert secret not in cursor.fetchone()[0]
        settings.PAYOS_FIELD_KEYS = f"{a_key('new')},{settings.PAYOS_FIELD_KEYS}"
        call_command("rotate_field_keys")
        row = Authenticator.objects.get()
        assert row.data["secret"].startswith("enc:new:") and crypto.decrypt(row.data["secret"]) == secret


def test_every_encrypted_column_is_found_by_the_walk():
    from django.apps import apps

    fields = [f for model in apps.get_models() for f in model._meta.local_concrete_fields if isinstance(f, crypto.EncryptedTextField)]
    assert len(list(rotation.columns())) == len(fields)
