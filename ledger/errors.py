"""What the database refuses, said as a problem that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError

from payos.kernel.errors import Problem, register

register("insufficient_funds", 422, "Not enough is available", "Wait for funds or send less; `detail` names the account.")
register("unbalanced", 422, "The entries do not balance", "Make the entries of each currency sum to zero.")
register("account_refused", 422, "An account cannot take this entry", "Use an open account of the same partner, mode and currency.")
register("period_closed", 422, "The period is closed", "Post with an effective time in an open period.")
register("hold_exceeded", 422, "More than was held", "Post or void at most what is left of the hold.")
register("external_id_conflict", 409, "The external id stands for another transaction", "Use a new external id for new content.")
register(
    "already_reversed", 409, "The transaction was reversed before", "Read its reversal; post a new transaction if more is to be corrected."
)
register("append_only", 409, "The ledger is never changed", "Post a reversing transaction.")

BY_SQLSTATE = {
    "LP001": "unbalanced",
    "LP002": "account_refused",
    "LP003": "period_closed",
    "LP004": "hold_exceeded",
    "LP005": "external_id_conflict",
    "LP006": "append_only",
}
TOO_LARGE = "22003"
BY_CONSTRAINT = {
    "ledger_balance_not_overdrawn": "insufficient_funds",
    "ledger_hold_never_more_than_held": "hold_exceeded",
    "ledger_transaction_reversed_once": "already_reversed",
    "ledger_entry_not_zero": "unbalanced",
}
TEXTS = {
    "insufficient_funds": "an account would fall below zero: what is available does not cover this",
    "hold_exceeded": "the hold has less left than that",
    "already_reversed": "that transaction was reversed before; a transaction is reversed once",
    "unbalanced": "an entry of zero moves nothing: leave it out",
}


@contextmanager
def as_problems() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, DatabaseError) as error:
        problem = problem_of(error)
        if problem is None:
            raise
        raise problem from error


def problem_of(error: BaseException) -> Problem | None:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(cause, psycopg.Error):
        return None
    code = BY_SQLSTATE.get(cause.sqlstate or "")
    if code:
        return Problem(code, (cause.diag.message_primary or "").strip())
    if cause.sqlstate == TOO_LARGE:
        return Problem(
            "unprocessable", "an account would hold more than a ledger can count (9,223,372,036,854,775,807 minor units): move less at once"
        )
    code = BY_CONSTRAINT.get(cause.diag.constraint_name or "")
    if code:
        return Problem(code, TEXTS[code])
    return None
