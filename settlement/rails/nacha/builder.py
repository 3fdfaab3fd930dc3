"""Originations to a file that keeps the rules: batched, traced, totalled, padded to blocks of ten.

The same originations, company, date and modifier make the same bytes, so a file that was built before a crash can be
recognised after it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from settlement.rails.nacha.codes import ORIGINATED, SEC_CODES, is_credit, is_debit, transaction_code
from settlement.rails.nacha.entry_checks import check_digit
from settlement.rails.nacha.records import Batch, Entry, FieldError, File, Record

MAX_AMOUNT = 10**10 - 1
MAX_ENTRIES = 9_999_999
_UNSAFE = re.compile(r"[^A-Z0-9 .,;:'()/&#*+=@!?$%_-]")


class BuildError(ValueError):
    """An origination that no file can carry; `index` says which."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


@dataclass(frozen=True)
class Company:
    """Who originates, through which bank."""

    name: str
    company_id: str  # ten characters, by custom 1 and the tax number
    odfi_routing: str  # nine digits
    odfi_name: str
    immediate_destination: str = ""  # the bank's, unless files go elsewhere
    immediate_origin: str = ""  # the company id, unless the bank gave another
    immediate_origin_name: str = ""
    discretionary: str = ""


@dataclass(frozen=True)
class Origination:
    """One entry to be made. Credits pay the receiver, debits collect."""

    reference: str  # at most 15 characters come back in returns
    amount_minor: int
    routing_number: str
    account_number: str
    holder_name: str
    account_type: str = "checking"
    credit: bool = True
    sec: str = "CCD"
    description: str = "PAYMENT"
    addenda: tuple[str, ...] = ()
    discretionary: str = ""
    prenote: bool = False
    international: International | None = None


@dataclass(frozen=True)
class International:
    """What an IAT entry carries besides: who, where and through whom."""

    originator_name: str
    originator_street: str
    originator_city: str
    originator_state: str
    originator_country: str
    originator_postal: str
    receiver_street: str
    receiver_city: str
    receiver_state: str
    receiver_country: str
    receiver_postal: str
    receiver_bank_name: str
    receiver_bank_id: str
    receiver_bank_country: str
    receiver_bank_qualifier: str = "01"
    transaction_type: str = "BUS"
    foreign_trace: str = ""
    receiver_id: str = ""
    origin_currency: str = "USD"
    destination_currency: str = "USD"
    fx_indicator: str = "FF"
    correspondents: tuple[tuple[str, str, str, str], ...] = ()  # name, qualifier, id, country


def safe(text: str, size: int) -> str:
    """Text as ACH operators take it: capitals, ASCII, accents folded, cut to its field."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    return " ".join(_UNSAFE.sub(" ", plain).split())[:size].rstrip()


def build(
    company: Company, originations: Sequence[Origination], *, created: datetime, effective: date, modifier: str = "A",
    first_batch: int = 1, first_sequence: int = 1, reference: str = "", balanced: Origination | None = None,
) -> File:  # fmt: skip
    """The file of these originations, one batch per class, description and (for IAT) country and currency.

    `balanced` adds to each batch one entry that offsets it on the company's own account, for banks that ask for it.
    """
    if not originations:
        raise BuildError("There is nothing to originate; an empty file is not sent.")
    if len(originations) > MAX_ENTRIES:
        raise BuildError(f"{len(originations)} entries do not fit into one file; split them at {MAX_ENTRIES}.")
    if not re.fullmatch(r"[A-Z0-9]", modifier):
        raise BuildError(f"The file id modifier must be A-Z or 0-9, not {modifier!r}.")
    if (
        len(company.odfi_routing) != 9
        or not company.odfi_routing.isdigit()
        or check_digit(company.odfi_routing[:8]) != company.odfi_routing[8]
    ):
        raise BuildError(f"The routing number of the originating bank {company.odfi_routing!r} is not valid.")
    groups: dict[tuple[str, ...], list[tuple[int, Origination]]] = {}
    for index, item in enumerate(originations):
        _check(index, item)
        groups.setdefault(_group(item), []).append((index, item))
    destination = company.immediate_destination or company.odfi_routing
    file = File()
    file.header = Record.make(
        "file_header", record="1", priority=1, destination=destination.rjust(10), origin=(company.immediate_origin or company.company_id).rjust(10),
        date=f"{created:%y%m%d}", time=f"{created:%H%M}", modifier=modifier, record_size=94, blocking=10, format="1",
        destination_name=safe(company.odfi_name, 23), origin_name=safe(company.immediate_origin_name or company.name, 23), reference=safe(reference, 8),
    )  # fmt: skip
    sequence = first_sequence
    for number, items in enumerate(groups.values(), start=first_batch):
        try:
            batch, sequence = _batch(company, items, number, sequence, effective, balanced)
        except FieldError as error:
            raise BuildError(f"Batch {number}: {error} Split the originations over several batches.") from None
        file.batches.append(batch)
    try:
        close(file)
    except FieldError as error:
        raise BuildError(f"The file control cannot hold the totals: {error} Split the originations over several files.") from None
    return file


def _check(index: int, item: Origination) -> None:
    rules = SEC_CODES.get(item.sec)
    if rules is None or item.sec not in ORIGINATED:
        raise BuildError(f"Entry {index} ({item.reference}): class {item.sec!r} cannot be originated; use {', '.join(ORIGINATED)}.", index)
    if (item.credit and not rules.credits) or (not item.credit and not rules.debits):
        raise BuildError(f"Entry {index} ({item.reference}): {item.sec} takes no {'credits' if item.credit else 'debits'}.", index)
    if isinstance(item.amount_minor, bool) or not isinstance(item.amount_minor, int) or not 0 <= item.amount_minor <= MAX_AMOUNT:
        raise BuildError(f"Entry {index} ({item.reference}): {item.amount_minor!r} is not an amount from 1 to {MAX_AMOUNT} cents.", index)
    if bool(item.amount_minor) == item.prenote:
        raise BuildError(f"Entry {index} ({item.reference}): a prenote carries no money, every other entry does.", index)
    if len(item.addenda) > (2 if item.sec == "IAT" else rules.addenda):
        raise BuildError(f"Entry {index} ({item.reference}): {item.sec} does not carry {len(item.addenda)} addenda.", index)
    routing = item.routing_number
    if len(routing) != 9 or not (routing.isascii() and routing.isdigit()) or check_digit(routing[:8]) != routing[8]:
        raise BuildError(f"Entry {index} ({item.reference}): routing number {routing!r} is not valid.", index)
    if not 1 <= len(item.account_number) <= (35 if item.sec == "IAT" else 17) or not item.account_number.isascii():
        raise BuildError(f"Entry {index} ({item.reference}): the account number does not fit its field.", index)
    if len(item.reference) > 15:
        raise BuildError(
            f"Entry {index} ({item.reference}): the reference has {len(item.reference)} characters, 15 come back in returns.", index
        )
    if not safe(item.holder_name, 22).strip("0"):
        raise BuildError(f"Entry {index} ({item.reference}): the receiver's name has no character that ACH can carry.", index)
    if (item.sec == "IAT") != (item.international is not None):
        raise BuildError(f"Entry {index} ({item.reference}): an IAT entry, and only one, needs its international details.", index)


def _group(item: Origination) -> tuple[str, ...]:
    extra = item.international
    iat = (extra.receiver_country, extra.origin_currency, extra.destination_currency, extra.fx_indicator) if extra else ()
    return (item.sec, safe(item.description, 10), *iat)


def _batch(
    company: Company, items: list[tuple[int, Origination]], number: int, sequence: int, effective: date, balanced: Origination | None
) -> tuple[Batch, int]:
    first, odfi = items[0][1], company.odfi_routing[:8]
    entries: list[Entry] = []
    for index, item in items:
        try:
            entries.append(_entry(item, f"{odfi}{sequence:07d}"))
        except (FieldError, ValueError) as error:
            raise BuildError(f"Entry {index} ({item.reference}): {error}", index) from None
        sequence += 1
    net = sum(e.amount if is_credit(e.code) else -e.amount for e in entries)
    if balanced is not None and net:
        offset = Origination(
            reference=balanced.reference, amount_minor=abs(net), routing_number=balanced.routing_number, account_number=balanced.account_number,
            holder_name=balanced.holder_name, account_type=balanced.account_type, credit=net < 0, sec=first.sec,
        )  # fmt: skip
        entries.append(_entry(offset, f"{odfi}{sequence:07d}"))
        sequence += 1
    credits, debits = any(is_credit(e.code) for e in entries), any(is_debit(e.code) for e in entries)
    service = "200" if credits and debits else "220" if credits else "225"
    common: dict[str, str | int] = {
        "record": "5", "service_class": service, "company_id": company.company_id, "sec": first.sec, "description": safe(first.description, 10),
        "effective_date": f"{effective:%y%m%d}", "originator_status": "1", "odfi": odfi, "batch_number": number,
    }  # fmt: skip
    extra = first.international
    if extra is None:
        header = Record.make(
            "batch_header",
            **common,
            company_name=safe(company.name, 16),
            discretionary=safe(company.discretionary, 20),
            descriptive_date=f"{effective:%y%m%d}",
        )
    else:
        header = Record.make(
            "batch_header_iat", **common, fx_indicator=extra.fx_indicator, fx_reference_indicator="3", destination_country=extra.receiver_country,
            origin_currency=extra.origin_currency, destination_currency=extra.destination_currency,
        )  # fmt: skip
    batch = Batch(header, entries)
    count, hash_total, debit, credit = totals([batch])
    batch.control = Record.make(
        "batch_control", record="8", service_class=service, count=count, hash=hash_total, debits=debit, credits=credit, company_id=company.company_id,
        odfi=odfi, batch_number=number,
    )  # fmt: skip
    return batch, sequence


def _entry(item: Origination, trace: str) -> Entry:
    code = transaction_code(item.account_type, credit=item.credit, prenote=item.prenote)
    common: dict[str, str | int] = {
        "record": "6", "code": code, "rdfi": item.routing_number[:8], "check_digit": item.routing_number[8], "amount": item.amount_minor, "trace": trace,
        "account": item.account_number,
    }  # fmt: skip
    last = trace[8:]
    if item.international is not None:
        addenda = _international(item, item.international, last)
        return Entry(Record.make("entry_iat", **common, addenda_count=len(addenda), addenda="1"), addenda)
    addenda = [
        Record.make("addenda_05", record="7", type="05", information=_information(text), sequence=n, entry_sequence=last)
        for n, text in enumerate(item.addenda, start=1)
    ]
    flag, reference = "1" if addenda else "0", item.reference
    if item.sec == "CTX":
        record = Record.make(
            "entry_ctx",
            **common,
            individual_id=reference,
            addenda_count=len(addenda),
            name=safe(item.holder_name, 16),
            discretionary=item.discretionary,
            addenda=flag,
        )
    else:
        discretionary = item.discretionary or ("S" if item.sec in ("WEB", "TEL") else "")
        record = Record.make(
            "entry", **common, individual_id=reference, name=safe(item.holder_name, 22), discretionary=discretionary, addenda=flag
        )
    return Entry(record, addenda)


def _information(text: str) -> str:
    """Payment information keeps its case and signs (it may be X12), only what no field can hold is replaced."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c if c.isprintable() else " " for c in plain)


def _international(item: Origination, extra: International, last: str) -> list[Record]:
    def make(kind: str, **values: str | int) -> Record:
        return Record.make(f"addenda_{kind}", record="7", type=kind, entry_sequence=last, **values)

    def place(a: str, b: str) -> str:
        return f"{safe(a, 16)}*{safe(b, 16)}\\"

    company_bank = "01"
    rows = [
        make(
            "10",
            transaction_type=extra.transaction_type,
            amount=item.amount_minor,
            foreign_trace=extra.foreign_trace,
            name=safe(item.holder_name, 35),
        ),
        make("11", originator_name=safe(extra.originator_name, 35), originator_street=safe(extra.originator_street, 35)),
        make(
            "12",
            city_state=place(extra.originator_city, extra.originator_state),
            country_postal=place(extra.originator_country, extra.originator_postal),
        ),
        make("13", odfi_name="ORIGINATING BANK", odfi_qualifier=company_bank, odfi_id=item.routing_number, odfi_country="US"),
        make(
            "14",
            rdfi_name=safe(extra.receiver_bank_name, 35),
            rdfi_qualifier=extra.receiver_bank_qualifier,
            rdfi_id=extra.receiver_bank_id,
            rdfi_country=extra.receiver_bank_country,
        ),
        make("15", receiver_id=extra.receiver_id or item.reference, receiver_street=safe(extra.receiver_street, 35)),
        make(
            "16",
            city_state=place(extra.receiver_city, extra.receiver_state),
            country_postal=place(extra.receiver_country, extra.receiver_postal),
        ),
    ]
    rows += [make("17", information=_information(text), sequence=n) for n, text in enumerate(item.addenda, start=1)]
    rows += [
        make("18", bank_name=safe(name, 35), bank_qualifier=qualifier, bank_id=bank, bank_country=country, sequence=n)
        for n, (name, qualifier, bank, country) in enumerate(extra.correspondents, start=1)
    ]
    return rows


def totals(batches: Iterable[Batch]) -> tuple[int, int, int, int]:
    """Entry and addenda count, entry hash, debits, credits."""
    count = hash_total = debit = credit = 0
    for batch in batches:
        for entry in batch.entries:
            count += 1 + len(entry.addenda)
            hash_total += entry.record.number("rdfi")
            if is_debit(entry.code):
                debit += entry.amount
            else:
                credit += entry.amount
    return count, hash_total % 10**10, debit, credit


def close(file: File) -> None:
    count, hash_total, debit, credit = totals(file.batches)
    lines = 2 + sum(sum(1 for _ in batch.records()) for batch in file.batches)
    blocks = -(-lines // 10)
    file.control = Record.make(
        "file_control", record="9", batches=len(file.batches), blocks=blocks, count=count, hash=hash_total, debits=debit, credits=credit
    )
    file.padding = [Record("unknown", "9" * 94) for _ in range(blocks * 10 - lines)]
