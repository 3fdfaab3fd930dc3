"""The ledger at a glance: balances by kind, and whether the books are sealed up to now."""

from __future__ import annotations

from typing import Any

from django.db import connection

from console.registry import Body, Cell, Figure, Table, panel
from payos.kernel import sqlfile
from payos.kernel.money import display


@panel(
    "books", "The books agree", page="home", permission="ledger.view_account", order=70, size="half", link="admin:ledger_account_changelist"
)
def books(request: Any) -> Body:
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "books.sql"))
        rows = cursor.fetchall()
    if not rows:
        return Body(empty="Nothing has been posted yet.")
    off = [(currency, live) for currency, live, difference, *_ in rows if difference]
    figures = [
        Figure("Debits and credits", "differ" if off else "agree", f"{len(rows)} books by currency and mode", tone="bad" if off else "good")
    ]
    table = Table(
        "Balances by currency",
        ["Book", "Assets", "Owed to partners", "Held", "Difference"],
        [
            [
                f"{currency} {'live' if live else 'test'}",
                display(int(assets), currency),
                display(int(owed), currency),
                display(int(held), currency),
                Cell(display(int(difference), currency), tone="bad" if difference else "good"),
            ]
            for currency, live, difference, assets, owed, held in rows
        ],
        numbers=(1, 2, 3),
    )
    return Body(figures=figures, table=table)
