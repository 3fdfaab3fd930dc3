"""The rules of one entry and its addenda."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from settlement.rails.nacha.codes import (
    ADV_CODES,
    CHANGE_CODES,
    PRENOTE_CODES,
    REFUSED_CHANGE_CODES,
    RETURN_CODES,
    RETURN_TRANSACTION_CODES,
    SEC_CODES,
    TRANSACTION_CODES,
    ZERO_CODES,
    Sec,
    is_credit,
    is_debit,
)  # fmt: skip
from settlement.rails.nacha.records import Batch, Entry, Record

if TYPE_CHECKING:
    from settlement.rails.nacha.checks import Report

IAT_MANDATORY = ("10", "11", "12", "13", "14", "15", "16")
_ALL_ZEROS = re.compile(r"0+")
# Classes whose entries carry no money: acknowledgements, enrolments, death notices, notices of change.
NO_MONEY = frozenset({"ACK", "ATX", "DNE", "ENR", "COR"})


def check_digit(eight: str) -> str:
    """The ninth digit of a routing number."""
    d = [ord(c) - 48 for c in eight]
    return str(-(3 * (d[0] + d[3] + d[6]) + 7 * (d[1] + d[4] + d[7]) + d[2] + d[5]) % 10)


def is_return(batch: Batch, entry: Entry) -> bool:
    """Does the entry come back: a return (99) or a notice of change (98)?"""
    return batch.sec == "COR" or any(record.text[1:3] in ("98", "99") for record in entry.addenda)


def check_entry(report: Report, batch: Batch, entry: Entry, rules: Sec | None) -> None:
    record, sec = entry.record, batch.sec
    trace = "" if sec == "ADV" else entry.trace
    back = is_return(batch, entry)

    def error(code: str, detail: str, field: str, at: Record = record) -> None:
        report.error(at, code, detail, field, "entry", trace)

    code = entry.code
    known = ADV_CODES if sec == "ADV" else TRANSACTION_CODES
    if code not in known:
        error("transaction_code", f"Transaction code {code!r} is unknown.", "code")
    routing = record.text[3:12]
    if not (routing.isascii() and routing.isdigit()):
        error("routing_number", f"The receiving bank's routing number must be nine digits, not {routing!r}.", "rdfi")
    elif check_digit(routing[:8]) != routing[8]:
        error("check_digit", f"The check digit of routing number {routing} must be {check_digit(routing[:8])}.", "check_digit")
    amount_text = record["amount"]
    if not (amount_text.isascii() and amount_text.isdigit()):
        error("amount", f"The amount must be digits (cents), not {amount_text!r}.", "amount")
    elif not back and code in known:
        _check_amount(error, sec, code, int(amount_text), rules)
    if not record.get("account"):
        error("account", "The account number is blank.", "account")
    if rules is not None and not back:
        reversal = batch.header.get("description") == "REVERSAL"
        if not reversal and ((not rules.credits and is_credit(code)) or (not rules.debits and is_debit(code))):
            error("direction", f"{sec} entries are {'credits' if rules.credits else 'debits'} only; {code} is not.", "code")
    if rules is not None and rules.name_required and (not entry.name or _ALL_ZEROS.fullmatch(entry.name)):
        error("name", f"{sec} entries must name the receiver.", "name")
    if sec != "ADV":
        if not (trace.isascii() and trace.isdigit()):
            error("trace", f"The trace number must be fifteen digits, not {trace!r}.", "trace")
        elif trace[:8] != batch.header["odfi"]:
            say = report.warn if back else report.error
            say(
                record,
                "trace_odfi",
                f"Trace number {trace} does not start with the batch's bank {batch.header['odfi']}.",
                "trace",
                "entry",
                trace,
            )
    _check_addenda(report, batch, entry, rules, back)


def _check_amount(error, sec: str, code: str, amount: int, rules: Sec | None) -> None:  # type: ignore[no-untyped-def]
    if code in PRENOTE_CODES or code in ZERO_CODES:
        if amount:
            error("amount", f"Transaction code {code} carries no money, the amount is {amount}.", "amount")
    elif code in RETURN_TRANSACTION_CODES:
        error("transaction_code", f"Transaction code {code} is for returns and notices; the entry has no 98 or 99 addenda.", "code")
    elif not amount and sec not in NO_MONEY and sec != "ADV":
        error("amount", "The amount is zero; only prenotes and remittance entries carry none.", "amount")
    if rules is not None and rules.limit_minor is not None and amount > rules.limit_minor:
        error("amount", f"{sec} entries are limited to {rules.limit_minor} cents, the amount is {amount}.", "amount")


def _check_addenda(report: Report, batch: Batch, entry: Entry, rules: Sec | None, back: bool) -> None:
    record, sec = entry.record, batch.sec
    trace = "" if sec == "ADV" else entry.trace

    def error(at: Record, code: str, detail: str, field: str = "") -> None:
        report.error(at, code, detail, field, "entry", trace)

    indicator = record["addenda"]
    if indicator not in ("0", "1"):
        error(record, "addenda_indicator", f"The addenda indicator must be 0 or 1, not {indicator!r}.", "addenda")
    elif (indicator == "1") != bool(entry.addenda):
        there = f"{len(entry.addenda)} addenda records follow" if entry.addenda else "no addenda record follows"
        error(record, "addenda_indicator", f"The addenda indicator is {indicator} and {there}.", "addenda")
    ordinary = [a for a in entry.addenda if a.text[1:3] not in ("98", "99")]
    iat = batch.header.layout == "batch_header_iat"
    # A notice of change about an international entry repeats the addenda of that entry.
    most = SEC_CODES["IAT"].addenda if iat else rules.addenda if rules is not None else len(ordinary)
    if len(ordinary) > most:
        error(record, "addenda_count", f"{sec} entries carry at most {most} addenda records, this one {len(ordinary)}.", "addenda")
    if sec == "COR" and entry.addendum("98") is None:
        error(record, "addenda_missing", "A notice of change must carry its 98 addenda record.", "addenda")
    if "addenda_count" in record and not iat and sec != "ENR" and not back:
        text = record["addenda_count"]
        if not (text.isascii() and text.isdigit()):
            error(record, "addenda_count", f"The number of addenda must be digits, not {text!r}.", "addenda_count")
        elif int(text) != len(ordinary):
            error(record, "addenda_count", f"The entry says {int(text)} addenda records, {len(ordinary)} follow.", "addenda_count")
    if iat and sec == "IAT" and not back:
        _check_iat(report, entry, ordinary, error)
    sequences = {"05": 0, "17": 0, "18": 0}
    for addendum in entry.addenda:
        kind = addendum.text[1:3]
        allowed = kind in ("98", "99") or (("10" <= kind <= "18") if iat else rules is None or kind == rules.addenda_type)
        if addendum.layout == "unknown" or not allowed:
            error(addendum, "addenda_type", f"{sec} entries carry no addenda of type {kind!r}.", "type")
            continue
        if kind in sequences:
            sequences[kind] += 1
            if addendum["sequence"] != f"{sequences[kind]:04d}":
                error(
                    addendum,
                    "addenda_sequence",
                    f"The addenda sequence must be {sequences[kind]}, not {addendum['sequence']!r}.",
                    "sequence",
                )
        if "entry_sequence" in addendum and addendum["entry_sequence"] != trace[8:]:
            error(
                addendum,
                "entry_sequence",
                f"The addenda record names entry {addendum['entry_sequence']!r}, it follows {trace[8:]!r}.",
                "entry_sequence",
            )
        if kind == "98":
            _check_notice(addendum, error)
        elif kind == "99":
            _check_return(report, entry, addendum, error)


def _check_iat(report: Report, entry: Entry, ordinary: list[Record], error) -> None:  # type: ignore[no-untyped-def]
    kinds = [a.text[1:3] for a in ordinary]
    for kind in IAT_MANDATORY:
        if kinds.count(kind) != 1:
            error(entry.record, "iat_addenda", f"An IAT entry carries one addenda record {kind}, this one {kinds.count(kind)}.", "addenda")
    if kinds != sorted(kinds):
        error(entry.record, "iat_addenda", f"The addenda records stand in the order {', '.join(kinds)}; they must ascend.", "addenda")
    if kinds.count("17") > 2 or kinds.count("17") + kinds.count("18") > 5:
        error(entry.record, "iat_addenda", "An IAT entry carries at most two 17 and five 17 and 18 addenda records.", "addenda")
    count = entry.record["addenda_count"]
    if count.strip() and (not count.isdigit() or int(count) != len(ordinary)):
        report.warn(
            entry.record,
            "addenda_count",
            f"The entry says {count!r} addenda records, {len(ordinary)} follow.",
            "addenda_count",
            "entry",
            entry.trace,
        )
    for addendum in ordinary:
        kind = addendum.text[1:3]
        if kind in ("12", "16"):
            for name in ("city_state", "country_postal"):
                text = addendum.get(name)
                if "*" not in text or not text.endswith("\\"):
                    report.warn(
                        addendum,
                        "iat_separators",
                        f"{name} must be two parts divided by * and ended by \\, not {text!r}.",
                        name,
                        "entry",
                        entry.trace,
                    )
        elif kind == "10" and not addendum.get("name"):
            error(addendum, "mandatory", "The receiver's name is blank.", "name")
        elif kind in ("13", "14") and not addendum.get("odfi_country" if kind == "13" else "rdfi_country"):
            error(addendum, "mandatory", "The country of the bank's branch is blank.", "odfi_country" if kind == "13" else "rdfi_country")


def _check_notice(addendum: Record, error) -> None:  # type: ignore[no-untyped-def]
    code = addendum.text[3:6]
    if code not in CHANGE_CODES and code not in REFUSED_CHANGE_CODES:
        error(addendum, "change_code", f"Change code {code!r} is unknown.", "change_code")
    elif code in CHANGE_CODES and CHANGE_CODES[code][1] and not addendum.get("corrected"):
        error(addendum, "corrected_data", f"Change code {code} needs the corrected data.", "corrected")
    if not addendum["original_trace"].isdigit():
        error(
            addendum, "original_trace", f"The original trace number must be digits, not {addendum['original_trace']!r}.", "original_trace"
        )


def _check_return(report: Report, entry: Entry, addendum: Record, error) -> None:  # type: ignore[no-untyped-def]
    reason = addendum["reason"]
    if not re.fullmatch(r"R\d\d", reason):
        error(addendum, "return_code", f"The return reason must be R and two digits, not {reason!r}.", "reason")
    elif reason not in RETURN_CODES:
        report.warn(
            addendum, "return_code", f"Return reason {reason} is not in the table; a person must decide.", "reason", "entry", entry.trace
        )
    if not addendum["original_trace"].isdigit():
        error(
            addendum, "original_trace", f"The original trace number must be digits, not {addendum['original_trace']!r}.", "original_trace"
        )
    if entry.code not in RETURN_TRANSACTION_CODES and entry.code not in ADV_CODES:
        report.warn(
            entry.record,
            "return_transaction_code",
            f"A returned entry comes back under a return code, not {entry.code}.",
            "code",
            "entry",
            entry.trace,
        )
