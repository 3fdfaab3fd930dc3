"""How the ledger's rows are shown to partners: objects of the API and rows of CSV files."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from ledger.models import Account, Entry, Layer, Transaction
from ledger.selectors import BalanceView, StatementLine, TrialLine
from payos.kernel import ids
from payos.kernel.money import to_decimal_str
from payos.kernel.spreadsheets import harmless


def entry_id(transaction_id: uuid.UUID, line: int) -> str:
    """An entry is named by its transaction and its line."""
    return f"{ids.encode('ent', transaction_id)}_{line}"


def decode_entry_id(text: str) -> tuple[uuid.UUID, int]:
    body, _, line = text.rpartition("_")
    if not line.isascii() or not line.isdigit() or not 1 <= int(line[:6]) <= 32_767:
        raise ids.InvalidId(f"{text[:60]!r} is no id of an entry, which looks like ent_01h455vb4pex5vsknk084sn02q_1")
    return ids.decode("ent", body), int(line)


def show_account(account: Account) -> dict[str, Any]:
    return {
        "object": "account",
        "id": account.public_id,
        "code": account.code,
        "name": account.name,
        "kind": account.kind,
        "currency": account.currency,
        "branch": ids.encode("brn", account.branch_id) if account.branch_id else None,
        "parent": ids.encode("acc", account.parent_id) if account.parent_id else None,
        "no_overdraft": account.no_overdraft,
        "livemode": account.livemode,
        "created": account.created_at,
        "closed_at": account.closed_at,
    }


def show_balance(account: Account, view: BalanceView, at: Any, axis: str) -> dict[str, Any]:
    return {
        "object": "balance",
        "account": account.public_id,
        "currency": account.currency,
        "at": at,
        "axis": axis,
        "posted": view.posted,
        "pending": view.pending,
        "available": view.available,
        "incoming": to_decimal_str(view.incoming_minor, account.currency),
    }


def show_entry(entry: Entry) -> dict[str, Any]:
    return {
        "object": "entry",
        "id": entry_id(entry.transaction_id, entry.line),
        "transaction": ids.encode("txn", entry.transaction_id),
        "account": ids.encode("acc", entry.account_id),
        "direction": "debit" if entry.amount_minor > 0 else "credit",
        "amount": to_decimal_str(abs(entry.amount_minor), entry.currency),
        "currency": entry.currency,
        "layer": Layer(entry.layer).label,
        "effective_at": entry.effective_at,
        "recorded_at": entry.recorded_at,
        "livemode": entry.livemode,
    }


def show_transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "object": "ledger_transaction",
        "id": transaction.public_id,
        "kind": transaction.kind,
        "external_id": transaction.external_id,
        "description": transaction.description,
        "metadata": transaction.metadata,
        "subject": {"type": transaction.subject_type, "id": transaction.subject_id} if transaction.subject_id else None,
        "effective_at": transaction.effective_at,
        "recorded_at": transaction.recorded_at,
        "reverses": ids.encode("txn", transaction.reverses_id) if transaction.reverses_id else None,
        "hold": ids.encode("txn", transaction.hold_id) if transaction.hold_id else None,
        "hold_expires_at": transaction.hold_expires_at,
        "livemode": transaction.livemode,
    }


def show_seal(transaction: Transaction) -> dict[str, Any] | None:
    seal = getattr(transaction, "seal", None)
    if seal is None:
        return None
    return {"position": seal.position, "hash": bytes(seal.hash).hex(), "sealed_at": seal.sealed_at}


def show_statement_line(account: Account, line: StatementLine) -> dict[str, Any]:
    return {
        "object": "statement_entry",
        "id": entry_id(line.transaction_id, line.line),
        "transaction": ids.encode("txn", line.transaction_id),
        "effective_at": line.effective_at,
        "recorded_at": line.recorded_at,
        "kind": line.kind,
        "description": line.description,
        "direction": "debit" if line.amount_minor > 0 else "credit",
        "amount": to_decimal_str(abs(line.amount_minor), account.currency),
        "balance": to_decimal_str(line.balance_minor, account.currency),
    }


def show_trial_line(line: TrialLine) -> dict[str, Any]:
    account = line.account
    return {
        "account": account.public_id,
        "code": account.code,
        "name": account.name,
        "kind": account.kind,
        "currency": account.currency,
        "branch": ids.encode("brn", account.branch_id) if account.branch_id else None,
        "debit": to_decimal_str(line.debit_minor, account.currency),
        "credit": to_decimal_str(line.credit_minor, account.currency),
    }


class _Echo:
    def write(self, text: str) -> str:
        return text


def csv_lines(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """A CSV file line by line, so that a large one streams."""
    writer = csv.writer(_Echo())
    yield writer.writerow(list(head))
    for row in rows:
        yield writer.writerow([harmless(value) for value in row])


STATEMENT_HEAD = ("transaction", "line", "effective_at", "recorded_at", "kind", "description", "debit", "credit", "balance", "currency")
TRIAL_HEAD = ("code", "name", "kind", "branch", "currency", "debit", "credit")
LEDGER_HEAD = ("account", *STATEMENT_HEAD)


def statement_row(account: Account, line: StatementLine) -> list[Any]:
    amount = to_decimal_str(abs(line.amount_minor), account.currency)
    return [
        ids.encode("txn", line.transaction_id),
        line.line,
        line.effective_at.isoformat(),
        line.recorded_at.isoformat(),
        line.kind,
        line.description,
        amount if line.amount_minor > 0 else "",
        amount if line.amount_minor < 0 else "",
        to_decimal_str(line.balance_minor, account.currency),
        account.currency,
    ]


def trial_row(line: TrialLine) -> list[Any]:
    account = line.account
    return [
        account.code,
        account.name,
        account.kind,
        account.branch.code if account.branch else "",
        account.currency,
        to_decimal_str(line.debit_minor, account.currency),
        to_decimal_str(line.credit_minor, account.currency),
    ]
