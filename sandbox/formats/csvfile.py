"""CSV as bank portals export it: one row a line, with the running balance."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from sandbox.books import decimal

if TYPE_CHECKING:
    from sandbox.statements import Statement

COLUMNS = ("Account", "Currency", "Date", "Type", "Description", "Counterparty", "Reference", "Bank Reference", "Amount", "Balance")


def render(statements: list[Statement]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for s in statements:
        balance = s.opening_minor
        for line in s.lines:
            balance += line.amount_minor
            writer.writerow([
                s.number, s.currency, line.day.isoformat(), line.kind, line.narrative, line.counterparty, line.reference,
                line.bank_reference, decimal(line.amount_minor, s.currency), decimal(balance, s.currency),
            ])  # fmt: skip
    return out.getvalue().encode("utf-8", "replace")
