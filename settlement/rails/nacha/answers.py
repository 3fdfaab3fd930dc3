"""What we may answer to a bank: a dishonored return (R61-R70, within five banking days) or a refused notice of change (C61-C69)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from settlement.rails.nacha.builder import BuildError, Company, close, safe, totals
from settlement.rails.nacha.codes import DISHONORED, REFUSED_CHANGE_CODES, is_credit, return_transaction_code
from settlement.rails.nacha.entry_checks import check_digit
from settlement.rails.nacha.records import Batch, Entry, File, Record
from settlement.rails.nacha.returns import Change, Returned


@dataclass(frozen=True)
class Dishonor:
    returned: Returned
    reason: str  # R61, R62, R67-R70
    information: str = ""


@dataclass(frozen=True)
class Refusal:
    change: Change
    reason: str  # C61-C69


def build_answers(
    company: Company,
    answers: Sequence[Dishonor | Refusal],
    *,
    created: datetime,
    modifier: str = "A",
    first_batch: int = 1,
    first_sequence: int = 1,
) -> File:
    """The file of these answers: a batch per entry class and receiving bank's answer kind."""
    if not answers:
        raise BuildError("There is nothing to answer.")
    groups: dict[tuple[str, str], list[Dishonor | Refusal]] = {}
    for index, item in enumerate(answers):
        _check(index, item)
        key = ("COR", item.change.company_id) if isinstance(item, Refusal) else (item.returned.sec, item.returned.company_id)
        groups.setdefault(key, []).append(item)
    file = File()
    destination = company.immediate_destination or company.odfi_routing
    file.header = Record.make(
        "file_header", record="1", priority=1, destination=destination.rjust(10), origin=(company.immediate_origin or company.company_id).rjust(10),
        date=f"{created:%y%m%d}", time=f"{created:%H%M}", modifier=modifier, record_size=94, blocking=10, format="1",
        destination_name=safe(company.odfi_name, 23), origin_name=safe(company.name, 23),
    )  # fmt: skip
    odfi, sequence = company.odfi_routing[:8], first_sequence
    for number, ((sec, company_id), items) in enumerate(groups.items(), start=first_batch):
        entries = []
        for item in items:
            trace = f"{odfi}{sequence:07d}"
            entries.append(_dishonored(item, trace) if isinstance(item, Dishonor) else _refused(item, trace))
            sequence += 1
        file.batches.append(_batch(company, sec, company_id, entries, number, created))
    close(file)
    return file


def _check(index: int, item: Dishonor | Refusal) -> None:
    if isinstance(item, Dishonor):
        if item.returned.kind != "return" or item.reason not in DISHONORED:
            raise BuildError(f"Answer {index}: only a return can be dishonored, with one of {', '.join(sorted(DISHONORED))}.", index)
    elif item.change.refused or item.reason not in REFUSED_CHANGE_CODES:
        raise BuildError(
            f"Answer {index}: only a notice of change can be refused, with one of {', '.join(sorted(REFUSED_CHANGE_CODES))}.", index
        )


def _entry(item: Returned | Change, trace: str, amount: int, addendum: Record) -> Entry:
    rdfi = item.original_rdfi
    record = Record.make(
        "entry", record="6", code=return_transaction_code(item.transaction_code), rdfi=rdfi, check_digit=check_digit(rdfi), account=item.account[:17],
        amount=amount, individual_id=item.individual_id[:15], name=safe(item.name, 22), addenda="1", trace=trace,
    )  # fmt: skip
    return Entry(record, [addendum])


def _dishonored(item: Dishonor, trace: str) -> Entry:
    returned = item.returned
    addendum = Record.make(
        "addenda_99_dishonored", record="7", type="99", reason=item.reason, original_trace=returned.original_trace, original_rdfi=returned.original_rdfi,
        return_trace=returned.trace, return_settlement_day=returned.settlement_day, return_reason=returned.reason.code[1:],
        information=safe(item.information, 21), trace=trace,
    )  # fmt: skip
    return _entry(returned, trace, returned.amount_minor, addendum)


def _refused(item: Refusal, trace: str) -> Entry:
    change = item.change
    addendum = Record.make(
        "addenda_98_refused", record="7", type="98", refused_code=item.reason, original_trace=change.original_trace, original_rdfi=change.original_rdfi,
        corrected=change.raw[:29], change_code=change.code, trace_sequence=change.trace[8:], trace=trace,
    )  # fmt: skip
    return _entry(change, trace, 0, addendum)


def _batch(company: Company, sec: str, company_id: str, entries: list[Entry], number: int, created: datetime) -> Batch:
    credits, debits = any(is_credit(e.code) for e in entries), any(not is_credit(e.code) for e in entries)
    service = "200" if credits and debits else "220" if credits else "225"
    common: dict[str, str | int] = {
        "service_class": service,
        "company_id": company_id,
        "odfi": company.odfi_routing[:8],
        "batch_number": number,
    }
    header = Record.make(
        "batch_header", record="5", **common, company_name=safe(company.name, 16), sec=sec, description="RETURN" if sec != "COR" else "REFUSEDNOC",
        effective_date=f"{created:%y%m%d}", originator_status="1",
    )  # fmt: skip
    batch = Batch(header, entries)
    count, hash_total, debit, credit = totals([batch])
    batch.control = Record.make("batch_control", record="8", **common, count=count, hash=hash_total, debits=debit, credits=credit)
    return batch
