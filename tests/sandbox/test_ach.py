"""NACHA files through the folders: the product's writer and reader against the bank's own, which shares no code with them."""

from __future__ import annotations

import os
import time
from datetime import date, datetime

import pytest

from sandbox import ach
from settlement.rails.nacha import Company, Origination, apply_change, build, changes, read, returns, write

from .conftest import wait_for

COMPANY = Company(name="Acme Servicing", company_id="1121042882", odfi_routing="121042882", odfi_name="First Bank")


def entry(reference, account="12345678", amount=1000, **fields):
    return Origination(reference, amount, "091000019", account, fields.pop("holder_name", "Jane Doe"), **fields)


def nacha(*entries, modifier="A"):
    return write(build(COMPANY, entries, created=datetime(2026, 11, 20, 9, 30), effective=date(2026, 11, 23), modifier=modifier))


def drop(bank, name, data):
    """As an SFTP client does it: under a temporary name, then renamed."""
    part = bank.data / "inbox" / f"{name}.part"
    part.write_bytes(data)
    os.replace(part, bank.data / "inbox" / name)


def outbox(bank, pattern, count=1):
    return wait_for(lambda: len(found := sorted((bank.data / "outbox").glob(pattern))) >= count and found, f"{pattern} in the outbox")


def gone(bank, name, folder="done"):
    wait_for(lambda: (bank.data / "inbox" / folder / name).exists(), f"{name} to be taken")


def test_a_file_is_executed_entry_by_entry_and_booked_batch_by_batch(bank):
    drop(bank, "a.ach", nacha(entry("R1", amount=1000), entry("R2", amount=2500), entry("D1", amount=700, credit=False, sec="PPD")))
    (ack,) = outbox(bank, "a.ach.ack")
    assert ack.read_text() == "ACCEPTED a.ach: 2 batches, 3 entries\n"
    gone(bank, "a.ach")
    rows = bank.get("/executions")["data"]
    assert [(r["reference"], r["amount_minor"], r["kind"]) for r in rows] == [
        ("R1", -1000, "ach"),
        ("R2", -2500, "ach"),
        ("D1", 700, "ach"),
    ]
    assert rows[0]["detail"]["trace"] == "121042880000001" and rows[0]["detail"]["file"] == "a.ach"
    account = bank.get("/accounts")["data"][0]
    assert account["balance_minor"] == account["opening_minor"] - 2800
    lines = bank.raw(f"/statements/{bank.today()}.csv").decode().splitlines()[1:]
    assert len(lines) == 2 and "-35.00" in lines[0] and "7.00" in lines[1]


def test_the_same_file_is_executed_once_whatever_its_name(bank):
    data = nacha(entry("R1"))
    drop(bank, "a.ach", data)
    gone(bank, "a.ach")
    drop(bank, "b.ach", data)
    (ack,) = outbox(bank, "b.ach.ack")
    assert ack.read_text().startswith("REFUSED b.ach: the same file was received before as a.ach")
    gone(bank, "b.ach", "refused")
    drop(bank, "a.ach", data)
    wait_for(lambda: not (bank.data / "inbox" / "a.ach").exists(), "the repeated drop to be taken")
    assert bank.executed("R1") == 1


def test_magic_accounts_come_back_in_a_return_file_that_our_reader_takes(bank):
    drop(bank, "a.ach", nacha(
        entry("OK"), entry("NSF", "9900000001", 5000), entry("GONE", "9900000002"), entry("DEBIT", "9900000010", 600, credit=False, sec="PPD"),
        entry("NEW", "9800000001"), entry("BANK", "9800000002"), entry("KIND", "9800000005"),
    ))  # fmt: skip
    (path,) = outbox(bank, "RET*.ach")
    file = read(path.read_bytes())
    assert file.valid and file.header["destination"] == "1121042882" and write(file) == path.read_bytes()
    found = {r.individual_id: r for r in returns(file)}
    assert {name: (r.reason.code, r.amount_minor, r.credit) for name, r in found.items()} == {
        "NSF": ("R01", 5000, True), "GONE": ("R02", 1000, True), "DEBIT": ("R10", 600, False),
    }  # fmt: skip
    assert found["NSF"].original_trace == "121042880000002" and found["NSF"].original_rdfi == "09100001"
    (path,) = outbox(bank, "NOC*.ach")
    file = read(path.read_bytes())
    assert file.valid, [str(f) for f in file.errors]
    notices = {c.individual_id: c for c in changes(file)}
    destination = {
        "type": "us_bank",
        "routing_number": "091000019",
        "account_number": "9800000001",
        "account_type": "checking",
        "holder_name": "JANE DOE",
    }
    assert apply_change(destination, notices["NEW"])["account_number"] != "9800000001"
    assert (
        notices["BANK"].corrected == {"routing_number": "091000019"}
        and apply_change(destination, notices["KIND"])["account_type"] == "savings"
    )
    assert not any(f.code == "return_transaction_code" for f in file.warnings)
    # the money: three entries went and came back, the notices stay executed
    account = bank.get("/accounts")["data"][0]
    assert account["balance_minor"] == account["opening_minor"] - 4 * 1000
    assert [r["kind"] for r in bank.get("/executions", reference="NSF")["data"]] == ["ach", "ach_return"]
    assert bank.executed("NSF") == 1


def test_returns_by_rate_are_repeatable(bank):
    bank.faults(ach_return=0.3, ach_noc=0.2)
    items = [entry(f"E{i:03d}") for i in range(60)]
    drop(bank, "a.ach", nacha(*items))
    first = {r.individual_id: r.reason.code for r in returns(read(outbox(bank, "RET*.ach")[0].read_bytes()))}
    drop(bank, "b.ach", nacha(*items, modifier="B"))
    second = {r.individual_id: r.reason.code for r in returns(read(outbox(bank, "RET*.ach", 2)[1].read_bytes()))}
    assert first == second and 8 <= len(first) <= 30 and set(first.values()) <= {"R01", "R02", "R03", "R09"}
    noticed = {c.individual_id for c in changes(read(outbox(bank, "NOC*.ach")[0].read_bytes()))}
    assert noticed and not noticed & set(first)
    assert bank.get("/executions", limit=20000)["executed_more_than_once"].keys() == {f"E{i:03d}" for i in range(60)}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [(lambda d: d.replace(b"0000001000R1", b"0000001001R1"), "batch control"), (lambda d: d[:-200].rsplit(b"\n", 8)[0] + b"\n9 short\n", "characters"),
     (lambda d: d.replace(b"\n6", b"\n7", 1), "out of place"), (lambda d: b"\n".join(line for line in d.split(b"\n") if not line.startswith(b"1")), "header"),
     (lambda d: d.replace(b"JANE", b"J\xc3\x89E"), "ASCII")],
)  # fmt: skip
def test_a_broken_file_is_refused_with_the_reason_and_moves_nothing(bank, damage, reason):
    drop(bank, "bad.ach", damage(nacha(entry("R1"))))
    (ack,) = outbox(bank, "bad.ach.ack")
    assert ack.read_text().startswith("REFUSED bad.ach: ") and reason in ack.read_text()
    gone(bank, "bad.ach", "refused")
    assert bank.get("/executions")["data"] == []


def test_unfinished_files_wait(bank):
    data = nacha(entry("R1"))
    (bank.data / "inbox" / "slow.ach").write_bytes(data[:300])
    (bank.data / "inbox" / ".hidden").write_bytes(data)
    (bank.data / "inbox" / "x.part").write_bytes(data)
    bank.client.post("/inbox")
    time.sleep(0.4)
    assert bank.get("/executions")["data"] == []
    (bank.data / "inbox" / "slow.ach").write_bytes(data)
    gone(bank, "slow.ach")
    assert bank.executed("R1") == 1 and (bank.data / "inbox" / "x.part").exists()


def test_killed_between_files_it_executes_each_once_and_delivers_every_return(bank):
    bank.client.put("/faults", json={"return_seconds": 0.4})
    for i in range(12):
        drop(
            bank,
            f"f{i:02d}.ach",
            nacha(*(entry(f"F{i:02d}-{n}", "9900000003" if n == 0 else "12345678") for n in range(20)), modifier=chr(65 + i)),
        )
        if i % 3 == 2:
            time.sleep(0.15)
            bank.kill()
            bank.start()
    wait_for(lambda: bank.get("/executions")["totals"]["executions"] == 240, "all files")
    assert bank.get("/executions")["executed_more_than_once"] == {}
    paths = outbox(bank, "RET*.ach", 12)
    assert sorted(r.individual_id for p in paths for r in returns(read(p.read_bytes()))) == [f"F{i:02d}-0" for i in range(12)]
    account = bank.get("/accounts")["data"][0]
    wait_for(lambda: bank.get("/balance")["balance_minor"] == account["opening_minor"] - 12 * 19 * 1000, "the returned money")


def test_the_banks_reader_and_ours_agree_on_what_our_writer_makes():
    data = nacha(
        entry("A"),
        entry("B", sec="PPD", addenda=("RENT",)),
        entry("C", sec="CTX", addenda=("1", "2", "3")),
        entry("D", credit=False, sec="WEB"),
    )
    theirs, ours = ach.read(data), read(data)
    assert [(e.trace, e.amount, e.account, e.individual_id, e.name, len(e.addenda)) for b in theirs.batches for e in b.entries] == [
        (e.trace, e.amount, e.account, e.individual_id, e.name, len(e.addenda)) for _, e in ours.entries()
    ]
