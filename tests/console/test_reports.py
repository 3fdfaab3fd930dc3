"""Reports: their figures tie to the ledger, and every format says the same."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.test import Client
from django.urls import reverse

from console.models import Report, ReportSubscription
from console.reports import services
from ledger import selectors
from ledger.models import Account
from ledger.services import Leg, account_for, post
from operations.models import Case
from operations.services import claim, open_case, resolve
from partners import roles
from partners.models import User
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from payos.kernel.money import to_decimal_str
from payos.kernel.spreadsheets import harmless

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 10)


def at(hour: int, day: int = 10) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


@pytest.fixture
def scope() -> Any:
    with tenancy.platform_scope(actor="test"):
        yield


def book(partner: Any, when: datetime, minor: int, kind: str = "payment", currency: str = "USD") -> None:
    debit = account_for(partner_id=partner.pk, code="receivable:card", currency=currency)
    credit = account_for(partner_id=partner.pk, code="partner:available", currency=currency)
    legs = [Leg(_id(debit), minor), Leg(_id(credit), -minor)]
    post(partner_id=partner.pk, kind=kind, legs=legs, effective_at=when)


def _id(account: Any) -> Any:
    return getattr(account, "pk", account)


@pytest.fixture
def booked(partner: Any, scope: Any) -> Any:
    book(partner, at(23, 9), 1_000_00)
    book(partner, at(0), 250_00)
    book(partner, at(12), 17, kind="fee")
    book(partner, at(23), 3_00)
    book(partner, at(0, 11), 999_00)
    return partner


def sections(report: Report) -> dict[str, Any]:
    return {section["title"]: section for section in report.data["sections"]}


def test_a_statement_ties_to_the_ledger(booked: Any) -> None:
    report = services.make_report(kind="statement", span="daily", day=DAY, partner_id=booked.pk)
    rows = {row[0]: row for row in sections(report)["Balances"]["rows"]}
    assert rows["partner:available"] == ["partner:available", "USD", "1000.00", "0.00", "253.17", "1253.17"]
    for row in rows.values():
        account = Account.objects.get(partner=booked, livemode=False, code=row[0], currency=row[1])
        for place, instant in ((2, at(0)), (5, at(0, 11))):
            balance = selectors.balance_at(account, instant - timedelta(microseconds=1))
            assert row[place] == to_decimal_str(balance.posted_minor, "USD")
    kinds = {tuple(row[:2]): row[3:] for row in sections(report)["Movements by kind"]["rows"]}
    assert kinds[("receivable:card", "Fee")] == ["1", "0.17", "0.00"]


def test_a_statement_follows_the_partners_midnight(partner: Any, scope: Any) -> None:
    partner.timezone = "America/Mexico_City"
    partner.save()
    book(partner, at(5), 100)  # still 9 March there
    book(partner, at(7), 40)
    report = services.make_report(kind="statement", span="daily", day=DAY, partner_id=partner.pk)
    rows = {row[0]: row for row in sections(report)["Balances"]["rows"]}
    assert rows["partner:available"][2:] == ["1.00", "0.00", "0.40", "1.40"]


def test_figures_that_do_not_tie_are_not_reported(booked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from console.reports import statement

    honest = statement.rows_of
    monkeypatch.setattr(statement, "rows_of", lambda *args, **kwargs: honest(*args, **kwargs)[1:])
    with pytest.raises(Problem, match="does_not_tie"):
        services.make_report(kind="statement", span="daily", day=DAY, partner_id=booked.pk)
    assert not Report.objects.exists()
    assert Case.objects.get().kind == "report_does_not_tie"


def test_made_once_and_a_new_version_beside_the_old(booked: Any) -> None:
    first = services.make_report(kind="statement", span="monthly", day=DAY, partner_id=booked.pk)
    assert services.make_report(kind="statement", span="monthly", day=date(2026, 3, 30), partner_id=booked.pk).pk == first.pk
    second = services.make_report(kind="statement", span="monthly", day=DAY, partner_id=booked.pk, again=True)
    assert (first.version, second.version, first.day) == (1, 2, date(2026, 3, 1))


def test_only_closed_spans(booked: Any) -> None:
    with pytest.raises(Problem, match="not_over"):
        services.make_report(kind="exceptions", span="daily", day=clock.today())
    for bad in (
        {"kind": "gossip"},
        {"kind": "exceptions", "span": "hourly"},
        {"kind": "statement"},
        {"kind": "exceptions", "partner_id": booked.pk},
    ):
        with pytest.raises(Problem, match="unprocessable"):
            services.make_report(**({"span": "daily", "day": DAY} | bad))


def test_every_format_says_the_same(booked: Any) -> None:
    report = services.make_report(kind="statement", span="daily", day=DAY, partner_id=booked.pk)
    files = {file.format: bytes(file.content) for file in report.files.all()}
    assert all(hashlib.sha256(content).hexdigest() == report.files.get(format=name).sha256 for name, content in files.items())
    rows = [row for section in report.data["sections"] for row in section["rows"]]
    assert all(row in list(csv.reader(io.StringIO(files["csv"].decode()))) for row in rows)
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(files["xlsx"]))
    first = list(book["Balances"].iter_rows(min_row=2, values_only=True))
    assert [f"{float(row[5]):.2f}" for row in first] == [row[5] for row in sections(report)["Balances"]["rows"]]
    if "pdf" not in files:
        pytest.skip("no Pango here: the PDF was left out")
    assert files["pdf"].startswith(b"%PDF-") and len(files["pdf"]) > 5000


def test_a_cell_never_becomes_a_formula() -> None:
    for text in ("=1+1", "+SUM(A1)", "@cmd", "-2+3", "\tx"):
        assert harmless(text) == "'" + text
    for text in ("-12.50", "12", "", "abc"):
        assert harmless(text) == text


def test_exceptions_by_kind_and_person(partner: Any, scope: Any) -> None:
    ann = User.objects.create_user("ann")
    with clock.frozen(at(8)):
        cases = [
            open_case(kind="break", cause_key=f"e{n}", title="t", partner_id=partner.pk, amount_minor=100, currency="USD") for n in range(3)
        ]
    with clock.frozen(at(11)):
        resolve(case=claim(case=cases[0], user=ann), user=ann, resolution="fixed")
    with clock.frozen(at(9, 11)):
        resolve(case=cases[1], user=ann, resolution="fixed")
    report = services.make_report(kind="exceptions", span="daily", day=DAY)
    found = sections(report)
    assert found["Summary"]["rows"] == [["3", "1", "2"]]
    assert found["By kind"]["rows"] == [["Break", "3", "1", "2", "3.0", "0"]]
    assert found["By person"]["rows"] == [["ann", "1", "3.0", "3.0"]]
    assert found["Open at the end, by severity and currency"]["rows"] == [["Medium", "USD", "2", "2.00"]]


def test_due_reports_are_made_once_and_mailed(booked: Any) -> None:
    ReportSubscription.objects.create(
        kind="statement", span="daily", partner=booked, emails="a@example.com, b@example.com", formats="csv,xlsx"
    )
    with clock.frozen(at(1, 11)):
        made = services.make_due_reports()
        assert made >= 3 and services.make_due_reports() == 0
    letter = next(one for one in mail.outbox if "statement" in one.subject.lower())
    assert letter.to == ["a@example.com", "b@example.com"]
    assert [name.rsplit(".", 1)[1] for name, *_ in letter.attachments] == ["csv", "xlsx"]


def test_pages_by_role(booked: Any) -> None:
    def login(role: str) -> Client:
        user = User.objects.create_user(role, password="x" * 16, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    operator, auditor = login(roles.OPERATOR), login(roles.AUDITOR)
    form = {"kind": "statement", "span": "daily", "day": "2026-03-10", "partner": str(booked.pk)}
    assert auditor.post(reverse("admin:console_report_make"), form).status_code == 403
    operator.post(reverse("admin:console_report_make"), form)
    report = Report.objects.get()
    assert "1253.17" in auditor.get(reverse("admin:console_report_change", args=[report.pk])).content.decode()
    answer = auditor.get(reverse("admin:console_report_file", args=[report.pk, "csv"]))
    assert answer["Content-Disposition"] == 'attachment; filename="payos-statement-2026-03-10-v1.csv"'
    assert auditor.get(reverse("admin:console_report_file", args=[report.pk, "exe"])).status_code == 404
    assert b"Partner statement of Acme" in auditor.get(reverse("admin:console_report_changelist")).content


def test_the_paper_groups_its_figures_and_names_itself_on_every_page() -> None:
    from django.template.loader import render_to_string

    section = {"title": "Balances", "head": ["Account", "Amount", "Bank"], "rows": [["7-11 <b>", "-1234567.80", ""]], "numbers": [1, 2]}
    page = render_to_string(
        "console/reports/report.html", {"report": {"title": "Statement, 2026-11-21", "made_at": "now", "version": 1, "sections": [section]}}
    )
    assert "-1,234,567.80" in page and ">–<" in page and "7-11 &lt;b&gt;" in page
    assert "u002D" not in page and "string-set: title content()" in page and "content: string(title)" in page
    assert 'counter(page) " of " counter(pages)' in page
