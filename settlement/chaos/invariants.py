"""What must hold when the world is quiet again. Each broken one is a sentence with the thing it is about."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from ledger import sealing, verify
from ledger.models import Hold
from payos.kernel import ids, tenancy
from settlement.chaos.processes import Bank
from settlement.models import SettlementBatch, SettlementWindow, Submission, Transfer, TransferBatch

MOST = 20
FINAL = {"settled", "returned", "failed"}


@dataclass
class Findings:
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def check(self, ok: bool, text: str) -> None:
        if not ok and len(self.violations) < MOST:
            self.violations.append(text)


def quiet(bank: Bank, partner_id: uuid.UUID) -> str:
    """Why the world is not quiet yet; empty when everything that can happen has happened."""
    with tenancy.platform_scope():
        waiting = Transfer.objects.filter(partner_id=partner_id).exclude(state__in=[*FINAL, "cancelled"])
        if open_now := waiting.count():
            return f"{open_now} transfers are open"
        ours = dict(Submission.objects.filter(partner_id=partner_id).values_list("reference", "outcome"))
    theirs = {row["reference"]: row["status"] for row in bank.pages("/transfers")}
    behind = [reference for reference, status in theirs.items() if ours.get(reference) != status]
    return f"{len(behind)} transfers stand differently at the bank" if behind else ""


def check(*, bank: Bank, partner_id: uuid.UUID, sent: int, funded_minor: int, seed: int) -> Findings:
    found = Findings()
    with tenancy.platform_scope(actor="command:chaos"):
        transfers = list(Transfer.objects.filter(partner_id=partner_id).defer("destination"))
        _accepted(found, transfers, sent, seed)
        _executed(found, bank, transfers)
        _ledger(found, partner_id, transfers, funded_minor)
        _counts(found, partner_id, transfers)
    books(found, partner_id)
    return found


def books(found: Findings, partner_id: uuid.UUID) -> None:
    """The ledger verifies, every transaction of it is sealed, and nothing is held any more: after every scenario alike."""
    with tenancy.platform_scope(actor="command:chaos"):
        sealing.seal_all()
    verdict = verify.verify(partner_id)
    found.check(verdict.ok, f"the ledger does not verify: {verdict.problems[:2]}")
    with tenancy.platform_scope(actor="command:chaos"):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM ledger_transaction t WHERE t.partner_id = %s"
                " AND NOT EXISTS (SELECT 1 FROM ledger_seal s WHERE s.transaction_id = t.id)",
                [partner_id],
            )
            unsealed = cursor.fetchone()[0]
        held = Hold.objects.filter(partner_id=partner_id, remaining_minor__gt=0).count()
    found.check(unsealed == 0, f"{unsealed} transactions are not sealed")
    found.check(held == 0, f"{held} holds are still open")
    found.figures |= {"ledger_ok": verdict.ok, "ledger_transactions": verdict.transactions, "open_holds": held}


def _accepted(found: Findings, transfers: list[Transfer], sent: int, seed: int) -> None:
    found.check(len(transfers) == sent, f"{sent} transfers were sent and {len(transfers)} accepted")
    for reference, times in Counter(t.reference for t in transfers).items():
        found.check(times == 1, f"{reference} was accepted {times} times")
    states = Counter(t.state for t in transfers)
    found.figures |= {"accepted": len(transfers), "states": dict(sorted(states.items()))}
    for transfer in transfers:
        found.check(transfer.state in FINAL, f"{transfer.public_id} is stuck as {transfer.state}")


def _executed(found: Findings, bank: Bank, transfers: list[Transfer]) -> None:
    page = bank.call("GET", "/executions?limit=20000")
    moves = [row for row in page["data"] if row["kind"] in {"transfer", "ach"}]
    for reference, times in page["executed_more_than_once"].items():
        found.check(False, f"the bank executed {reference} {times} times")
    by_transfer: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    for row in moves:
        public = row["reference"].partition("-")[0]
        by_transfer[public] += 1
        amounts[public] += abs(row["amount_minor"])
    known = {ids.encode("trf", t.pk): t for t in transfers}
    theirs = {row["reference"].partition("-")[0]: row for row in bank.pages("/transfers")}
    for public, times in by_transfer.items():
        found.check(times == 1, f"the bank executed {public} {times} times, under one reference or several")
        transfer = known.get(public)
        if transfer is None:
            found.check(False, f"the bank executed {public}, which nobody asked for")
            continue
        found.check(transfer.state in {"settled", "returned"}, f"{public} was executed and is {transfer.state}")
        found.check(
            transfer.executed_minor == amounts[public],
            f"{public} moved {amounts[public]} and is known to have moved {transfer.executed_minor}",
        )
    for public, transfer in known.items():
        if transfer.state in {"settled", "returned"}:
            found.check(by_transfer[public] == 1, f"{public} is {transfer.state} and was never executed")
        status = theirs.get(public, {}).get("status", "unknown to the bank")
        found.check(transfer.state == "failed" or status == transfer.state, f"{public} is {transfer.state} and at the bank {status}")
    found.figures |= {"executed": len(moves), "executed_twice": len(page["executed_more_than_once"])}


def _ledger(found: Findings, partner_id: uuid.UUID, transfers: list[Transfer], funded_minor: int) -> None:
    """What the partner has left is what was not paid out, and every settlement and return was posted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT r.kind, count(*) FROM ledger_transaction r WHERE r.partner_id = %s GROUP BY r.kind", [partner_id])
        kinds = dict(cursor.fetchall())
    settled = [t for t in transfers if t.state in {"settled", "returned"}]
    found.check(
        kinds.get("transfer.settled", 0) == len(settled),
        f"{len(settled)} transfers settled and {kinds.get('transfer.settled', 0)} postings say so",
    )
    returned = [t for t in transfers if t.state == "returned"]
    found.check(
        kinds.get("transfer.returned", 0) == len(returned),
        f"{len(returned)} transfers came back and {kinds.get('transfer.returned', 0)} reversals say so",
    )
    paid = sum(t.amount_minor for t in transfers if t.state == "settled")
    from ledger import selectors
    from ledger.models import Account

    balance = selectors.balance(Account.objects.get(partner_id=partner_id, livemode=False, code="partner:available", currency="USD"))
    found.check(
        balance.posted_minor == funded_minor - paid, f"the partner has {balance.posted_minor} and should have {funded_minor - paid}"
    )
    found.check(balance.available_minor == balance.posted_minor, f"{balance.posted_minor - balance.available_minor} is still held")
    found.figures |= {"paid_minor": paid, "returned": len(returned)}


def _counts(found: Findings, partner_id: uuid.UUID, transfers: list[Transfer]) -> None:
    for batch in TransferBatch.objects.filter(partner_id=partner_id):
        mine = Counter(t.state for t in transfers if t.batch_id == batch.pk)
        done, failed = mine["settled"], mine["failed"] + mine["returned"]
        told = (batch.done_count, batch.failed_count, batch.state)
        wanted = (done, failed, "completed_with_errors" if failed else "completed")
        found.check(told == wanted, f"{batch.public_id} counts {told} and holds {wanted}")
    batches = list(SettlementBatch.objects.filter(partner_id=partner_id))
    for settlement in batches:
        ended = settlement.settled_count + settlement.failed_count
        found.check(
            ended == settlement.count, f"{settlement.public_id} counts {ended} of {settlement.count} as ended and is {settlement.state}"
        )
    windows = SettlementWindow.objects.filter(batches__partner_id=partner_id).distinct()
    untold = told_once(found, partner_id)
    retries = Submission.objects.filter(partner_id=partner_id, sends__gt=1).count()
    found.figures |= {"windows": windows.count(), "settlement_batches": len(batches), "taken_again": retries, "untold_events": untold}


def told_once(found: Findings, partner_id: uuid.UUID) -> int:
    """Events that can happen once in a life did; none waits, none is parked. Returns how many were never told."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM kernel_outbox_event WHERE partner_id = %s AND (handled_at IS NULL OR parked_at IS NOT NULL)", [partner_id]
        )
        untold = cursor.fetchone()[0]
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM kernel_outbox_event WHERE partner_id = %s AND event_type IN ('payment.recorded',"
            " 'transfer.accepted', 'transfer.settled', 'transfer.returned') GROUP BY aggregate_id, event_type HAVING count(*) > 1) AS twice",
            [partner_id],
        )
        twice = cursor.fetchone()[0]
    found.check(untold == 0, f"{untold} events were never told")
    found.check(twice == 0, f"{twice} things had an event of their life told twice")
    return untold
