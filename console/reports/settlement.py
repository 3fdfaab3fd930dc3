"""The settlement report: what was asked for in the span and what became of it, and what the rails moved, tied to the ledger's
cash side: what settled transfers say they moved is what their ledger transactions posted."""

from __future__ import annotations

from typing import Any

from console.reports.build import DoesNotTie, Section, Span, amount, builder, rows_of
from operations.templatetags.payos import words


@builder("settlement")
def settlement(span: Span, partner: Any, livemode: bool) -> list[Section]:
    params = {"start": span.start, "end": span.end}
    asked = rows_of(__file__, "report_settlement_asked.sql", **params)
    settled = rows_of(__file__, "report_settlement_settled.sql", **params)
    batches = rows_of(__file__, "report_settlement_batches.sql", **params)
    off = [(rail, currency, done, posted) for rail, _, currency, _, done, posted, _ in settled if done != posted]
    if off:
        raise DoesNotTie(f"settled transfers and their postings differ in {span.label}: {off}")
    return [
        Section(
            "Transfers settled",
            ["Rail", "Mode", "Currency", "Transfers", "Settled", "Moved by the rail", "Difference"],
            [
                [rail, _mode(live), currency, str(count), amount(done, currency), amount(moved, currency), amount(moved - done, currency)]
                for rail, live, currency, count, done, _, moved in settled
            ],
            [3, 4, 5, 6],
        ),
        Section(
            "Transfers asked for, by outcome",
            ["Rail", "Mode", "Currency", "State", "Transfers", "Amount"],
            [
                [rail, _mode(live), currency, words(state), str(count), amount(total, currency)]
                for rail, live, currency, state, count, total in asked
            ],
            [4, 5],
        ),
        Section(
            "Batches closed",
            ["Rail", "Mode", "Currency", "Batches", "Transfers", "Asked", "Moved", "Difference"],
            [
                [
                    rail,
                    _mode(live),
                    currency,
                    str(count),
                    str(transfers),
                    amount(wanted, currency),
                    amount(moved, currency),
                    amount(moved - wanted, currency),
                ]
                for rail, live, currency, count, transfers, wanted, moved in batches
            ],
            [3, 4, 5, 6, 7],
        ),
    ]


def _mode(live: bool) -> str:
    return "live" if live else "test"
