"""What a file of returns says: which of our entries came back and why, and which details a bank asks us to correct."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from settlement.rails.nacha.codes import (
    ACCOUNT_KINDS,
    CHANGE_CODES,
    CONTESTED,
    DISHONORED,
    REFUSED_CHANGE_CODES,
    ReturnCode,
    is_credit,
    return_code,
)  # fmt: skip
from settlement.rails.nacha.entry_checks import check_digit
from settlement.rails.nacha.records import Batch, Entry, File, Record


@dataclass(frozen=True)
class Returned:
    """One returned entry. `kind` is return, dishonored (we refuse their return) or contested (they insist)."""

    kind: str
    reason: ReturnCode
    original_trace: str
    original_rdfi: str
    trace: str
    amount_minor: int
    credit: bool  # the original put money on the receiver's account: its return gives it back to us
    account: str
    individual_id: str
    name: str
    sec: str
    company_id: str
    information: str
    line: int
    transaction_code: str = ""  # under which it came back
    settlement_day: str = ""  # Julian day on which the return settled, as the operator filled it in
    date_of_death: date | None = None
    # Of a dishonored or contested return: the trace numbers of the returns before it.
    return_trace: str = ""
    dishonored_trace: str = ""


@dataclass(frozen=True)
class Change:
    """A notice of change: the payment went through, the next one must use what `corrected` says."""

    code: str
    meaning: str
    original_trace: str
    original_rdfi: str
    trace: str
    individual_id: str
    account: str
    corrected: dict[str, str] = field(default_factory=dict)
    raw: str = ""
    refused: bool = False
    line: int = 0
    name: str = ""
    company_id: str = ""
    transaction_code: str = ""


def _notes(file: File, prefix: str) -> list[tuple[Batch, Entry, Record]]:
    """The addenda of this type, without those of entries that were refused. An unusable file says nothing."""
    if not file.usable:
        return []
    bad = file.bad_lines()
    return [
        (batch, entry, addendum)
        for batch, entry in file.entries()
        if entry.record.line not in bad or not entry.record.line
        for addendum in entry.addenda
        if addendum.text[1:3] == prefix and (addendum.line not in bad or not addendum.line)
    ]


def returns(file: File) -> list[Returned]:
    """Every return in the file; the last word where an entry went back and forth."""
    found = []
    for batch, entry, addendum in _notes(file, "99"):
        if addendum is not [a for a in entry.addenda if a.text[1:3] == "99"][-1]:
            continue
        reason = addendum["reason"]
        kind = "dishonored" if reason in DISHONORED else "contested" if reason in CONTESTED else "return"
        information = addendum.get("information") if "information" in addendum else ""
        found.append(
            Returned(
                kind=kind, reason=return_code(reason), original_trace=addendum["original_trace"], original_rdfi=addendum["original_rdfi"],
                trace=entry.trace, amount_minor=entry.amount, credit=is_credit(entry.code), account=entry.account,
                individual_id=entry.individual_id, name=entry.name, sec=batch.sec, company_id=batch.header.get("company_id"),
                information=information, line=addendum.line, transaction_code=entry.code, settlement_day=batch.header.get("settlement_day"), date_of_death=_death(addendum),
                return_trace=addendum.get("return_trace") if "return_trace" in addendum else "",
                dishonored_trace=addendum.get("dishonored_trace") if "dishonored_trace" in addendum else "",
            )
        )  # fmt: skip
    return found


def _death(addendum: Record) -> date | None:
    from settlement.rails.nacha.checks import yymmdd

    if "date_of_death" not in addendum or addendum["reason"] not in ("R14", "R15"):
        return None
    return yymmdd(addendum["date_of_death"])


def changes(file: File) -> list[Change]:
    """Every notice of change in the file."""
    found = []
    for batch, entry, addendum in _notes(file, "98"):
        code, raw = addendum.text[3:6], addendum["corrected"]
        refused = code in REFUSED_CHANGE_CODES
        meaning, places = ("Refused notice of change", ()) if refused else CHANGE_CODES[code]
        corrected = {name: text for name, first, last in places if (text := raw[first:last].strip())}
        found.append(
            Change(
                code=code, meaning=meaning, original_trace=addendum["original_trace"], original_rdfi=addendum["original_rdfi"], trace=entry.trace,
                individual_id=entry.individual_id, account=entry.account, corrected=corrected, raw=raw.rstrip(), refused=refused, line=addendum.line,
                name=entry.name, company_id=batch.header.get("company_id"), transaction_code=entry.code,
            )
        )  # fmt: skip
    return found


class ChangeError(ValueError):
    """A notice of change that cannot be applied; a person must look at it."""


def apply_change(destination: dict[str, str], change: Change) -> dict[str, str]:
    """The `us_bank` destination as the bank asks for it. Only what names the account is touched, and it is checked first."""
    if change.refused:
        raise ChangeError(f"{change.code} refuses a notice of change; it corrects nothing.")
    new, corrected = dict(destination), change.corrected
    if not corrected.keys() & {"routing_number", "account_number", "holder_name", "transaction_code"}:
        raise ChangeError(f"{change.code} ({change.meaning}) does not correct the receiver's account.")
    if routing := corrected.get("routing_number"):
        if len(routing) != 9 or not routing.isdigit() or check_digit(routing[:8]) != routing[8]:
            raise ChangeError(f"{change.code} asks for routing number {routing!r}, which is not valid.")
        new["routing_number"] = routing
    if account := corrected.get("account_number"):
        new["account_number"] = account
    if name := corrected.get("holder_name"):
        new["holder_name"] = name
    if code := corrected.get("transaction_code"):
        kind = ACCOUNT_KINDS.get(code[0])
        if kind is None or len(code) != 2:
            raise ChangeError(f"{change.code} asks for transaction code {code!r}, which is unknown.")
        new["account_type"] = kind
    return new
