"""Returns and notices of change: what came back, why, what may be tried again, and what must be corrected first."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from settlement.destinations import validate
from settlement.rails.nacha import (
    CHANGE_CODES,
    RETURN_CODES,
    Batch,
    Entry,
    File,
    Record,
    apply_change,
    changes,
    read,
    return_code,
    returns,
    write,
)
from settlement.rails.nacha.answers import Dishonor, Refusal, build_answers
from settlement.rails.nacha.builder import BuildError, Company, close, totals
from settlement.rails.nacha.codes import (
    CREDIT,
    FINAL,
    NEEDS_DETAILS,
    NOT_AN_OUTCOME,
    RETRYABLE,
    TRANSACTION_CODES,
    is_credit,
    is_debit,
    return_transaction_code,
    transaction_code,
)  # fmt: skip
from settlement.rails.nacha.returns import ChangeError

DESTINATION = {
    "type": "us_bank",
    "routing_number": "091000019",
    "account_number": "12345678",
    "account_type": "checking",
    "holder_name": "JANE DOE",
}
ORIGINAL = "121042880000001"


def answer(*addenda, code="21", amount=12345, sec="CCD"):
    """A file with one entry that comes back, as the receiving bank would make it."""
    trace = "091000010000001"
    entry = Entry(
        Record.make(
            "entry",
            record="6",
            code=code,
            rdfi="12104288",
            check_digit="2",
            account="12345678",
            amount=amount,
            individual_id="R1",
            name="JANE DOE",
            addenda="1",
            trace=trace,
        ),
        [Record.make(layout, record="7", type=layout[8:10], trace=trace, **values) for layout, values in addenda],
    )
    service = "220" if is_credit(code) else "225"
    header = Record.make(
        "batch_header",
        record="5",
        service_class=service,
        company_name="ACME",
        company_id="1121042882",
        sec=sec,
        description="PAYMENT",
        originator_status="1",
        odfi="09100001",
        batch_number=1,
    )
    batch = Batch(header, [entry])
    count, hash_total, debit, credit = totals([batch])
    batch.control = Record.make(
        "batch_control",
        record="8",
        service_class=service,
        count=count,
        hash=hash_total,
        debits=debit,
        credits=credit,
        company_id="1121042882",
        odfi="09100001",
        batch_number=1,
    )
    file = File(batches=[batch])
    file.header = Record.make(
        "file_header",
        record="1",
        priority=1,
        destination=" 121042882",
        origin=" 091000019",
        date="261124",
        time="0600",
        modifier="A",
        record_size=94,
        blocking=10,
        format="1",
    )
    close(file)
    made = read(write(file))
    assert made.valid, [str(f) for f in made.errors]
    return made


def back(reason, **values):
    return ("addenda_99", {"reason": reason, "original_trace": ORIGINAL, "original_rdfi": "09100001", **values})


def test_a_return_says_which_entry_why_and_how_much():
    (found,) = returns(answer(back("R01", information="NO MONEY")))
    assert (found.kind, found.reason.code, found.original_trace, found.amount_minor) == ("return", "R01", ORIGINAL, 12345)
    assert found.credit and found.individual_id == "R1" and found.information == "NO MONEY" and found.reason.category == RETRYABLE
    (debit,) = returns(answer(back("R10"), code="26"))
    assert not debit.credit and debit.reason.unauthorized and debit.reason.category == FINAL
    (dead,) = returns(answer(back("R15", date_of_death="260131"), code="26"))
    assert dead.date_of_death == date(2026, 1, 31)


def test_the_last_word_counts_when_it_went_back_and_forth():
    dishonored = (
        "addenda_99_dishonored",
        {
            "reason": "R68",
            "original_trace": ORIGINAL,
            "original_rdfi": "09100001",
            "return_trace": "091000010000001",
            "return_reason": "01",
        },
    )
    contested = (
        "addenda_99_contested",
        {
            "reason": "R73",
            "original_trace": ORIGINAL,
            "original_rdfi": "09100001",
            "return_trace": "091000010000001",
            "dishonored_trace": "121042880000009",
            "dishonored_reason": "68",
        },
    )
    (first,) = returns(answer(back("R01"), dishonored))
    assert first.kind == "dishonored" and first.return_trace == "091000010000001"
    (second,) = returns(answer(back("R01"), dishonored, contested))
    assert (second.kind, second.reason.category, second.dishonored_trace) == ("contested", NOT_AN_OUTCOME, "121042880000009")


def test_a_file_whose_totals_lie_says_nothing():
    data = write(answer(back("R01"))).decode()
    broken = read(data.replace("0000012345R1", "0000012346R1"))
    assert not broken.usable and returns(broken) == [] and changes(broken) == []


def test_an_unknown_reason_goes_to_a_person_and_is_never_tried_again():
    (found,) = returns(answer(back("R97")))
    assert found.reason.escalate and found.reason.category == FINAL and found.reason.retries == 0


def test_the_table_is_whole():
    assert {code for code, row in RETURN_CODES.items() if row.category == RETRYABLE} == {"R01", "R09"}
    assert all(RETURN_CODES[code].retries == 2 for code in ("R01", "R09"))
    assert {code for code, row in RETURN_CODES.items() if row.administrative} == {"R02", "R03", "R04"}
    assert {"R05", "R07", "R10", "R11", "R29", "R51"} <= {code for code, row in RETURN_CODES.items() if row.unauthorized}
    assert RETURN_CODES["R11"].category == NEEDS_DETAILS, "a corrected new entry is allowed"
    assert RETURN_CODES["R16"].escalate and RETURN_CODES["R90"].escalate
    assert {f"R{n:02d}" for n in [*range(1, 40), *range(40, 48), 50, 51, 52, 53, 61, 62, *range(67, 78), *range(80, 86), 90]} == set(
        RETURN_CODES
    )
    assert return_code("R99").meaning == "Unknown return code"


def test_transaction_codes():
    assert {code: return_transaction_code(code) for code in ("22", "27", "32", "37", "42", "47", "52", "55", "23", "28")} == {
        "22": "21", "27": "26", "32": "31", "37": "36", "42": "41", "47": "46", "52": "51", "55": "56", "23": "21", "28": "26",
    }  # fmt: skip
    assert all(is_credit(code) != is_debit(code) for code in TRANSACTION_CODES)
    assert transaction_code("savings", credit=True) == "3" + CREDIT and transaction_code("loan", credit=False) == "55"
    with pytest.raises(ValueError):
        transaction_code("loan", credit=False, prenote=True)


def notice(code, corrected, layout="addenda_98"):
    values = {"original_trace": ORIGINAL, "original_rdfi": "09100001", "corrected": corrected}
    values["refused_code" if layout.endswith("refused") else "change_code"] = code
    return answer((layout, values), amount=0, sec="COR")


@pytest.mark.parametrize(
    ("code", "corrected", "expected"),
    [
        ("C01", "998877", {"account_number": "998877"}),
        ("C02", "032000078", {"routing_number": "032000078"}),
        ("C03", "032000078   998877", {"routing_number": "032000078", "account_number": "998877"}),
        ("C04", "JANE ROE", {"holder_name": "JANE ROE"}),
        ("C05", "32", {"account_type": "savings"}),
        ("C06", "998877".ljust(17) + "   37", {"account_number": "998877", "account_type": "savings"}),
        (
            "C07",
            "032000078" + "998877".ljust(17) + "32",
            {"routing_number": "032000078", "account_number": "998877", "account_type": "savings"},
        ),
    ],
)
def test_a_notice_of_change_is_applied_to_the_destination(code, corrected, expected):
    (change,) = changes(notice(code, corrected))
    assert change.code == code and change.original_trace == ORIGINAL and change.meaning == CHANGE_CODES[code][0]
    new = apply_change(DESTINATION, change)
    assert new == {**DESTINATION, **expected} and DESTINATION["account_number"] == "12345678"
    assert isinstance(validate("us_bank", new, "USD"), dict)


@pytest.mark.parametrize(("code", "corrected"), [("C02", "032000079"), ("C05", "92"), ("C09", "NEW-ID"), ("C10", "NEW NAME")])
def test_what_cannot_be_applied_goes_to_a_person(code, corrected):
    (change,) = changes(notice(code, corrected))
    with pytest.raises(ChangeError):
        apply_change(DESTINATION, change)


def test_a_refused_notice_corrects_nothing():
    (change,) = changes(notice("C62", "", "addenda_98_refused"))
    assert change.refused and change.corrected == {}
    with pytest.raises(ChangeError):
        apply_change(DESTINATION, change)


COMPANY = Company(name="Acme", company_id="1121042882", odfi_routing="121042882", odfi_name="First Bank")


def test_a_return_is_dishonored_and_reads_back_as_one():
    (returned,) = returns(answer(back("R01")))
    file = read(write(build_answers(COMPANY, [Dishonor(returned, "R68", "too late")], created=datetime(2026, 11, 25, 8))))
    assert file.valid and not file.warnings, [str(f) for f in file.errors + file.warnings]
    (found,) = returns(file)
    assert (found.kind, found.reason.code, found.return_trace, found.original_trace) == ("dishonored", "R68", returned.trace, ORIGINAL)
    assert found.amount_minor == 12345 and file.batches[0].entries[0].routing_number == "091000019"
    with pytest.raises(BuildError):
        build_answers(COMPANY, [Dishonor(found, "R68")], created=datetime(2026, 11, 25, 8))
    with pytest.raises(BuildError):
        build_answers(COMPANY, [Dishonor(returned, "R01")], created=datetime(2026, 11, 25, 8))


def test_a_notice_is_refused_and_reads_back_as_refused():
    (change,) = changes(notice("C03", "032000078   998877"))
    file = read(write(build_answers(COMPANY, [Refusal(change, "C65")], created=datetime(2026, 11, 25, 8))))
    assert file.valid and not file.warnings, [str(f) for f in file.errors + file.warnings]
    (found,) = changes(file)
    addendum = file.batches[0].entries[0].addenda[0]
    assert found.refused and found.code == "C65" and addendum["change_code"] == "C03" and addendum["trace_sequence"] == change.trace[8:]
    assert addendum["corrected"].rstrip() == change.raw
    with pytest.raises(BuildError):
        build_answers(COMPANY, [Refusal(found, "C65")], created=datetime(2026, 11, 25, 8))
