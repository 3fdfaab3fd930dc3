"""Mapping profiles: kept in versions, found by name, tried on a sample first, and used wherever a file comes in."""

from __future__ import annotations

import io
import json
from importlib import import_module

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connections
from django.urls import reverse

from ingestion import services
from ingestion.management.commands import parse_file
from ingestion.models import Connector, MappingProfile, SourceFile
from ingestion.parsers.profiles import Profile, ProfileError
from ingestion.parsers.records import Unreadable
from partners.models import User
from payos.kernel.errors import Problem
from reconciliation.models import BankAccount, StatementLine

pytestmark = pytest.mark.django_db

ODD = "Bericht der Kasse\nKonto 4711\n\nTag_X;Art_X;Betrag_X;Steuer_X;Satz_X;Beleg_X\n21.11.26;Z;1.234,56;34,56;Miete;B-1\n22.11.26;A;10,00;0,00;Strom;B-2\n??;Z;5,00;0,00;Rest;B-3\n"
DEFINITION = {
    "columns": {"booking_date": "Tag_X", "direction": "Art_X", "description": "Satz_X"},
    "references": {"customer": "Beleg_X"},
    "computed": {"amount": "{Betrag_X}", "counterparty": "Kasse {Beleg_X}"},
    "debit_words": ["A"], "credit_words": ["Z"], "delimiter": ";", "decimal": ",", "date_format": "%d.%m.%y", "currency": "EUR", "account": "4711",
}  # fmt: skip


@pytest.fixture
def admin(client, db):
    user = User.objects.create_superuser(username="root@example.com", email="root@example.com", password="x")
    client.force_login(user)
    return client


def test_what_only_a_profile_can_say_is_read(platform):
    profile = services.check_profile(definition=DEFINITION, name="kasse")
    found = services.preview_profile(content=io.BytesIO(ODD.encode()), profile=profile)
    assert [line.amount_minor for line in found.lines] == [123456, -1000]
    assert [line.counterparty for line in found.lines] == ["Kasse B-1", "Kasse B-2"]
    assert found.lines[0].value_date.isoformat() == "2026-11-21"
    assert [(item.position, item.reason) for item in found.rejects] == [(7, "the row has no date that can be read")]
    assert (found.totals[0].credits, found.totals[0].debits, found.totals[0].account) == (123456, -1000, "4711")
    terms = {**DEFINITION, "computed": {}, "amount_terms": [[1, "Betrag_X"], [-1, "Steuer_X"]], "columns": {"booking_date": "Tag_X"}}
    found = services.preview_profile(content=io.BytesIO(ODD.encode()), profile=services.check_profile(definition=terms, name="netto"))
    assert [line.amount_minor for line in found.lines] == [120000, 1000]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"date_format": "%d.%m"}, "does not name day"), ({"encoding": "utf-99"}, "no encoding"), ({"columns": {"sum": "x"}}, "is no field"),
        ({"computed": {"amount": "12"}}, "names no column"), ({"computed": {"price": "{x}"}}, "neither a field"), ({"columns": {}, "computed": {}}, "name a column"),
        ({"delimiter": ";;"}, "one character"), ({"header_row": 400}, "one of the first"), ({"colour": "red"}, "no part of a profile"),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_work_says_what_to_change(platform, change, said):
    with pytest.raises(Problem) as caught:
        services.save_profile(name="p", kind="csv", definition={**DEFINITION, **change}, partner_id=None)
    assert said in caught.value.detail and MappingProfile.objects.count() == 0


def test_versions_are_kept_and_the_partner_s_own_comes_first(partner, other_partner, platform):
    first = services.save_profile(name="kasse", kind="csv", definition=DEFINITION, partner_id=None)
    assert services.save_profile(name="kasse", kind="csv", definition=DEFINITION, partner_id=None) == first
    second = services.save_profile(name="kasse", kind="csv", definition={**DEFINITION, "currency": "CHF"}, partner_id=None, note="moved")
    assert (second.version, MappingProfile.objects.get(pk=first.pk).current) == (2, False)
    services.save_profile(name="kasse", kind="csv", definition={**DEFINITION, "currency": "SEK"}, partner_id=partner.pk)
    assert services.find_profile(name="kasse", partner_id=partner.pk).currency == "SEK"
    assert services.find_profile(name="kasse", partner_id=other_partner.pk).currency == "CHF"
    assert services.find_profile(name="mpesa_statement", partner_id=None).currency == "KES"
    services.save_profile(name="kasse", kind="csv", definition={**DEFINITION, "currency": "CHF"}, partner_id=None, active=False)
    with pytest.raises(Problem, match="profile_unknown"):
        services.find_profile(name="kasse", partner_id=other_partner.pk)
    kept = MappingProfile.objects.get(pk=second.pk).as_profile()
    assert Profile.from_dict(json.loads(json.dumps(kept.as_dict()))) == kept and kept.version == "2"


def test_a_tenant_sees_its_own_profiles_only(partner, other_partner):
    from payos.kernel import tenancy

    with tenancy.platform_scope(actor="test"):
        services.save_profile(name="mine", kind="csv", definition=DEFINITION, partner_id=partner.pk)
    with tenancy.tenant_scope(other_partner.pk):
        assert not MappingProfile.objects.exists()
        with pytest.raises(Problem):
            services.find_profile(name="mine", partner_id=other_partner.pk)
    with tenancy.tenant_scope(partner.pk):
        assert services.find_profile(name="mine", partner_id=partner.pk).currency == "EUR"


def test_the_api_reads_a_file_with_a_named_profile(partner, api, platform):
    BankAccount.objects.create(partner=partner, name="Kasse", identifier="4711", currency="EUR", rail_code="sandbox")
    services.save_profile(name="kasse", kind="csv", definition=DEFINITION, partner_id=partner.pk)
    send = lambda **more: api.post("/v1/files", {"file": SimpleUploadedFile("kasse.txt", ODD.encode()), **more}, format="multipart")  # noqa: E731
    refused = send()
    assert refused.status_code == 201 and refused.json()["status"] == "quarantined"
    assert send(profile="nobody").json()["code"] == "profile_unknown" and send(format="telex").status_code == 400
    # The same bytes again, with the mapping they lacked.
    read = send(profile="kasse").json()
    assert read["status"] == "processed" and read["facts"]["new_lines"] == 2, read
    assert SourceFile.objects.get().profile["name"] == "kasse" and StatementLine.objects.count() == 2


def test_a_connector_uses_the_profile_of_the_day(partner, platform, tmp_path):
    import os
    import time

    BankAccount.objects.create(partner=partner, name="Kasse", identifier="4711", currency="EUR", rail_code="sandbox")
    connector = Connector.objects.create(partner=partner, name="drop", kind="folder", config={"path": str(tmp_path)}, profile_name="kasse")
    (tmp_path / "a.txt").write_text(ODD)
    os.utime(tmp_path / "a.txt", (time.time() - 60,) * 2)
    assert "no mapping profile" in services.run_connector(connector=connector).error
    services.save_profile(name="kasse", kind="csv", definition=DEFINITION, partner_id=partner.pk)
    run = services.run_connector(connector=connector)
    assert (run.error, run.fresh, run.quarantined) == ("", 1, 0) and StatementLine.objects.count() == 2


def test_mappings_in_connectors_become_named_profiles(partner, platform):
    Connector.objects.create(partner=partner, name="Old one!", kind="folder", profile={"name": "my bank", **DEFINITION})
    Connector.objects.create(partner=partner, name="Twin", kind="folder", profile={"name": "my bank", **DEFINITION})
    Connector.objects.create(partner=partner, name="Other", kind="folder", profile={"name": "my bank", **DEFINITION, "currency": "USD"})

    class Editor:
        connection = connections["default"]

    import_module("ingestion.migrations.0006_named_profiles").name_them(apps, Editor)
    assert list(Connector.objects.order_by("id").values_list("profile_name", flat=True)) == ["my-bank", "my-bank", "my-bank-2"]
    assert services.find_profile(name="my-bank-2", partner_id=partner.pk).currency == "USD"


def test_parse_file_takes_a_profile_by_name(platform, tmp_path):
    services.save_profile(name="kasse", kind="csv", definition=DEFINITION, partner_id=None)
    path = tmp_path / "a.txt"
    path.write_text(ODD)
    out = io.StringIO()
    call_command(parse_file.Command(stdout=out), str(path), "--profile", "kasse", "--json")
    assert [line["amount_minor"] for line in json.loads(out.getvalue())["statements"][0]["lines"]] == [123456, -1000]
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command(parse_file.Command(stdout=out, stderr=err), str(path), "--profile", "nobody", "--json")
    assert stop.value.code == 2 and "no mapping profile 'nobody'" in json.loads(out.getvalue())["error"]


@pytest.mark.parametrize(
    ("content", "kind", "amounts"),
    [
        ("Datum;Betrag;Text\n21.11.2026;1.234,56;x\n22.11.2026;-7,00;y\n", "csv", [123456, -700]),
        ("preamble\n\nFoo|Bar|Baz\n2026-11-21|12.50|rent\n2026-11-22|-3.00|coffee\n", "csv", [1250, -300]),
        ('{"data": {"items": [{"when": "2026-11-21", "amount": "12.50", "currency": "USD"}]}}', "json", [1250]),
        ('{"rows": [{"date": "2026-11-21", "amount": 1250, "currency": "USD"}]}', "json", [1250]),
        ("Receipt No,Completion Time,Details,Paid In,Withdrawn,Balance\nA1,2026-11-21 10:00:00,x,100.00,,100.00\n", "csv", [10000]),
    ],
)
def test_a_suggestion_reads_its_own_sample(platform, content, kind, amounts):
    found, profile = services.suggest_profile(content=io.BytesIO(content.encode()))
    assert found == kind
    read = services.preview_profile(content=io.BytesIO(content.encode()), profile=profile, kind=found)
    assert read.error == "" and [line.amount_minor for line in read.lines] == amounts


def test_there_is_no_suggestion_for_what_is_no_table():
    with pytest.raises(Unreadable, match="needs no mapping profile"):
        services.suggest_profile(content=io.BytesIO(b":20:A\n:25:NL1\n:28C:1\n:60F:C260101EUR1,00\n"))
    with pytest.raises(Unreadable, match="delimiter"):
        services.suggest_profile(content=io.BytesIO(b"dear sir or madam\n"))


def form(**more):
    return {"name": "kasse", "kind": "csv", "columns": "booking_date = Tag_X\ndescription = Satz_X\ndirection = Art_X\namount = Betrag_X", "delimiter": ";",
            "decimal": ",", "date_format": "%d.%m.%y", "currency": "eur", "debit_words": "A", "credit_words": "Z", "has_header": "on", "active": "on", **more}  # fmt: skip


def test_the_console_previews_before_it_saves(admin, platform):
    url = reverse("admin:ingestion_mappingprofile_add")
    assert b"Stripe: balance and payout" in admin.get(url).content
    assert b"psp reference" in admin.get(url + "?from=adyen_settlement").content
    answer = admin.post(url, form(preview="1", sample_text=ODD))
    assert not answer.context["form"].errors
    page = answer.content.decode()
    assert "1234.56" in page and "-10.00" in page and "the row has no date that can be read" in page and "1224.56" in page
    assert not MappingProfile.objects.exists()
    # A chosen file is carried along to the next look.
    page = admin.post(url, form(preview="1", sample_file=SimpleUploadedFile("kasse.txt", ODD.encode())))
    carried = page.context["form"].data["carried"]
    assert "1234.56" in admin.post(url, form(preview="1", carried=carried, carried_name="kasse.txt")).content.decode()
    assert b"Paste or choose a sample first" in admin.post(url, form(preview="1")).content
    assert b"name a column for the amount" in admin.post(url, form(save="1", columns="booking_date = Tag_X")).content
    assert b"write it as: field = column" in admin.post(url, form(save="1", columns="Tag_X")).content
    saved = admin.post(url, form(save="1", amount_terms="{Betrag_X} - {Steuer_X}"))
    profile = MappingProfile.objects.get()
    assert (
        saved.status_code == 302
        and profile.definition["amount_terms"] == [[1, "Betrag_X"], [-1, "Steuer_X"]]
        and profile.definition["currency"] == "EUR"
    )
    change = reverse("admin:ingestion_mappingprofile_change", args=[profile.pk])
    page = admin.get(change).content.decode()
    assert "{Betrag_X} - {Steuer_X}" in page and "booking_date = Tag_X" in page
    admin.post(change, form(save="1", name="ignored", note="no tax"))
    assert [(row.name, row.version, row.current, row.note) for row in MappingProfile.objects.order_by("version")] == [
        ("kasse", 1, False, ""),
        ("kasse", 2, True, "no tax"),
    ]
    assert b"kasse" in admin.get(reverse("admin:ingestion_mappingprofile_changelist")).content


def test_the_console_suggests_from_a_sample_or_a_kept_file(admin, partner, platform):
    url = reverse("admin:ingestion_mappingprofile_add")
    page = admin.post(url, {"suggest": "1", "sample_text": "Datum;Betrag;Text\n21.11.2026;1.234,56;x\n"}).content.decode()
    assert "amount = Betrag" in page and "booking_date = Datum" in page
    assert b"no delimiter found" in admin.post(url, {"suggest": "1", "sample_text": "hello"}).content
    file, _ = services.receive_file(content=io.BytesIO(ODD.encode()), name="kasse.txt", partner_id=partner.pk)
    page = admin.get(f"{url}?file={file.public_id}").content.decode()
    assert "amount = Betrag_X" in page and "kasse.txt" in page
    assert admin.get(f"{url}?file=fil_nothing").status_code == 404


def test_who_may_only_look_cannot_save(client, platform):
    from django.contrib.auth.models import Permission

    profile = services.save_profile(name="kasse", kind="csv", definition=DEFINITION, partner_id=None)
    user = User.objects.create_user(username="look@example.com", email="look@example.com", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_mappingprofile"))
    client.force_login(user)
    change = reverse("admin:ingestion_mappingprofile_change", args=[profile.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, form(save="1", currency="usd")).status_code == 403
    assert client.get(reverse("admin:ingestion_mappingprofile_add")).status_code == 403 and MappingProfile.objects.count() == 1


def test_profile_errors_are_values(platform):
    with pytest.raises(ProfileError):
        Profile(name="x", columns={"amount": ("a",)}, decimal="x")


def test_uploads_and_connectors_in_the_console_take_a_profile(admin, partner, platform, tmp_path):
    BankAccount.objects.create(partner=partner, name="Kasse", identifier="4711", currency="EUR", rail_code="sandbox")
    services.save_profile(name="kasse", kind="csv", definition=DEFINITION, partner_id=partner.pk)
    upload = reverse("admin:ingestion_sourcefile_upload")
    assert b'value="kasse"' in admin.get(upload).content
    sent = {"partner": str(partner.pk), "profile": "kasse", "file": SimpleUploadedFile("kasse.txt", ODD.encode()), "_form_submitted": "on"}
    assert admin.post(upload, sent).status_code == 302
    assert SourceFile.objects.get().state == "processed" and StatementLine.objects.count() == 2
    add = reverse("admin:ingestion_connector_add")
    assert b'value="mpesa_statement"' in admin.get(add, {"kind": "folder"}).content
    made = admin.post(add, {"partner": str(partner.pk), "name": "drop", "kind": "folder", "set_path": str(tmp_path), "profile_name": "kasse",
                            "every_minutes": "60", "alert_after": "3", "active": "on"})  # fmt: skip
    assert made.status_code == 302, made.context["adminform"].form.errors
    assert Connector.objects.get().profile_name == "kasse"
    assert b"drop" in admin.get(reverse("admin:ingestion_mappingprofile_changelist")).content
