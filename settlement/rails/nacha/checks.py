"""Does the file keep the rules? Totals and structure here; entries and addenda in `entry_checks.py`.

An error of scope `file` or `batch` means that the file cannot be trusted (a total lies, a record is missing); one of
scope `entry` refuses that entry alone. What banks do differently in good faith is a warning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from settlement.rails.nacha.codes import RESERVED_DESCRIPTIONS, SEC_CODES, SERVICE_CLASSES, is_credit, is_debit
from settlement.rails.nacha.entry_checks import check_entry, is_return
from settlement.rails.nacha.records import Batch, Fault, File, Record

_ROUTING = re.compile(r"[ 0]?\d{9}")
_MODULUS = 10**10


@dataclass
class Report:
    """Where the checks say what they found."""

    file: File

    def error(self, record: Record | None, code: str, detail: str, field: str = "", scope: str = "file", trace: str = "") -> None:
        self.file.errors.append(Fault(record.line if record else 0, code, detail, field, scope, "error", trace))

    def warn(self, record: Record | None, code: str, detail: str, field: str = "", scope: str = "file", trace: str = "") -> None:
        self.file.warnings.append(Fault(record.line if record else 0, code, detail, field, scope, "warning", trace))

    def digits(self, record: Record, scope: str, *names: str) -> bool:
        """Are these fields numbers? Each that is not is reported."""
        good = True
        for name in names:
            text = record[name]
            if not (text.isascii() and text.isdigit()):
                self.error(record, "not_numeric", f"{name} must be digits, not {text!r}.", name, scope)
                good = False
        return good


@dataclass
class Totals:
    count: int = 0
    hash: int = 0
    debits: int = 0
    credits: int = 0


def yymmdd(text: str) -> date | None:
    if not (text.isascii() and text.isdigit() and len(text) == 6):
        return None
    try:
        return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        return None


def check(file: File) -> None:
    report = Report(file)
    if file.header is None:
        report.error(None, "no_file_header", "The file does not start with a file header (record 1).")
    else:
        _check_header(report, file.header)
    total = Totals()
    traces: set[str] = set()
    last_number = 0
    for batch in file.batches:
        sums = _check_batch(report, batch, traces)
        total.count += sums.count
        total.hash += sums.hash
        total.debits += sums.debits
        total.credits += sums.credits
        if batch.number <= last_number:
            report.warn(batch.header, "batch_order", f"Batch number {batch.number} does not ascend.", "batch_number", "batch")
        last_number = batch.number
    if not file.batches:
        report.warn(file.header, "no_batches", "The file holds no batch.")
    if file.control is None:
        report.error(None, "no_file_control", "The file has no file control (record 9); it may have been cut off.")
    else:
        _check_control(report, file, file.control, total)


def _check_header(report: Report, header: Record) -> None:
    for name, wanted in (("priority", "01"), ("record_size", "094"), ("blocking", "10"), ("format", "1")):
        if header[name] != wanted:
            report.error(header, "constant", f"{name} must be {wanted}, not {header[name]!r}.", name)
    if header["destination"].isascii() and header["destination"].isdigit() and header["destination"][0] != "0":
        # return files come back to the ten-digit id under which the company sent its own
        report.warn(
            header,
            "destination",
            f"The immediate destination {header['destination']} is a company id, not a routing number.",
            "destination",
        )
    elif not _ROUTING.fullmatch(header["destination"]):
        report.error(
            header,
            "destination",
            f"The immediate destination must be a nine-digit routing number, not {header['destination']!r}.",
            "destination",
        )
    if not header.get("origin"):
        report.error(header, "origin", "The immediate origin is blank.", "origin")
    if yymmdd(header["date"]) is None:
        report.error(header, "date", f"The file creation date {header['date']!r} is no date (YYMMDD).", "date")
    time = header["time"]
    if time.strip() and not (time.isdigit() and int(time[:2]) < 24 and int(time[2:]) < 60):
        report.warn(header, "time", f"The file creation time {time!r} is no time (HHMM).", "time")
    modifier = header["modifier"]
    if modifier == " ":
        report.warn(header, "modifier", "The file id modifier is blank; two files of one day cannot be told apart.", "modifier")
    elif not (modifier.isascii() and modifier.isalnum() and modifier == modifier.upper()):
        report.error(header, "modifier", f"The file id modifier must be A-Z or 0-9, not {modifier!r}.", "modifier")


def _check_batch(report: Report, batch: Batch, traces: set[str]) -> Totals:
    header, sec = batch.header, batch.sec
    service = header["service_class"]
    if service not in SERVICE_CLASSES:
        report.error(
            header,
            "service_class",
            f"Service class {service!r} is unknown; known are {', '.join(SERVICE_CLASSES)}.",
            "service_class",
            "batch",
        )
    rules = SEC_CODES.get(sec)
    if rules is None:
        report.error(header, "sec", f"Standard entry class {sec!r} is unknown.", "sec", "batch")
    elif (sec == "ADV") != (service == "280"):
        report.error(
            header, "service_class", f"Service class {service} and entry class {sec} do not go together.", "service_class", "batch"
        )
    _check_batch_header(report, header)
    sums, credits, debits, previous = Totals(), 0, 0, ""
    if not batch.entries:
        report.warn(header, "no_entries", "The batch holds no entry.", scope="batch")
    for entry in batch.entries:
        check_entry(report, batch, entry, rules)
        record = entry.record
        sums.count += 1 + len(entry.addenda)
        sums.hash += record.number("rdfi")
        amount, code = entry.amount, entry.code
        if is_debit(code):
            sums.debits += amount
            debits += 1
        elif is_credit(code):
            sums.credits += amount
            credits += 1
        if sec == "ADV":
            continue
        trace = entry.trace
        if previous and trace <= previous:
            say = report.warn if is_return(batch, entry) else report.error
            say(record, "trace_order", f"Trace number {trace} does not ascend after {previous}.", "trace", "batch", trace)
        elif trace in traces:
            report.warn(record, "trace_repeated", f"Trace number {trace} stands in the file before.", "trace", "entry", trace)
        previous = trace
        traces.add(trace)
    if service == "220" and debits:
        report.error(header, "service_class", f"The batch says credits only (220) and holds {debits} debits.", "service_class", "batch")
    if service == "225" and credits:
        report.error(header, "service_class", f"The batch says debits only (225) and holds {credits} credits.", "service_class", "batch")
    sums.hash %= _MODULUS
    if batch.control is not None:
        _check_batch_control(report, batch, batch.control, sums)
    return sums


def _check_batch_header(report: Report, header: Record) -> None:
    report.digits(header, "batch", "odfi", "batch_number")
    if header.layout == "batch_header_iat":
        if header["sec"] == "IAT" and header["fx_indicator"] not in ("FV", "VF", "FF"):
            report.error(
                header,
                "fx_indicator",
                f"The foreign exchange indicator must be FV, VF or FF, not {header['fx_indicator']!r}.",
                "fx_indicator",
                "batch",
            )
        for name, size in (("destination_country", 2), ("origin_currency", 3), ("destination_currency", 3)):
            text = header[name]
            if not (text.isascii() and text.isalpha() and text.isupper() and len(text) == size):
                report.error(header, "iat_code", f"{name} must be an ISO code of {size} letters, not {text!r}.", name, "batch")
    elif not header.get("company_name"):
        report.error(header, "mandatory", "The company name is blank.", "company_name", "batch")
    for name in ("company_id", "description"):
        if not header.get(name):
            report.error(header, "mandatory", f"{name} is blank.", name, "batch")
    effective = header["effective_date"]
    if effective.strip() and yymmdd(effective) is None:
        report.warn(header, "effective_date", f"The effective entry date {effective!r} is no date (YYMMDD).", "effective_date", "batch")
    if header["originator_status"] not in "012":
        report.warn(
            header,
            "originator_status",
            f"The originator status must be 0, 1 or 2, not {header['originator_status']!r}.",
            "originator_status",
            "batch",
        )
    description = header.get("description")
    only = next((sec for word, sec in RESERVED_DESCRIPTIONS.items() if sec and description.startswith(word)), None)
    if only and header["sec"] not in (only, "COR"):
        report.warn(header, "description", f"The description {description} belongs to {only} entries.", "description", "batch")


def _check_batch_control(report: Report, batch: Batch, control: Record, sums: Totals) -> None:
    header = batch.header
    for name in ("service_class", "odfi", "batch_number"):
        if control[name] != header[name]:
            report.error(
                control, "control_differs", f"The batch control has {name} {control[name]!r}, its header {header[name]!r}.", name, "batch"
            )
    if "company_id" in control and control.get("company_id") != header.get("company_id"):
        say = report.error if control.get("company_id") else report.warn  # many IAT files leave it blank
        say(
            control,
            "control_differs",
            f"The batch control has company id {control['company_id']!r}, its header {header['company_id']!r}.",
            "company_id",
            "batch",
        )
    _compare(report, control, "batch", count=sums.count, hash=sums.hash, debits=sums.debits, credits=sums.credits)


def _check_control(report: Report, file: File, control: Record, total: Totals) -> None:
    _compare(
        report, control, "file", batches=len(file.batches), count=total.count, hash=total.hash % _MODULUS, debits=total.debits, credits=total.credits
    )  # fmt: skip
    lines = len(file.records()) - len(file.padding)
    padded = lines + len(file.padding)
    if padded % 10:
        report.warn(
            control, "not_blocked", f"The file has {padded} records; padded to blocks of ten it would have {-(-padded // 10) * 10}."
        )
    elif control.number("blocks") != padded // 10:
        report.warn(control, "blocks", f"The file control says {control['blocks']} blocks, the file has {padded // 10}.", "blocks")


def _compare(report: Report, control: Record, scope: str, **real: int) -> None:
    """The totals the control record says against the ones that the records make."""
    names = {
        "count": "entry and addenda count",
        "hash": "entry hash",
        "debits": "total debits",
        "credits": "total credits",
        "batches": "batch count",
    }
    for name, value in real.items():
        if report.digits(control, scope, name) and int(control[name]) != value:
            report.error(
                control, "totals", f"The {scope} control says {names[name]} {int(control[name])}, the records make {value}.", name, scope
            )
