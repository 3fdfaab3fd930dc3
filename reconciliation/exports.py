"""The reconciliation report of an account and span: CSV, XLSX, and a PDF that one would hand to an auditor."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

from django.template.loader import render_to_string

from payos.kernel import clock
from payos.kernel.errors import Problem
from payos.kernel.money import display
from payos.kernel.spreadsheets import harmless
from reconciliation import selectors, services
from reconciliation.models import BankAccount, Discrepancy

PDF_LINES = 2_000


def as_csv(account: BankAccount, start: date, end: date) -> bytes:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(selectors.REPORT_HEADER)
    for row in selectors.report_rows(account, start, end):
        writer.writerow([harmless(cell) for cell in row])
    return target.getvalue().encode()


def as_xlsx(account: BankAccount, start: date, end: date) -> bytes:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Reconciliation")
    sheet.append(selectors.REPORT_HEADER)
    for row in selectors.report_rows(account, start, end):
        sheet.append([harmless(cell) for cell in row])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def as_pdf(account: BankAccount, start: date, end: date) -> bytes:
    try:
        from weasyprint import HTML
    except OSError as error:
        raise Problem("unavailable", f"PDFs need Debian's pango: install libpango-1.0-0 and libpangoft2-1.0-0 ({error}).") from error
    return bytes(HTML(string=render_to_string("reconciliation/report.html", _context(account, start, end))).write_pdf())


def _context(account: BankAccount, start: date, end: date) -> dict[str, Any]:
    rows = []
    for row in selectors.report_rows(account, start, end):
        rows.append(row)
        if len(rows) >= PDF_LINES:
            break
    proof = services.prove(account=account, on=end)
    states = {state: sum(row[5] == state for row in rows) for state in ("matched", "booked", "ignored", "open")}
    return {
        "account": account,
        "start": start,
        "end": end,
        "rows": rows,
        "cut": len(rows) >= PDF_LINES,
        "limit": PDF_LINES,
        "states": states,
        "proof": proof,
        "terms": [
            ("Opening balance of the account", display(proof.terms["opening_minor"], account.currency)),
            ("Cash according to the ledger", display(proof.ledger_minor, account.currency)),
            ("On the statement, not booked", display(proof.not_booked_minor, account.currency)),
        ],
        "closing": display(proof.closing_minor, account.currency) if proof.closing_minor is not None else "no statement",
        "difference": display(proof.difference_minor, account.currency) if proof.difference_minor is not None else "unknown",
        "in_transit": display(proof.in_transit_minor, account.currency),
        "discrepancies": Discrepancy.objects.filter(account=account, state="open").order_by("type", "id")[:200],
        "made_at": clock.now(),
    }


FORMATS = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "xlsx": (as_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pdf": (as_pdf, "application/pdf"),
}
