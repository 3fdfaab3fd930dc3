"""The pages of connectors: each kind asks for its own settings, and says what is wrong with one before anything is saved."""

from __future__ import annotations

import os
from typing import Any

import asyncssh
import pytest
from django.urls import reverse

from ingestion import services
from ingestion.connectors import KINDS
from ingestion.models import Connector
from partners.models import User

pytestmark = pytest.mark.django_db
ADD = "admin:ingestion_connector_add"
COMMON = {"name": "bank", "every_minutes": "30", "alert_after": "3", "active": "on", "format": "", "profile_name": "", "partner": ""}


@pytest.fixture
def admin(client: Any, db: Any, platform: Any) -> Any:
    client.force_login(User.objects.create_superuser("root", password="x" * 16))
    return client


def faults(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200, "nothing was saved"
    return dict(response.context["adminform"].form.errors)


def test_first_of_what_kind_and_then_its_own_settings(admin: Any) -> None:
    choice = admin.get(reverse(ADD)).content.decode()
    assert all(connector.TITLE in choice and connector.ABOUT in choice for connector in KINDS.values())
    for kind, connector in KINDS.items():
        page = admin.get(reverse(ADD), {"kind": kind})
        names = set(page.context["adminform"].form.fields)
        assert {f"set_{setting.name}" for setting in connector.SETTINGS} <= names and "config" not in names
        assert ("new_secret" in names) is bool(connector.CREDENTIAL)
    assert "Where do the files come from?" in admin.get(reverse(ADD), {"kind": "pigeon"}).content.decode()


def test_what_is_wrong_is_said_beside_its_field(admin: Any) -> None:
    said = faults(admin.post(reverse(ADD), {**COMMON, "kind": "folder", "set_path": "in/box"}))
    assert "whole path" in said["set_path"][0]
    sftp = {
        **COMMON,
        "kind": "sftp",
        "set_host": "sftp://bank.example",
        "set_user": "us",
        "set_host_key": "bank.example ssh-ed25519 AAAA",
        "set_path": "/out",
        "set_port": "99999",
    }
    said = faults(admin.post(reverse(ADD), sftp))
    assert "alone" in said["set_host"][0] and "no public key" in said["set_host_key"][0] and "65535" in said["set_port"][0]
    said = faults(admin.post(reverse(ADD), {**COMMON, "kind": "http", "set_url": "https://us:secret@bank.example/r", "set_auth": "basic"}))
    assert "secret below" in said["set_url"][0] and said["set_user"] and said["new_secret"]
    said = faults(admin.post(reverse(ADD), {**COMMON, "kind": "http", "set_url": "https://bank.example/r", "set_params-0-name": "type"}))
    assert said["set_params"] == ["Row 1: the value is missing."]
    said = faults(admin.post(reverse(ADD), {**COMMON, "kind": "imap"}))
    assert set(said) == {"set_host", "set_user"}
    assert not Connector.objects.exists()


def test_a_private_key_keeps_its_lines_and_an_edit_keeps_the_rest(admin: Any) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    public = key.export_public_key().decode().strip()
    private = key.export_private_key().decode()
    form = {
        **COMMON,
        "kind": "sftp",
        "set_host": "sftp.bank.example",
        "set_user": "us",
        "set_host_key": public,
        "set_path": "/out",
        "set_after": "archive",
        "new_secret": private,
    }
    page = admin.get(reverse(ADD), {"kind": "sftp"}).content.decode()
    assert '<textarea name="new_secret"' in page, "a box of one line would tear a key's lines"
    assert admin.post(reverse(ADD), form).status_code == 302
    connector = Connector.objects.get()
    assert connector.config == {"host": "sftp.bank.example", "user": "us", "host_key": public, "path": "/out", "after": "archive"}
    assert asyncssh.import_private_key(connector.secret).export_public_key().decode().strip() == public
    # What no field asks for, and the secret, stay; what was emptied goes.
    Connector.objects.update(format="camt.053", config={**connector.config, "pattern": "*.xml", "note": "by phone"})
    change = reverse("admin:ingestion_connector_change", args=[connector.pk])
    shown = admin.get(change).content.decode()
    assert "*.xml" in shown and "PRIVATE KEY-" not in shown
    form |= {"new_secret": "", "set_port": "2222", "set_pattern": "", "format": "camt.053"}
    assert admin.post(change, form).status_code == 302
    connector = Connector.objects.get()
    assert connector.config["port"] == 2222 and connector.config["note"] == "by phone" and "pattern" not in connector.config
    assert "PRIVATE KEY" in connector.secret and (connector.kind, connector.format) == ("sftp", "camt.053")
    assert "format" in faults(admin.post(change, {**form, "format": "papyrus"}))


def test_parameters_are_rows(admin: Any) -> None:
    rows = {"set_params-0-name": "type", "set_params-0-value": "settled", "set_params-2-name": "limit", "set_params-2-value": "100"}
    assert (
        admin.post(reverse(ADD), {**COMMON, "kind": "http", "set_url": "https://bank.example/r", "set_timeout": "5", **rows}).status_code
        == 302
    )
    connector = Connector.objects.get()
    assert connector.config == {"url": "https://bank.example/r", "timeout": 5, "params": {"type": "settled", "limit": "100"}}
    shown = admin.get(reverse("admin:ingestion_connector_change", args=[connector.pk])).content.decode()
    assert 'value="settled"' in shown


def test_its_page_tells_what_it_did_and_who_may_only_look_sees_the_settings(admin: Any, tmp_path: Any, client: Any) -> None:
    assert admin.post(reverse(ADD), {**COMMON, "kind": "folder", "set_path": str(tmp_path), "set_after": "keep"}).status_code == 302
    connector = Connector.objects.get()
    services.run_connector(connector=connector)
    change = reverse("admin:ingestion_connector_change", args=[connector.pk])
    assert "0 of 0 files new" in admin.get(change).content.decode()
    looker = User.objects.create_user("looker", password="x" * 16, is_staff=True)
    from django.contrib.auth.models import Group

    looker.groups.add(Group.objects.get(name="auditor"))
    client.force_login(looker)
    page = client.get(change)
    assert page.status_code == 200 and str(tmp_path) in page.content.decode() and client.post(change, COMMON).status_code == 403
    assert client.get(reverse(ADD)).status_code == 403


def test_where_nothing_may_be_moved_what_is_kept_stays_and_the_rest_is_said(partner: Any, platform: Any, tmp_path: Any) -> None:
    """A file stands where the folder should be, which even an administrator of the machine cannot write through."""
    (tmp_path / "x.bin").write_bytes(b"\x00\x01")
    for name in ("x.bin", "quarantine", "archive"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    keep = Connector.objects.create(partner=partner, name="keep", kind="folder", config={"path": str(tmp_path), "pattern": "*.bin"})
    run = services.run_connector(connector=keep)
    assert (run.error, run.quarantined) == ("", 1) and (tmp_path / "x.bin").exists()
    move = Connector.objects.create(
        partner=partner, name="move", kind="folder", config={"path": str(tmp_path), "pattern": "*.bin", "after": "archive"}
    )
    assert "x.bin was read, but cannot be moved" in services.run_connector(connector=move).error
    assert (tmp_path / "x.bin").exists()
