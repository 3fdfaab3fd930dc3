"""How a subject (a model's label and a key, as cases and postings keep it) is a key of the trace."""

from __future__ import annotations

from console.registry import Key

# model label -> type in the trace
TYPES = {
    "settlement.transfer": "transfer",
    "settlement.transferbatch": "transfer_batch",
    "settlement.settlementbatch": "settlement_batch",
    "ingestion.payment": "payment",
    "ingestion.sourcefile": "file",
    "settlement.achfile": "bank_file",
    "ledger.transaction": "ledger_transaction",
    "reconciliation.statement": "statement",
    "reconciliation.statementline": "statement_line",
    "reconciliation.match": "match",
    "reconciliation.discrepancy": "discrepancy",
    "webhooks.delivery": "delivery",
    "kernel.outboxevent": "event",
    "operations.case": "case",
    "operations.approval": "approval",
}
LABELS = {kind: label for label, kind in TYPES.items()}
PREFIXES = {
    "trf": "transfer",
    "bat": "transfer_batch",
    "stl": "settlement_batch",
    "pay": "payment",
    "bfl": "bank_file",
    "txn": "ledger_transaction",
    "stm": "statement",
    "lin": "statement_line",
    "mat": "match",
    "dis": "discrepancy",
    "dlv": "delivery",
    "evt": "event",
    "cas": "case",
    "apr": "approval",
}


def key_of(subject_type: str, subject_id: str) -> Key | None:
    """None for what the trace does not know. Short names (transfer) are taken as well as labels (settlement.transfer)."""
    text = subject_type.lower()
    kind = TYPES.get(text) or (text if text in LABELS else TYPES.get(f"settlement.{text}") or TYPES.get(f"ingestion.{text}"))
    return (kind, subject_id) if kind and subject_id else None


def public_key(public_id: str) -> Key | None:
    """The key behind a public id, such as an event's aggregate."""
    from console.trace import decoded

    found = decoded(public_id)
    if found is None or found[0] not in PREFIXES:
        return None
    return PREFIXES[found[0]], str(found[1])


def aggregate_key(text: str) -> Key | None:
    """The key behind an event's aggregate: `transfer:<id>` or a public id."""
    kind, colon, rest = text.partition(":")
    if not colon:
        return public_key(text)
    return public_key(rest) or key_of(kind, rest)
