"""Built files keep every rule; broken ones are caught at the place where they are broken."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.rails.nacha import BuildError, Company, Origination, build, read, write
from settlement.rails.nacha.builder import International, safe
from settlement.rails.nacha.entry_checks import check_digit
from settlement.rails.nacha.layouts import LAYOUTS
from settlement.rails.nacha.records import FieldError, Record

COMPANY = Company(name="Acme Servicing", company_id="1121042882", odfi_routing="121042882", odfi_name="First Bank")
MADE, DAY = datetime(2026, 11, 20, 9, 30), date(2026, 11, 23)

GOLDEN = """\
101 091000019 1210428822611200930A094101FIRST BANK             ACME SERVICING                 
5225ACME SERVICING                      1121042882PPDLOAN PMT  261120261123   1121042880000001
62709100001912345678         0000126414LN0001         JANE DOE                0121042880000001
637032000078998877           0000005000LN0002         JOHN ROE                0121042880000002
822500000200123000080000001314140000000000001121042882                         121042880000001
9000001000001000000020012300008000000131414000000000000                                       
""" + ("9" * 94 + "\n") * 4  # fmt: skip  # noqa: W291


def paid(reference="R1", amount=12345, **fields):
    base = {
        "reference": reference, "amount_minor": amount, "routing_number": "091000019", "account_number": "12345678", "holder_name": "Jane Doe",
    }  # fmt: skip
    return Origination(**{**base, **fields})


def made(*items, **fields):
    return build(COMPANY, items or (paid(),), **{"created": MADE, "effective": DAY, **fields})


def codes(data):
    return {fault.code for fault in read(data).errors}


def test_the_golden_file_is_read_written_and_built():
    file = read(GOLDEN)
    assert not file.errors and not file.warnings and write(file).decode() == GOLDEN
    company = replace(COMPANY, immediate_destination="091000019", immediate_origin="121042882")
    items = [
        Origination("LN0001", 126414, "091000019", "12345678", "Jane Doe", credit=False, sec="PPD", description="LOAN PMT"),
        Origination(
            "LN0002", 5000, "032000078", "998877", "John Roe", account_type="savings", credit=False, sec="PPD", description="LOAN PMT"
        ),
    ]
    built = write(build(company, items, created=MADE, effective=DAY)).decode()
    # the golden file describes its day as the day it was made; the builder describes the effective day
    assert built == GOLDEN.replace("LOAN PMT  261120261123", "LOAN PMT  261123261123")


def test_every_layout_is_94_characters_without_holes():
    for fields in LAYOUTS.values():
        places = sorted((first, last) for first, last, _ in fields.values())
        assert places[0][0] == 0 and places[-1][1] == 94
        assert all(a[1] == b[0] for a, b in zip(places, places[1:], strict=False))


names = st.text(min_size=1, max_size=40).filter(lambda text: safe(text, 22).strip("0"))
routing = st.integers(10_000_000, 12_999_999).map(lambda n: f"{n:08d}").map(lambda eight: eight + check_digit(eight))
originations = st.builds(
    paid, reference=st.text("ABCxyz019-_", min_size=1, max_size=15), amount=st.integers(1, 10**8), routing_number=routing,
    account_number=st.text("0123456789ABC", min_size=1, max_size=17), holder_name=names, account_type=st.sampled_from(["checking", "savings"]),
    credit=st.booleans(), sec=st.sampled_from(["PPD", "CCD", "CTX", "WEB"]), description=st.sampled_from(["PAYMENT", "PAYROLL", "Rent Nov."]),
    addenda=st.lists(st.text(max_size=80).filter(lambda t: len(t.encode()) == len(t)), max_size=1).map(tuple),
)  # fmt: skip


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(originations, min_size=1, max_size=12), st.booleans())
def test_whatever_is_built_reads_back_without_an_error_and_says_the_same(items, balanced):
    offset = paid("OFFSET", 1, account_number="777") if balanced else None
    file = made(*items, balanced=offset)
    data = write(file)
    assert len(data.splitlines()) % 10 == 0 and all(len(line) == 94 for line in data.splitlines())
    again = read(data)
    assert not again.errors, [str(fault) for fault in again.errors]
    assert write(again) == data
    seen = sorted(
        (entry.individual_id, entry.amount, entry.routing_number, entry.account, entry.code[1] == "2")
        for _, entry in again.entries() if entry.account != "777" or entry.individual_id != "OFFSET"
    )  # fmt: skip
    assert seen == sorted((i.reference.strip(), i.amount_minor, i.routing_number, i.account_number, i.credit) for i in items)
    if balanced:
        for batch in again.batches:
            assert batch.control.number("debits") == batch.control.number("credits")


def test_the_same_input_makes_the_same_bytes():
    assert write(made(paid("A"), paid("B"))) == write(made(paid("A"), paid("B")))
    assert write(made(modifier="B")) != write(made())


def test_batches_traces_and_prenotes():
    file = made(paid("A"), paid("B", sec="PPD"), paid("C"), paid("D", 0, prenote=True), first_batch=7, first_sequence=100)
    assert [(b.number, b.sec, len(b.entries)) for b in file.batches] == [(7, "CCD", 3), (8, "PPD", 1)]
    assert [e.trace for _, e in file.entries()] == [f"12104288{n:07d}" for n in (100, 101, 102, 103)]
    assert [e.code for _, e in file.entries()] == ["22", "22", "23", "22"]
    assert read(write(file)).valid


INTERNATIONAL = International(
    originator_name="Acme", originator_street="1 Main St", originator_city="Springfield", originator_state="IL", originator_country="US",
    originator_postal="62701", receiver_street="5 Rue Neuve", receiver_city="Paris", receiver_state="", receiver_country="FR", receiver_postal="75001",
    receiver_bank_name="Banque", receiver_bank_id="30004", receiver_bank_country="FR", destination_currency="EUR",
    correspondents=(("Middle Bank", "01", "123", "DE"),),
)  # fmt: skip


def test_international_entries():
    file = made(paid(sec="IAT", international=INTERNATIONAL, account_number="FR1420041010050500013M02606", addenda=("Invoice 7",)))
    again = read(write(file))
    assert again.valid and not again.warnings, [str(f) for f in again.errors + again.warnings]
    entry = again.batches[0].entries[0]
    assert [a.text[1:3] for a in entry.addenda] == ["10", "11", "12", "13", "14", "15", "16", "17", "18"]
    assert entry.account == "FR1420041010050500013M02606" and again.batches[0].header["destination_country"] == "FR"
    broken = write(file).decode().replace("\n712", "\n719")
    assert "iat_addenda" in codes(broken)


def test_corporate_remittance_counts_its_addenda():
    lines = tuple(f"RMR*IV*{n}**{n}.00\\" for n in range(1, 41))
    file = made(paid(sec="CTX", addenda=lines))
    again = read(write(file))
    assert again.valid and again.batches[0].entries[0].record.number("addenda_count") == 40
    data = write(file).decode().splitlines(keepends=True)
    assert {"addenda_count", "totals"} <= codes("".join(line for i, line in enumerate(data) if i != 5))


@pytest.mark.parametrize(
    "bad",
    [{"amount": 0}, {"amount": 10**10}, {"amount": -1}, {"amount": 1.5}, {"amount": True}, {"routing_number": "091000018"}, {"routing_number": "0910"},
     {"account_number": ""}, {"account_number": "1" * 18}, {"account_number": "12\n34"}, {"reference": "x" * 16}, {"holder_name": "北京"}, {"sec": "ARC"},
     {"sec": "TEL"}, {"sec": "IAT"}, {"addenda": ("a", "b")}, {"addenda": ("x" * 81,)}, {"prenote": True}, {"account_type": "loan", "credit": False, "sec": "XXX"}],
)  # fmt: skip
def test_what_no_file_can_carry_is_refused_with_its_index(bad):
    amount = bad.pop("amount", 100)
    with pytest.raises(BuildError) as caught:
        made(paid("ok"), paid(**{"reference": "bad", **bad, "amount": amount}))
    assert caught.value.index == 1


def test_an_empty_file_a_bad_modifier_and_a_bad_bank_are_refused():
    for call in (lambda: build(COMPANY, [], created=MADE, effective=DAY), lambda: made(modifier="a"),
                 lambda: build(replace(COMPANY, odfi_routing="121042881"), [paid()], created=MADE, effective=DAY)):  # fmt: skip
        with pytest.raises(BuildError):
            call()


def test_totals_that_do_not_fit_are_refused():
    for items, offset in (([paid(amount=10**10 - 1)] * 101, None), ([paid(amount=10**10 - 1)] * 2, paid("O", 1, account_number="7"))):
        with pytest.raises(BuildError, match="[Ss]plit"):
            made(*items, balanced=offset)


def test_a_line_break_cannot_be_smuggled_in():
    for field in ("name", "account"):
        with pytest.raises(FieldError):
            Record.make("entry", record="6", **{field: "A\n9000"})


def test_every_changed_digit_of_a_total_is_caught():
    data = write(made(paid("A", 111), paid("B", 222, credit=False), paid("C", 333, sec="PPD"))).decode()
    lines = data.split("\n")
    for number, line in enumerate(lines):
        last = {"8": 44, "9": 55}.get(line[:1])
        if last is None or line == "9" * 94:
            continue
        start = 4 if line[0] == "8" else 1
        for at in range(start, last):
            if line[0] == "9" and 7 <= at < 13:
                continue  # the block count is informative
            changed = line[:at] + str((int(line[at]) + 1) % 10) + line[at + 1 :]
            broken = read("\n".join([*lines[:number], changed, *lines[number + 1 :]]))
            assert "totals" in {f.code for f in broken.errors} and not broken.usable, (number, at)


def test_every_changed_amount_or_routing_digit_is_caught():
    data = write(made(paid("A", 111), paid("B", 222))).decode()
    lines = data.split("\n")
    for number in (2, 3):
        for at in [*range(3, 12), *range(29, 39)]:
            line = lines[number]
            changed = line[:at] + str((int(line[at]) + 3) % 10) + line[at + 1 :]
            assert codes("\n".join([*lines[:number], changed, *lines[number + 1 :]])), (number, at)


def test_any_lost_repeated_or_swapped_line_is_caught():
    data = write(made(paid("A", 111, addenda=("one",)), paid("B", 222, sec="PPD", addenda=("two",)))).decode()
    lines = [line for line in data.splitlines() if line != "9" * 94]
    for i in range(len(lines)):
        assert codes("\n".join(lines[:i] + lines[i + 1 :])), f"line {i} lost"
        assert codes("\n".join(lines[: i + 1] + lines[i:])), f"line {i} repeated"
        for j in range(i + 1, len(lines)):
            swapped = [*lines]
            swapped[i], swapped[j] = swapped[j], swapped[i]
            found = read("\n".join(swapped))
            assert found.errors, (i, j)


def change(data, line, first, text):
    lines = data.split("\n")
    lines[line] = lines[line][: first - 1] + text + lines[line][first - 1 + len(text) :]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("line", "first", "text", "code", "scope"),
    [
        (0, 35, "093", "constant", "file"), (0, 34, "a", "modifier", "file"), (0, 24, "269999", "date", "file"), (0, 4, " 12345678X", "destination", "file"),
        (1, 2, "225", "service_class", "batch"), (1, 51, "XXX", "sec", "batch"), (1, 54, " " * 10, "mandatory", "batch"), (1, 41, " " * 10, "mandatory", "batch"),
        (1, 88, "0000009", "control_differs", "batch"), (2, 2, "99", "transaction_code", "entry"), (2, 12, "1", "check_digit", "entry"),
        (2, 13, " " * 17, "account", "entry"), (2, 79, "1", "addenda_indicator", "entry"), (2, 79, "5", "addenda_indicator", "entry"),
        (2, 80, "99999999", "trace_odfi", "entry"), (2, 80, "ABC", "trace", "entry"), (2, 30, "00000A", "amount", "entry"), (2, 2, "21", "transaction_code", "entry"),
        (2, 2, "23", "amount", "entry"), (3, 80, "121042880000001", "trace_order", "batch"), (2, 60, "É", "not_ascii", "entry"),
    ],
)  # fmt: skip
def test_each_rule_is_broken_alone_and_named(line, first, text, code, scope):
    data = write(made(paid("A", 111), paid("B", 222))).decode()
    found = {(fault.code, fault.scope) for fault in read(change(data, line, first, text)).errors}
    assert (code, scope) in found, found


def test_a_bad_entry_is_refused_alone_and_the_file_stays_usable():
    data = write(made(paid("A", 111), paid("B", 222))).decode()
    file = read(change(data, 2, 13, " " * 17))
    assert file.errors and file.usable and file.bad_lines() == {3} and file.errors[0].trace == "121042880000001"
    assert "line 3" in str(file.errors[0])


def test_telephone_entries_collect_and_name_their_receiver():
    data = write(made(paid("A", 111, sec="TEL", credit=False, description="RENT"))).decode()
    assert read(data).valid
    assert "name" in codes(change(data, 2, 55, "0" * 22)) and "name" in codes(change(data, 2, 55, " " * 22))
    assert "direction" in codes(change(change(change(data, 2, 2, "22"), 1, 2, "220"), 3, 2, "220"))


def test_line_ends_trimmed_blanks_padding_and_marks_come_back_as_they_were():
    data = write(made(paid("A"), paid("B", addenda=("x",)))).decode()
    trimmed = "\n".join(line.rstrip() for line in data.split("\n"))
    variants = [data.replace("\n", "\r\n"), data.rstrip("\n"), data.replace("\n", ""), trimmed, data + "\n\n", data + "  \r\n", "\ufeff" + data,
                data.replace("9" * 94 + "\n", ""), "\n" + data, data.replace("\n", "\r"), trimmed.replace("\n", "\r\n") + "\x1a"]  # fmt: skip
    for i, variant in enumerate(variants):
        raw = variant.encode()
        assert write(read(raw)) == raw, i
        assert write(read(variant)) == raw, i
        if i < 10:
            assert read(raw).valid, (i, [str(f) for f in read(raw).errors])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 2**32))
def test_damage_never_raises_and_never_loses_a_byte(seed):
    rng = random.Random(seed)
    data = bytearray(write(made(paid("A"), paid("B", sec="CTX", addenda=("x", "y")), paid("C", sec="IAT", international=INTERNATIONAL))))
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data))
        way = rng.randrange(4)
        if way == 0:
            data[at] = rng.randrange(256)
        elif way == 1:
            del data[at : at + rng.randrange(200)]
        elif way == 2:
            data[at:at] = rng.randbytes(rng.randrange(50))
        else:
            data[at:at] = rng.choice([b"\n", b"\r\n", b"\x00", b"9" * 94, b"5225", b"\xff"])
        if not data:
            data = bytearray(b" ")
    assert write(read(bytes(data))) == bytes(data)


def test_nothing_and_nonsense():
    for data in (b"", b"  \n\n", b"{}", b"\x00" * 500, b"hello", "é" * 94):
        file = read(data)
        assert file.errors and not file.usable
    assert read(b"").errors[0].code == "empty" and read(b'{"a": 1}').errors[0].code == "not_nacha"


def test_the_identity_of_a_file():
    assert read(write(made())).identity == ("1121042882", "261120", "A")
    assert read(write(made(modifier="7"))).identity[2] == "7"


def test_a_notice_of_change_about_an_international_entry_repeats_its_addenda():
    file = made(paid(sec="IAT", international=INTERNATIONAL, account_number="FR1420041010050500013M02606"))
    lines = write(file).decode().split("\n")
    entry = next(n for n, line in enumerate(lines) if line.startswith("6"))
    last = next(n for n, line in enumerate(lines) if line.startswith("8"))
    trace = lines[entry][79:94]
    lines[1] = lines[1][:4] + "IATCOR".ljust(16) + lines[1][20:50] + "COR" + lines[1][53:]
    lines.insert(last, f"798C01{trace}      {trace[:8]}9722-C3".ljust(79) + trace)
    assert "addenda_count" not in codes("\n".join(lines))
    ordinary = write(made(paid())).decode().split("\n")
    ordinary[1] = ordinary[1][:50] + "COR" + ordinary[1][53:]
    for n in range(2):
        ordinary.insert(3, f"705one{n}".ljust(94))
    assert "addenda_count" in codes("\n".join(ordinary))
