"""The SFTP-like folders: NACHA files dropped in `inbox/` are executed once, answers and statements appear in `outbox/`.

A file is known by its bytes: the same bytes under another name are refused as a duplicate. Everything that a file
causes is committed before the file is moved away, so a crash in between repeats nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sandbox import ach
from sandbox.bank import Bank, magic
from sandbox.books import real_time
from sandbox.http import HttpError
from sandbox.statements import FORMATS, render

UNFINISHED = (".part", ".tmp", ".filepart")
SETTLE_SECONDS = 2.0  # a file that does not end like a finished one is left alone this long before it is refused
MAX_DAYS = 40
MAX_FILE = 64 * 1024 * 1024
MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Folders:
    def __init__(self, bank: Bank, data: Path, log: Callable[[str], None], daily: list[str] | None = None) -> None:
        self.bank, self.books, self.log, self.daily = bank, bank.books, log, daily or []
        # The folders live under DIR/sftp, so that serving that one folder shows them and never the books.
        self.root = data / "sftp"
        self.inbox, self.outbox = self.root / "inbox", self.root / "outbox"
        for folder in (self.inbox, self.outbox, self.inbox / "done", self.inbox / "refused"):
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("inbox", "outbox"):
            if not os.path.lexists(data / name):
                (data / name).symlink_to(Path("sftp") / name)

    def work(self) -> int:
        """Read what was dropped, write what is due."""
        done = 0
        for path in sorted(self.inbox.iterdir()):
            if path.is_file() and not path.name.startswith(".") and not path.name.endswith(UNFINISHED):
                done += self._receive(path)
        if self.daily:
            self._end_days()
        return done + self._write_due()

    def _end_days(self) -> None:
        """When the bank's day is over its statements appear; days missed while the bank was down appear on return."""
        today = self.books.now().date()
        written = date.fromisoformat(self.books.setting("statements_through") or (today - timedelta(days=1)).isoformat())
        for _ in range(MAX_DAYS):
            if written >= today - timedelta(days=1):
                break
            written += timedelta(days=1)
            self.write_statements(written, self.daily)
        else:
            written = today - timedelta(days=1)  # after a jump of the clock only the first days are printed
        if written.isoformat() != self.books.setting("statements_through"):
            self.books.put_setting("statements_through", written.isoformat())

    def _receive(self, path: Path) -> int:
        try:
            if path.stat().st_size > MAX_FILE:
                self._finish(path, "refused")
                return 1
            data = path.read_bytes()
            age = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            return 0  # taken back by whoever dropped it
        if not ach.complete(data) and age < SETTLE_SECONDS:
            return 0
        digest = hashlib.sha256(data).hexdigest()
        known = self.books.db.execute("SELECT name, verdict FROM ach_files WHERE sha256 = ?", [digest]).fetchone()
        if known is not None:
            if known["name"] != path.name:
                self._queue(f"{path.name}.ack", f"REFUSED {path.name}: the same file was received before as {known['name']}\n".encode())
                self._finish(path, "refused")
            else:  # committed before a crash, or dropped twice under one name: nothing to do again
                self._finish(path, "done" if known["verdict"] == "accepted" else "refused")
            return 1
        try:
            received = ach.read(data)
        except ach.BadFile as error:
            with self.books.transaction() as db:
                db.execute("INSERT INTO ach_files VALUES (?, ?, ?, ?)", [digest, path.name, self.books.stamp(), f"refused: {error}"])
                self._queue(f"{path.name}.ack", f"REFUSED {path.name}: {error}\n".encode())
            self._finish(path, "refused")
            return 1
        with self.books.transaction() as db:
            db.execute("INSERT INTO ach_files VALUES (?, ?, ?, ?)", [digest, path.name, self.books.stamp(), "accepted"])
            self._execute(path.name, received)
        self._finish(path, "done")
        return 1

    def _execute(self, name: str, received: ach.Received) -> None:
        books, faults, at = self.books, self.bank.faults, self.books.stamp()
        books.open_account("USD")
        own = next(account["number"] for account in books.accounts() if account["currency"] == "USD")
        returned: list[tuple[ach.Entry, str]] = []
        notices: list[tuple[ach.Entry, str]] = []
        count = 0
        for batch in received.batches:
            net = 0
            for entry in batch.entries:
                count += 1
                if entry.account == own:
                    continue  # the offset entry of a balanced file moves the account's own money to itself
                key = f"{entry.individual_id}|{entry.trace}"
                signed = -entry.amount if entry.code in ach.CREDITS else entry.amount if entry.code in ach.DEBITS else 0
                special = magic(entry.account, " ".join(entry.addenda))
                if special and special[0] == "NOC":
                    notices.append((entry, special[1]))
                elif special:
                    returned.append((entry, special[1]))
                elif faults.hits("ach_return", key):
                    returned.append((entry, ("R01", "R02", "R03", "R09")[int(faults.roll("return_code", key) * 4)]))
                elif faults.hits("ach_noc", key):
                    notices.append((entry, ("C01", "C02", "C03", "C05")[int(faults.roll("noc_code", key) * 4)]))
                if signed:
                    net += signed
                    books.execute(
                        kind="ach",
                        reference=entry.individual_id or entry.trace,
                        amount_minor=signed,
                        currency="USD",
                        at=at,
                        detail=self._detail(name, entry),
                    )
            if net:
                reference = f"{name}:{batch.number}"
                missing = faults.hits("statement_line_missing", reference)
                narrative = (
                    f"ACH SETTLEMENT {batch.header[4:20].strip()} {batch.header[53:63].strip()} BATCH {batch.number:07d} FILE {name}"
                )
                books.book(
                    kind="ach", reference=f"{batch.header[40:50].strip()}-{batch.number:07d}", amount_minor=net, currency="USD", at=at,
                    narrative=narrative, shown=not missing, counted=not missing or faults.missing_line_in_balance,
                )  # fmt: skip
        self._queue(f"{name}.ack", f"ACCEPTED {name}: {len(received.batches)} batches, {count} entries\n".encode())
        for answers, prefix in ((returned, "RET"), (notices, "NOC")):
            if answers:
                number = books.next_number(prefix)
                made = books.now()
                content = ach.answer_file(received, answers, made, MODIFIERS[number % len(MODIFIERS)], prefix == "NOC")
                moves = [self._move(name, entry, code) for entry, code in answers if prefix == "RET" and entry.amount]
                self._queue(f"{prefix}{made:%Y%m%d}{number:04d}.ach", content, due=real_time() + faults.return_seconds, moves=moves)

    @staticmethod
    def _detail(name: str, entry: ach.Entry) -> dict[str, Any]:
        return {
            "file": name, "batch": entry.batch, "trace": entry.trace, "code": entry.code, "sec": entry.sec,
            "routing": entry.routing, "account": entry.account, "name": entry.name,
        }  # fmt: skip

    def _move(self, name: str, entry: ach.Entry, code: str) -> dict[str, Any]:
        back = entry.amount if entry.code in ach.CREDITS else -entry.amount
        return {"reference": entry.individual_id or entry.trace, "amount": back, "code": code, "detail": self._detail(name, entry)}

    def _queue(self, name: str, content: bytes, due: float = 0.0, moves: list[dict[str, Any]] | None = None) -> None:
        self.books.db.execute(
            "INSERT INTO outbox (name, content, due_at, moves) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET content = excluded.content, due_at = excluded.due_at, written = 0",
            [name, content, due, json.dumps(moves or [])],
        )

    def _write_due(self) -> int:
        rows = self.books.db.execute("SELECT * FROM outbox WHERE written = 0 AND due_at <= ? LIMIT 100", [real_time()]).fetchall()
        for row in rows:
            self._place(row["name"], row["content"])
            with self.books.transaction() as db:
                at = self.books.stamp()
                for move in json.loads(row["moves"]):
                    detail = {**move["detail"], "return_code": move["code"]}
                    self.books.execute(
                        kind="ach_return", reference=move["reference"], amount_minor=move["amount"], currency="USD", at=at, detail=detail
                    )
                    narrative = f"ACH RETURN {move['code']} {move['reference']} TRACE {move['detail']['trace']}"
                    self.books.book(
                        kind="ach_return",
                        reference=move["reference"],
                        amount_minor=move["amount"],
                        currency="USD",
                        at=at,
                        narrative=narrative,
                    )
                db.execute("UPDATE outbox SET written = 1 WHERE name = ?", [row["name"]])
        return len(rows)

    def _place(self, name: str, content: bytes) -> None:
        """Whole or not at all: readers of the folder never see half a file."""
        temporary = self.outbox / f".{name}.tmp"
        temporary.write_bytes(content)
        os.replace(temporary, self.outbox / name)

    def _finish(self, path: Path, folder: str) -> None:
        try:
            os.replace(path, self.inbox / folder / path.name)
        except FileNotFoundError:
            self.log(f"{path.name} vanished from the inbox after it was read")

    def write_statements(self, day: date, forms: list[str], currency: str = "") -> list[str]:
        names = []
        for form in forms:
            if form not in FORMATS:
                raise HttpError(404, "unknown_format", f"{form} is not a statement format; use {', '.join(FORMATS)}.")
            name = f"statement-{day:%Y%m%d}{'-' + currency if currency else ''}.{FORMATS[form][2]}"
            self._place(name, render(self.books, day, form, currency))
            names.append(name)
        return names
