"""The folders over real SFTP, and statements that appear when a day is over."""

from __future__ import annotations

import asyncio
from datetime import date, datetime

import asyncssh
import pytest

from settlement.rails.nacha import Company, Origination, build, read, returns, write

from .conftest import Bank, wait_for

COMPANY = Company(name="Acme Servicing", company_id="1121042882", odfi_routing="121042882", odfi_name="First Bank")


@pytest.fixture
def served(tmp_path):
    bank = Bank(tmp_path / "bank", "--sftp-port", "0", "--settlement-seconds", "0.05", "--daily-statements", "bai2,csv").start()
    yield bank
    if bank.process is not None:
        bank.kill(15)


def connect(bank, **fields):
    public = (bank.data / "ssh_host_key.pub").read_text()
    port = int((bank.data / "sftp_port").read_text())
    known = asyncssh.import_known_hosts(f"[127.0.0.1]:{port} {public}")
    return asyncssh.connect(
        "127.0.0.1",
        port,
        **{"username": "sandbox", "password": "sandbox-key", "known_hosts": known, "client_keys": None, "agent_path": None, **fields},
    )


def test_a_file_is_dropped_and_its_returns_are_fetched(served):
    data = write(
        build(
            COMPANY,
            [Origination("R1", 500, "091000019", "9900000001", "Jane Doe")],
            created=datetime(2026, 11, 20, 9),
            effective=date(2026, 11, 23),
        )
    )

    async def run():
        async with connect(served) as connection, connection.start_sftp_client() as sftp:
            async with sftp.open("/inbox/a.ach.part", "wb") as target:
                await target.write(data)
            await sftp.rename("/inbox/a.ach.part", "/inbox/a.ach")
            for _ in range(200):
                names = [name for name in await sftp.listdir("/outbox") if name.startswith("RET")]
                if names:
                    break
                await asyncio.sleep(0.05)
            async with sftp.open(f"/outbox/{names[0]}", "rb") as source:
                return await source.read()

    (found,) = returns(read(asyncio.run(run())))
    assert (found.individual_id, found.reason.code, found.amount_minor) == ("R1", "R01", 500)
    assert served.executed("R1") == 1


def test_the_books_are_out_of_reach_and_strangers_stay_out(served):
    async def run():
        async with connect(served) as connection, connection.start_sftp_client() as sftp:
            assert sorted(name for name in await sftp.listdir("/") if not name.startswith(".")) == ["inbox", "outbox"]
            for path in ("/../bank.sqlite3", "../bank.sqlite3", "/inbox/../../bank.sqlite3"):
                with pytest.raises(asyncssh.SFTPError):
                    await sftp.stat(path)
        for fields in ({"password": "wrong"}, {"username": "root"}):
            with pytest.raises(asyncssh.PermissionDenied):
                async with connect(served, **fields):
                    pass
        async with connect(served) as connection:
            with pytest.raises((asyncssh.ChannelOpenError, asyncssh.ProcessError)):
                await connection.run("id", check=True)

    asyncio.run(run())


def test_the_host_stays_the_same_after_a_kill(served):
    before = (served.data / "ssh_host_key.pub").read_text()
    served.kill()
    served.start()
    assert (served.data / "ssh_host_key.pub").read_text() == before


def test_statements_appear_when_the_day_is_over_and_missed_days_on_return(served):
    served.send("t", 4200)
    first = served.today()
    served.client.post("/clock", json={"advance_seconds": 86_400})
    name = f"statement-{first.replace('-', '')}"
    wait_for(
        lambda: (served.data / "outbox" / f"{name}.bai2").exists() and (served.data / "outbox" / f"{name}.csv").exists(),
        "yesterday's statements",
    )
    assert "-42.00" in (served.data / "outbox" / f"{name}.csv").read_text()
    served.kill()
    served.start()
    served.client.post("/clock", json={"advance_seconds": 3 * 86_400})
    wait_for(lambda: len(list((served.data / "outbox").glob("statement-*.bai2"))) == 4, "the missed days")
