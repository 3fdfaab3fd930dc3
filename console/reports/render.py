"""The same figures as PDF, CSV and XLSX."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import Any

from django.template.loader import render_to_string

from payos.kernel.spreadsheets import NUMBER, harmless

FORMATS = {"pdf": "application/pdf", "csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class NotHere(RuntimeError):
    """This machine cannot make the format."""


def render(format: str, report: dict[str, Any]) -> bytes:
    return {"csv": as_csv, "xlsx": as_xlsx, "pdf": as_pdf}[format](report)


def as_csv(report: dict[str, Any]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([harmless(report["title"])])
    writer.writerow(["Made", report["made_at"]])
    for section in report["sections"]:
        writer.writerow([])
        writer.writerow([harmless(section["title"])])
        writer.writerow([harmless(cell) for cell in section["head"]])
        writer.writerows([[harmless(cell) for cell in row] for row in section["rows"]])
    return out.getvalue().encode()


def as_xlsx(report: dict[str, Any]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    book.remove(book.active)
    book.properties.title = report["title"]
    taken: set[str] = set()
    for section in report["sections"] or [{"title": "Empty", "head": [], "rows": [], "numbers": []}]:
        name = re.sub(r"[\[\]:*?/\\]", " ", section["title"])[:28]
        while name in taken:
            name += "'"
        taken.add(name)
        sheet = book.create_sheet(name)
        sheet.append([harmless(cell) for cell in section["head"]])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for row in section["rows"]:
            sheet.append([_value(text, place in section["numbers"]) for place, text in enumerate(row)])
        for place, title in enumerate(section["head"]):
            longest = max([len(title), *(len(row[place]) for row in section["rows"][:500])])
            letter = get_column_letter(place + 1)
            sheet.column_dimensions[letter].width = min(longest + 2, 60)
            if place in section["numbers"]:
                for cell in sheet[letter]:
                    cell.alignment = Alignment(horizontal="right")
        sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _value(text: str, number: bool) -> Any:
    # Sixteen digits and more would lose their last ones in a spreadsheet: they stay text.
    if number and NUMBER.match(text) and len(text.replace("-", "").replace(".", "")) <= 15:
        return Decimal(text)
    return harmless(text)


def as_pdf(report: dict[str, Any]) -> bytes:
    try:
        from weasyprint import HTML
    except OSError as error:
        raise NotHere("PDF needs the Pango library on this machine (Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0)") from error
    return bytes(HTML(string=render_to_string("console/reports/report.html", {"report": report})).write_pdf())
