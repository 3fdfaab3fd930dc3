"""The reconciliation report: lines and how they were explained, matches, discrepancies, proofs. Tied to the ledger: what the
matches of the span say came and went at the bank is what their transactions posted to the cash accounts."""

from __future__ import annotations

from typing import Any

from console.reports.build import DoesNotTie, Section, Span, amount, builder, rows_of
from operations.templatetags.payos import words
from reconciliation.models import BalanceProof


@builder("reconciliation")
def reconciliation(span: Span, partner: Any, livemode: bool) -> list[Section]:
    params = {"start": span.start, "end": span.end}
    lines = rows_of(__file__, "report_reconciliation_lines.sql", **params)
    matches = rows_of(__file__, "report_reconciliation_matches.sql", **params)
    found = rows_of(__file__, "report_reconciliation_discrepancies.sql", **params)
    off = [(account, said, posted) for account, _, _, _, said, posted in matches if said != posted]
    if off:
        raise DoesNotTie(f"matches and the cash they posted differ in {span.label}: {off}")
    proofs = (
        BalanceProof.objects.select_related("account")
        .filter(on__gte=span.start.date(), on__lt=span.end.date())
        .order_by("account__name", "on")[:2000]
    )
    return [
        Section(
            "Statement lines by outcome",
            ["Account", "Currency", "State", "Lines", "In", "Out"],
            [
                [account, currency, words(state), str(count), amount(came, currency), amount(went, currency)]
                for account, currency, state, count, came, went in lines
            ],
            [3, 4, 5],
        ),
        Section(
            "Matches made",
            ["Account", "Currency", "Level", "Matches", "Net amount", "Posted to cash"],
            [
                [account, currency, str(level), str(count), amount(said, currency), amount(posted, currency)]
                for account, currency, level, count, said, posted in matches
            ],
            [3, 4, 5],
        ),
        Section(
            "Discrepancies",
            ["Type", "Currency", "Opened", "Resolved", "Open at the end", "Amount open"],
            [
                [words(kind), currency, str(new), str(done), str(left), amount(total, currency)]
                for kind, currency, new, done, left, total in found
            ],
            [2, 3, 4, 5],
        ),
        Section(
            "Balance proofs",
            ["Account", "Day", "Bank", "Ledger", "In transit", "Not booked", "Difference"],
            [
                [
                    str(row.account),
                    f"{row.on}",
                    *(
                        amount(value, row.account.currency)
                        for value in (row.closing_minor, row.ledger_minor, row.in_transit_minor, row.not_booked_minor, row.difference_minor)
                    ),
                ]
                for row in proofs
            ],
            [2, 3, 4, 5, 6],
        ),
    ]
