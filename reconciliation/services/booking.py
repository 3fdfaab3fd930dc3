"""Booking a line that is nobody's: alone only up to the limit of the person's role, else a second person is asked."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.db import transaction

from operations.models import Approval, Case
from operations.services import needs_approval, request_approval
from payos.kernel.errors import Problem
from payos.kernel.money import display
from reconciliation.models import BankAccount, StatementLine
from reconciliation.services.deciding import adjust_line

ADJUST = "reconciliation.adjust"
# What a line that is nobody's may be booked against, in words.
BOOK_TO = {
    "suspense": "Suspense: nobody claims it yet",
    "rail:costs": "Costs of rails and banks",
    "fees:income": "Fees earned",
    "writeoffs": "Write-offs",
    "chargebacks": "Chargebacks",
    "equity": "Opening balances",
}


def check_code(code: str) -> str:
    if code not in BOOK_TO:
        raise Problem("unprocessable", f"Choose what to book it to: {', '.join(BOOK_TO)}.")
    return code


def owner_of(account: BankAccount, partner: str) -> uuid.UUID:
    if account.partner_id:
        return account.partner_id
    try:
        return uuid.UUID(partner)
    except ValueError:
        raise Problem("unprocessable", "This account carries many partners' money: choose whose books it goes to.") from None


@transaction.atomic
def book_line(
    *, line: StatementLine, code: str, partner: str = "", reason: str, user: Any, case: Case | None = None
) -> tuple[str, Approval | None]:
    """The public id of what was posted; or, over the person's limit, nothing is posted and an approval is asked for."""
    if not reason.strip():
        raise Problem("unprocessable", "Booking a line needs a reason.")
    account = line.account
    params = {"line": str(line.pk), "code": check_code(code), "partner": str(owner_of(account, partner)), "reason": reason}
    if not needs_approval(action=ADJUST, user=user, amount_minor=line.amount_minor, currency=line.currency):
        return _book(params), None
    asked = request_approval(
        action=ADJUST, subject=line, params=params, reason=reason, requested_by=user, partner_id=account.partner_id,
        amount_minor=line.amount_minor, currency=line.currency, case=case,
    )  # fmt: skip
    return "", asked


def _book(params: dict[str, Any]) -> str:
    line = StatementLine.objects.select_related("account").get(pk=params["line"])
    return adjust_line(line=line, code=params["code"], partner_id=uuid.UUID(params["partner"]), reason=params["reason"]).public_id


def execute(params: dict[str, Any], approval: Approval) -> dict[str, Any]:
    return {"transaction": _book(params)}


def fingerprint(params: dict[str, Any]) -> str:
    line = StatementLine.objects.get(pk=params["line"])
    return json.dumps([line.state, line.amount_minor, params["code"], params["partner"]])


def entries_of(params: dict[str, Any]) -> dict[str, Any]:
    """Exactly what booking a line would post."""
    line = StatementLine.objects.select_related("account").get(pk=params["line"])
    cash, other = ("debit", "credit") if line.amount_minor > 0 else ("credit", "debit")
    size = abs(line.amount_minor)
    return {
        "summary": f"Book {display(line.amount_minor, line.currency)} of {line} to {BOOK_TO[params['code']]}",
        "entries": [
            {"account": line.account.cash_code, "direction": cash, "amount_minor": size, "currency": line.currency},
            {"account": params["code"], "direction": other, "amount_minor": size, "currency": line.currency},
        ],
    }
