"""The bank's books: one SQLite file, accounts that open themselves, executions and statement lines that are only added."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

OPENING_MINOR = 10**13  # what every account starts with; /accounts shows it
CURRENCY = re.compile(r"[A-Z]{3,5}")
_EXPONENTS = {"JPY": 0, "KRW": 0, "UGX": 0, "CLP": 0, "VND": 0, "XAF": 0, "XOF": 0, "KWD": 3, "BHD": 3, "USDC": 6, "USDT": 6, "EURC": 6}


def exponent(currency: str) -> int:
    return _EXPONENTS.get(currency, 2)


def decimal(minor: int, currency: str, point: str = ".") -> str:
    places = exponent(currency)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    return sign + (f"{digits[:-places]}{point}{digits[-places:]}" if places else digits)


def account_number(currency: str) -> str:
    return f"10{int.from_bytes(currency.encode()) % 10**8:08d}"


class Books:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(folder / "bank.sqlite3", isolation_level=None, cached_statements=256)
        self.db.row_factory = sqlite3.Row
        # NORMAL: a commit reaches the operating system, which keeps it when this process is killed.
        # EXCLUSIVE: the books have one process, which saves a dozen system calls a commit; a second one is refused.
        self.db.executescript(
            "PRAGMA busy_timeout=5000; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"
        )
        self.db.executescript((Path(__file__).parent / "schema.sql").read_text())
        self.clock_offset = float(self.setting("clock_offset", "0"))
        self.balances: dict[str, int] = {}
        for row in self.db.execute("SELECT currency, opening_minor FROM accounts").fetchall():
            moved = self.db.execute("SELECT coalesce(sum(amount_minor), 0) FROM lines WHERE currency = ?", [row["currency"]]).fetchone()[0]
            self.balances[row["currency"]] = row["opening_minor"] + moved
        self.seq = self.db.execute("SELECT coalesce(max(seq), 0) FROM transfers").fetchone()[0]

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, the balances in memory included."""
        before, seq = dict(self.balances), self.seq
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
            self.db.execute("COMMIT")
        except BaseException:
            self.balances, self.seq = before, seq
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise

    # Time as the bank shows it; real delays run on real time.
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset)

    def stamp(self) -> str:
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def set_clock(self, offset: float) -> None:
        self.clock_offset = offset
        self.put_setting("clock_offset", str(offset))

    def setting(self, name: str, default: str = "") -> str:
        row = self.db.execute("SELECT value FROM settings WHERE name = ?", [name]).fetchone()
        return row[0] if row else default

    def put_setting(self, name: str, value: str) -> None:
        self.db.execute("INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", [name, value])

    def next_number(self, name: str) -> int:
        """A counter that never gives a number twice, restarts included."""
        row = self.db.execute(
            "INSERT INTO settings VALUES (?, '1') ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) RETURNING value",
            [f"counter:{name}"],
        ).fetchone()
        return int(row[0])

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def attempt(self, key: str) -> int:
        """How many times this call has come, this one included."""
        return self.db.execute(
            "INSERT INTO attempts VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET n = n + 1 RETURNING n", [key]
        ).fetchone()[0]

    def open_account(self, currency: str) -> None:
        if currency not in self.balances:
            self.db.execute("INSERT INTO accounts VALUES (?, ?, ?)", [currency, account_number(currency), OPENING_MINOR])
            self.balances[currency] = OPENING_MINOR

    def accounts(self) -> list[dict[str, Any]]:
        rows = self.db.execute("SELECT currency, number, opening_minor FROM accounts ORDER BY currency").fetchall()
        return [{**dict(row), "balance_minor": self.balances[row["currency"]]} for row in rows]

    def execute(self, *, kind: str, reference: str, amount_minor: int, currency: str, at: str, detail: dict[str, Any]) -> None:
        self.db.execute(
            "INSERT INTO executions (kind, reference, amount_minor, currency, at, detail) VALUES (?, ?, ?, ?, ?, ?)",
            [kind, reference, amount_minor, currency, at, json.dumps(detail, separators=(",", ":"))],
        )

    def book(
        self, *, kind: str, reference: str, amount_minor: int, currency: str, at: str, narrative: str,
        counterparty: str = "", shown: bool = True, counted: bool = True,
    ) -> None:  # fmt: skip
        """One line on the account, and the balance with it."""
        self.open_account(currency)
        self.db.execute(
            "INSERT INTO lines (currency, day, at, kind, amount_minor, reference, narrative, counterparty, shown, counted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [currency, at[:10], at, kind, amount_minor, reference, narrative, counterparty, int(shown), int(counted)],
        )
        self.balances[currency] += amount_minor

    def executions(self, *, since: int = 0, limit: int = 1000, reference: str = "") -> dict[str, Any]:
        where, values = ("WHERE seq > ?", [since])
        if reference:
            where, values = where + " AND reference = ?", [*values, reference]  # type: ignore[list-item]
        rows = self.db.execute(
            f"SELECT seq, kind, reference, amount_minor, currency, at, detail,"  # nosec B608 # the condition is written above, its values are parameters
            f" (SELECT count(*) FROM executions o WHERE o.reference = e.reference AND o.kind IN ('transfer', 'ach')) AS count"
            f" FROM executions e {where} ORDER BY seq LIMIT ?",
            [*values, limit + 1],
        ).fetchall()
        data = [{**dict(row), "detail": json.loads(row["detail"])} for row in rows[:limit]]
        totals = self.db.execute(
            "SELECT count(*) AS executions, count(DISTINCT reference) AS refs FROM executions WHERE kind IN ('transfer', 'ach')"
        ).fetchone()
        repeated = self.db.execute(
            "SELECT reference, count(*) AS n FROM executions WHERE kind IN ('transfer', 'ach') GROUP BY reference HAVING n > 1 LIMIT 1000"
        ).fetchall()
        return {
            "data": data,
            "has_more": len(rows) > limit,
            "next_since": data[-1]["seq"] if data else since,
            "totals": {"executions": totals["executions"], "references": totals["refs"]},
            "executed_more_than_once": {row["reference"]: row["n"] for row in repeated},
        }


def real_time() -> float:
    return time.time()
