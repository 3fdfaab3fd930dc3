"""Reading a kept file again: what would change is shown, nothing changes before it is applied, and nothing is lost."""

from __future__ import annotations

import io

import pytest
from django.urls import reverse

from ingestion import services
from ingestion.models import SourceFile
from ingestion.parsers import registry
from operations.models import Case
from partners.models import User
from payos.kernel.errors import Problem
from reconciliation.models import BankAccount, Statement, StatementLine

pytestmark = pytest.mark.django_db

BANK = "Datum;Betrag;Text;Ref\n03.04.2026;10,00;rent;R-1\n04.05.2026;-2,50;coffee;R-2\n05.06.2026;7,00;refund;R-3\nbad;1,00;later;R-4\n"
COLUMNS = {"booking_date": "Datum", "amount": "Betrag", "description": "Text"}
WRONG = {"columns": COLUMNS, "references": {"customer": "Ref"}, "currency": "EUR", "date_order": "mdy", "decimal": ","}
RIGHT = {**WRONG, "date_order": "dmy"}


@pytest.fixture
def file(partner, platform):
    BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="EUR", rail_code="sandbox")
    services.save_profile(name="bank", kind="csv", definition=WRONG, partner_id=partner.pk)
    file, _ = services.receive_file(content=io.BytesIO(BANK.encode()), name="bank.csv", partner_id=partner.pk, profile_name="bank")
    return services.process_file(file=file)


def days(**filters):
    return [
        (str(day), amount, state)
        for day, amount, state in StatementLine.objects.filter(**filters).order_by("id").values_list("value_on", "amount_minor", "state")
    ]


def test_the_same_reading_changes_nothing_and_makes_no_second_statement(file):
    (found,) = services.compare_readings(file=file)
    assert (found["added"], found["gone"], found["changed"], found["same"]) == (0, 0, 0, 3)
    assert found["rejects"] == {"before": 1, "after": 1}
    services.read_again(file=file, expected=[found["digest"]])
    services.process_file(file=file)
    assert Statement.objects.count() == 1 and StatementLine.objects.count() == 3


def test_another_mapping_shows_what_changes_and_applies_it(file, partner):
    before = days()
    services.save_profile(name="bank", kind="csv", definition=RIGHT, partner_id=partner.pk)
    (found,) = services.compare_readings(file=file, profile_name="bank")
    assert (found["added"], found["gone"], found["changed"]) == (0, 0, 3)
    change = found["samples"]["changed"][0]
    assert change["fields"] == ["date"] and {change["before"]["date"], change["after"]["date"]} == {"2026-03-04", "2026-04-03"}
    assert days() == before and SourceFile.objects.get().profile["version"] == "1"
    read = services.read_again(file=file, profile_name="bank", expected=[found["digest"]])
    assert read.profile["version"] == "2" and read.facts["new_lines"] == 3
    assert days(state="open") == [("2026-04-03", 1000, "open"), ("2026-05-04", -250, "open"), ("2026-06-05", 700, "open")]
    assert days(state="replaced") == [(day, amount, "replaced") for day, amount, _ in before]
    assert Statement.objects.count() == 1
    # And back: what was set aside is taken up again, no line is made twice.
    with pytest.raises(Problem, match="no account in XXX"):
        services.compare_readings(file=read, profile_name="")
    services.save_profile(name="old", kind="csv", definition=WRONG, partner_id=partner.pk)
    (back,) = services.compare_readings(file=read, profile_name="old")
    assert back["changed"] == 3
    services.read_again(file=read, profile_name="old", expected=[back["digest"]])
    assert sorted(days(state="open")) == sorted(before) and StatementLine.objects.count() == 6


def test_added_and_gone_lines_balances_and_rejects(file, partner):
    narrower = {**RIGHT, "columns": {**COLUMNS, "status": "Text"}, "settled": ["rent", "coffee"]}
    services.save_profile(name="narrow", kind="csv", definition=narrower, partner_id=partner.pk)
    (found,) = services.compare_readings(file=file, profile_name="narrow")
    assert (found["gone"], found["changed"]) == (1, 2) and found["samples"]["gone"][0]["before"]["reference"] == "R-3"
    (row,) = found["statements"]
    assert (row["before"]["lines"], row["after"]["lines"], row["differs"]) == (3, 2, True)
    services.read_again(file=file, profile_name="narrow", expected=[found["digest"]])
    statement = Statement.objects.get()
    assert (statement.line_count, statement.sum_minor) == (2, 750)


def test_what_was_decided_stays_and_becomes_a_case(file, partner):
    StatementLine.objects.filter(reference="R-1").update(state="matched")
    services.save_profile(name="bank", kind="csv", definition=RIGHT, partner_id=partner.pk)
    (found,) = services.compare_readings(file=file, profile_name="bank")
    assert found["decided"] == 1
    services.read_again(file=file, profile_name="bank", expected=[found["digest"]])
    assert StatementLine.objects.get(reference="R-1", state="matched").value_on.isoformat() == "2026-03-04"
    case = Case.objects.get(kind="line_not_read_again")
    assert case.title.startswith("1 decided line of bank.csv is read") and "matched" in case.detail


def test_what_a_person_set_aside_stays_set_aside_and_becomes_a_case(file, partner):
    StatementLine.objects.filter(reference="R-1").update(state="ignored")
    services.save_profile(name="bank", kind="csv", definition=RIGHT, partner_id=partner.pk)
    (found,) = services.compare_readings(file=file, profile_name="bank")
    assert found["decided"] == 1
    services.read_again(file=file, profile_name="bank", expected=[found["digest"]])
    assert StatementLine.objects.get(reference="R-1", state="ignored").value_on.isoformat() == "2026-03-04"
    assert "ignored" in Case.objects.get(kind="line_not_read_again").detail


def test_a_line_that_another_file_brought_too_stays(file, partner):
    content = b"Datum;Betrag;Text;Ref\n03.04.2026;10,00;rent;R-1\n"
    other, _ = services.receive_file(content=io.BytesIO(content), name="other.csv", partner_id=partner.pk, profile_name="bank")
    other = services.process_file(file=other)
    assert other.facts["new_lines"] == 0
    services.save_profile(name="right", kind="csv", definition=RIGHT, partner_id=partner.pk)
    (found,) = services.compare_readings(file=file, profile_name="right")
    assert (found["elsewhere"], found["added"], found["changed"], found["decided"]) == (1, 1, 2, 0)
    services.read_again(file=file, profile_name="right", expected=[found["digest"]])
    stays = StatementLine.objects.get(reference="R-1", value_on="2026-03-04")
    assert stays.state == "open" and stays.statement.file_name == "other.csv"
    # The other file was wrong too: now nothing brings the line any more.
    (found,) = services.compare_readings(file=other, profile_name="right")
    assert (found["elsewhere"], found["gone"], found["decided"]) == (0, 1, 0)
    services.read_again(file=other, profile_name="right", expected=[found["digest"]])
    assert sorted(days(state="open")) == [("2026-04-03", 1000, "open"), ("2026-05-04", -250, "open"), ("2026-06-05", 700, "open")]


def test_a_reading_that_only_knows_fee_and_batch_better_is_a_change(file, monkeypatch):
    from dataclasses import replace

    old = registry.FORMATS["csv"]

    def newer(source, profile=None):
        for event in old.read(source, profile):
            if hasattr(event, "description"):
                event.extra = {"payout": "po_9", "fee_minor": 30}
            yield event

    StatementLine.objects.filter(reference="R-2").update(state="matched")
    monkeypatch.setitem(registry.FORMATS, "csv", replace(old, read=newer, version="99"))
    (found,) = services.compare_readings(file=file)
    assert (found["added"], found["gone"], found["changed"], found["same"], found["decided"]) == (0, 0, 3, 0, 1)
    change = found["samples"]["changed"][0]
    assert change["fields"] == ["batch", "fee"] and "0.30" in change["after"]["fee"]
    services.read_again(file=file, expected=[found["digest"]])
    assert list(StatementLine.objects.order_by("reference").values_list("reference", "batch_id", "fee_minor", "state")) == [
        ("R-1", "po_9", 30, "open"), ("R-2", "", None, "matched"), ("R-3", "po_9", 30, "open"),
    ]  # fmt: skip
    assert Case.objects.filter(kind="line_not_read_again").exists()


def test_a_reconciled_statement_that_gets_open_lines_is_not_reconciled_any_more(file, partner):
    StatementLine.objects.update(state="booked")
    statement = Statement.objects.get()
    statement.reconcile()
    statement.save()
    (found,) = services.compare_readings(file=file)
    services.read_again(file=file, expected=[found["digest"]])
    assert Statement.objects.get().state == "reconciled"
    services.save_profile(name="bank", kind="csv", definition=RIGHT, partner_id=partner.pk)
    (found,) = services.compare_readings(file=file, profile_name="bank")
    services.read_again(file=file, profile_name="bank", expected=[found["digest"]])
    assert Statement.objects.get().state == "balanced"


def test_only_what_was_seen_is_applied(file, partner):
    services.save_profile(name="bank", kind="csv", definition=RIGHT, partner_id=partner.pk)
    (found,) = services.compare_readings(file=file, profile_name="bank")
    StatementLine.objects.filter(reference="R-2").update(state="matched")
    with pytest.raises(Problem, match="no longer what you saw"):
        services.read_again(file=file, profile_name="bank", expected=[found["digest"]])
    with pytest.raises(Problem, match="difference first"):
        services.read_again(file=file, profile_name="bank", expected=[])
    with pytest.raises(Problem, match="nothing in the file is readable"):
        services.compare_readings(file=file, format="camt", profile_name="")
    assert not StatementLine.objects.filter(state="replaced").exists()


def test_a_newer_reader_shows_its_difference(file, monkeypatch):
    """A reader that from now on reads the narrative differently: the version is shown, the lines are paired by their words."""
    from dataclasses import replace

    old = registry.FORMATS["csv"]

    def newer(source, profile=None):
        for event in old.read(source, profile):
            if hasattr(event, "description"):
                event.description = event.description.upper()
            yield event

    monkeypatch.setitem(registry.FORMATS, "csv", replace(old, read=newer, version="99"))
    (found,) = services.compare_readings(file=file)
    assert found["parser"].startswith("csv 99") and found["changed"] == 3
    assert all(item["fields"] == ["description"] for item in found["samples"]["changed"])
    services.read_again(file=file, expected=[found["digest"]])
    assert Statement.objects.get().parser == "csv 99"
    assert set(StatementLine.objects.filter(state="open").values_list("description", flat=True)) == {"RENT", "COFFEE", "REFUND"}


def test_the_console_shows_the_difference_before_it_applies_it(client, file, partner):
    client.force_login(User.objects.create_superuser(username="root@example.com", email="root@example.com", password="x"))
    services.save_profile(name="bank", kind="csv", definition=RIGHT, partner_id=partner.pk)
    url = reverse("admin:ingestion_sourcefile_read_again", args=[file.pk])
    assert b"Show what would change" in client.get(url).content
    page = client.post(url, {"format": "", "profile": "bank", "look": "1"})
    assert b"0 added, 0 gone, 3 changed" in page.content and b"2026-04-03" in page.content
    assert not StatementLine.objects.filter(state="replaced").exists()
    seen = [change["digest"] for change in page.context["found"]]
    assert b"Look at the difference first" in client.post(url, {"profile": "bank", "apply": "1"}).content
    done = client.post(url, {"format": "", "profile": "bank", "apply": "1", "seen": seen})
    assert done.status_code == 302 and StatementLine.objects.filter(state="replaced").count() == 3
    assert client.get(reverse("admin:ingestion_sourcefile_make_profile", args=[file.pk])).url.endswith(f"?file={file.public_id}")
