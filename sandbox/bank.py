"""What the bank does with a transfer: take it once, execute it, settle it, sometimes send it back, and tell.

The act and everything that later follows from it (settlement due, webhook to send) commit together. What is due is
read from the tables, so a killed bank goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from sandbox.books import CURRENCY, Books, real_time
from sandbox.faults import READ_FAULTS, FaultError, Faults, garble
from sandbox.http import HttpError, Silence

# Destinations and descriptions that always behave the same way, whatever the fault rates:
# account 99000000NN settles and comes back with RNN, 97000000NN is rejected with RNN, 98000000NN earns a notice CNN.
_MAGIC_ACCOUNT = re.compile(r"(99|98|97)0{6}(\d\d)")
_MAGIC_TEXT = re.compile(r"SANDBOX:(RETURN|FAIL|NOC):([A-Z]{1,2}\d{2})")
_MAGIC_WAY = {"99": ("RETURN", "R"), "98": ("NOC", "C"), "97": ("FAIL", "R")}
DEPOSIT_KINDS = {"deposit": 1, "wire_in": 1, "ach_in": 1, "lockbox": 1, "interest": 1, "fee": -1, "chargeback": -1, "check_paid": -1}
TEXT_LIMIT, AMOUNT_LIMIT = 500, 10**15


def magic(account: str, description: str) -> tuple[str, str] | None:
    """(RETURN | FAIL | NOC, code) for an account or a description that asks for it."""
    if found := _MAGIC_ACCOUNT.fullmatch(account):
        way, letter = _MAGIC_WAY[found.group(1)]
        return way, letter + found.group(2)
    if text := _MAGIC_TEXT.search(description):
        return text.group(1), text.group(2)
    return None


def account_of(destination: dict[str, Any]) -> str:
    for name in ("account_number", "clabe", "iban", "key", "address", "msisdn"):
        if destination.get(name):
            return str(destination[name])
    return ""


class Bank:
    def __init__(self, books: Books, faults: Faults) -> None:
        self.books, self.base = books, faults
        saved = books.setting("faults")
        self.faults = faults.merged(json.loads(saved)) if saved else faults
        self.read_attempts: dict[str, int] = {}

    # --- settings

    def put_faults(self, changes: dict[str, Any]) -> Faults:
        """The faults named, all others back at rest: a test sets exactly what it lists."""
        try:
            self.faults = self.base.merged(changes)
        except FaultError as error:
            raise HttpError(422, "bad_fault", str(error)) from None
        with self.books.transaction() as db:
            self.books.put_setting("faults", json.dumps(self.faults.as_dict()))
            db.execute("DELETE FROM attempts")  # a new setting counts attempts from one, so a run repeats exactly
        self.read_attempts.clear()
        return self.faults

    # --- transfers

    def submit(self, payload: dict[str, Any]) -> dict[str, Any] | Silence:
        request = self._checked(payload)
        reference = request["reference"]
        with self.books.transaction():
            fault = None
            if self.faults.active:
                attempt = self.books.attempt(f"POST {reference}")
                fault = self.faults.on_call(reference, attempt)
            if fault in ("timeout_before", "throttle_429"):
                outcome = None
            elif fault == "late_execution":
                outcome = None
                self.books.db.execute(
                    "INSERT INTO late VALUES (?, ?, ?) ON CONFLICT (reference) DO NOTHING",
                    [reference, json.dumps(request), real_time() + self.faults.late_seconds],
                )
            elif fault == "error_500" and self.faults.roll("executed_before_500", reference, attempt) < 0.5:
                outcome = None
            else:
                outcome = self._take(request)
        if fault == "throttle_429":
            raise HttpError(429, "too_many_requests", "Slow down and try again.", {"retry-after": str(self.faults.retry_after_seconds)})
        if fault == "error_500":
            raise HttpError(500, "internal_error", "Something failed on our side; ask for the transfer to learn what became of it.")
        if fault is not None or outcome is None:
            return Silence(self.faults.hang_seconds)
        return outcome

    def _checked(self, payload: dict[str, Any]) -> dict[str, Any]:
        reference, amount, currency = payload.get("reference"), payload.get("amount_minor"), payload.get("currency")
        description, destination = payload.get("description", ""), payload.get("destination")
        if not isinstance(reference, str) or not 1 <= len(reference) <= 128:
            raise HttpError(422, "bad_reference", "reference must be a text of 1 to 128 characters.")
        if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= AMOUNT_LIMIT:
            raise HttpError(422, "bad_amount", f"amount_minor must be a whole number from 1 to {AMOUNT_LIMIT}.")
        if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
            raise HttpError(422, "bad_currency", "currency must be three to five capital letters.")
        if not isinstance(destination, dict) or not account_of(destination):
            raise HttpError(
                422, "bad_destination", "destination must be an object with an account_number, clabe, iban, key, address or msisdn."
            )
        if not isinstance(description, str) or len(description) > TEXT_LIMIT:
            raise HttpError(422, "bad_description", f"description must be a text of at most {TEXT_LIMIT} characters.")
        metadata = payload.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise HttpError(422, "bad_metadata", "metadata must be an object.")
        return {
            "reference": reference, "amount_minor": amount, "currency": currency,
            "destination": destination, "description": description, "metadata": metadata,
        }  # fmt: skip

    def _take(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take and execute a transfer, or find that it was taken before. Runs inside the caller's transaction."""
        books, reference = self.books, request["reference"]
        content = hashlib.sha256(
            json.dumps([request["amount_minor"], request["currency"], request["destination"]], sort_keys=True).encode()
        ).hexdigest()
        known = books.db.execute("SELECT * FROM transfers WHERE reference = ?", [reference]).fetchone()
        if known is not None:
            if known["content"] != content:
                raise HttpError(
                    409, "reference_conflict", f"Reference {reference} was used before for another amount, currency or destination."
                )
            books.db.execute("UPDATE transfers SET submissions = submissions + 1 WHERE reference = ?", [reference])
            if known["executed_minor"] and self.faults.hits("forget_reference", reference, known["submissions"]):
                self._execute(request, known["id"], known["executed_minor"])
            return self.show(dict(known) | {"submissions": known["submissions"] + 1})
        books.open_account(request["currency"])
        amount, code, status, executed = request["amount_minor"], "", "pending", None
        special = magic(account_of(request["destination"]), request["description"])
        if special and special[0] == "FAIL":
            code = special[1]
        elif self.faults.hits("reject", reference):
            code = "R03"
        elif books.balances[request["currency"]] < amount:
            code = "insufficient_funds"
        identifier = "bnk_" + hashlib.sha256(reference.encode()).hexdigest()[:24]
        if not code:
            executed = amount
            if self.faults.hits("wrong_amount", reference):
                off = 1 + int(self.faults.roll("wrong_by", reference) * 100)
                executed = amount - off if amount > off and self.faults.roll("wrong_sign", reference) < 0.5 else amount + off
            self._execute(request, identifier, executed)
        delay = (
            self.faults.delayed_settlement_seconds if self.faults.hits("delayed_settlement", reference) else self.faults.settlement_seconds
        )
        row = {
            "reference": reference, "id": identifier, "seq": books.next_seq(), "content": content,
            "amount_minor": amount, "executed_minor": executed, "currency": request["currency"],
            "destination": json.dumps(request["destination"]), "description": request["description"],
            "metadata": json.dumps(request["metadata"]), "status": status, "code": code, "submissions": 1,
            "created_at": books.stamp(), "settled_at": None, "returned_at": None,
            "due_at": real_time() + delay, "next": "fail" if code else "settle",
        }  # fmt: skip
        books.db.execute(f"INSERT INTO transfers ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))  # nosec B608 # column names written above
        return self.show(row)

    def _execute(self, request: dict[str, Any], identifier: str, amount: int) -> None:
        books, faults, reference = self.books, self.faults, request["reference"]
        at, currency, destination = books.stamp(), request["currency"], request["destination"]
        detail = {"id": identifier, "destination": destination, "description": request["description"], "metadata": request["metadata"]}
        books.execute(kind="transfer", reference=reference, amount_minor=-amount, currency=currency, at=at, detail=detail)
        narrative = f"TRANSFER {reference} {request['description']}".strip()
        if faults.hits("narrative_garbled", reference):
            narrative = garble(narrative, faults.roll("garbled_how", reference))
        missing = faults.hits("statement_line_missing", reference)
        books.book(
            kind="transfer", reference=reference, amount_minor=-amount, currency=currency, at=at, narrative=narrative,
            counterparty=str(destination.get("holder_name", "")), shown=not missing, counted=not missing or faults.missing_line_in_balance,
        )  # fmt: skip

    # --- what becomes of it

    def work(self, limit: int = 500) -> int:
        """Do what is due: late executions, settlements, failures, returns. Answers how much there was."""
        now = real_time()
        late = self.books.db.execute("SELECT reference, request FROM late WHERE due_at <= ? LIMIT ?", [now, limit]).fetchall()
        due = self.books.db.execute("SELECT * FROM transfers WHERE due_at <= ? ORDER BY due_at LIMIT ?", [now, limit]).fetchall()
        if not late and not due:
            return 0
        with self.books.transaction() as db:
            for row in late:
                db.execute("DELETE FROM late WHERE reference = ?", [row["reference"]])
                if not db.execute("SELECT 1 FROM transfers WHERE reference = ?", [row["reference"]]).fetchone():
                    self._take(json.loads(row["request"]))
            for row in due:
                self._move(dict(row))
        return len(late) + len(due)

    def _move(self, row: dict[str, Any]) -> None:
        books, reference = self.books, row["reference"]
        step, row["due_at"], row["next"] = row["next"], None, None
        at = books.stamp()
        if step == "fail":
            row["status"] = "failed"
        elif step == "settle":
            row |= {"status": "settled", "settled_at": at}
            special = magic(account_of(json.loads(row["destination"])), row["description"])
            comes_back = special[1] if special and special[0] == "RETURN" else ""
            if not comes_back and self.faults.hits("return_after_settlement", reference):
                comes_back = ("R01", "R02", "R03", "R09")[int(self.faults.roll("return_code", reference) * 4)]
            if comes_back:
                row |= {"due_at": real_time() + self.faults.return_seconds, "next": f"return {comes_back}"}
        else:
            code = step.split()[1]
            row |= {"status": "returned", "returned_at": at, "code": code}
            amount, currency = row["executed_minor"], row["currency"]
            detail = {"id": row["id"], "code": code, "metadata": json.loads(row["metadata"])}
            books.execute(kind="return", reference=reference, amount_minor=amount, currency=currency, at=at, detail=detail)
            books.book(
                kind="return", reference=reference, amount_minor=amount, currency=currency, at=at, narrative=f"RETURN {code} {reference}"
            )
        row["seq"] = books.next_seq()
        books.db.execute(
            "UPDATE transfers SET seq = ?, status = ?, code = ?, settled_at = ?, returned_at = ?, due_at = ?, next = ? WHERE reference = ?",
            [row["seq"], row["status"], row["code"], row["settled_at"], row["returned_at"], row["due_at"], row["next"], reference],
        )
        self.tell(f"transfer.{row['status']}", reference, self.show(row))

    def tell(self, kind: str, reference: str, data: dict[str, Any]) -> None:
        """Put a webhook in line (or lose it, or send it twice, as the faults say)."""
        key = f"{reference}|{kind}"
        identifier = "msg_" + hashlib.sha256(key.encode()).hexdigest()[:24]
        body = json.dumps({"type": kind, "timestamp": self.books.stamp(), "data": data}, separators=(",", ":"))
        state = "lost" if self.faults.hits("lost_webhook", key) else "pending"
        copies = 2 if self.faults.hits("duplicate_webhook", key) else 1
        self.books.db.execute(
            "INSERT INTO webhooks (id, type, reference, body, copies, state, next_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [identifier, kind, reference, body, copies, state, real_time()],
        )

    # --- reading

    def meets_read_fault(self, key: str) -> Silence | None:
        if not (self.faults.reads and self.faults.active):
            return None
        if len(self.read_attempts) > 200_000:
            self.read_attempts.clear()
        attempt = self.read_attempts[key] = self.read_attempts.get(key, 0) + 1
        fault = self.faults.on_call(f"GET {key}", attempt, READ_FAULTS)
        if fault == "throttle_429":
            raise HttpError(429, "too_many_requests", "Slow down and try again.", {"retry-after": str(self.faults.retry_after_seconds)})
        if fault == "error_500":
            raise HttpError(500, "internal_error", "Something failed on our side; ask again.")
        return Silence(self.faults.hang_seconds) if fault else None

    def transfer(self, reference: str) -> dict[str, Any]:
        row = self.books.db.execute("SELECT * FROM transfers WHERE reference = ?", [reference]).fetchone()
        if row is None:
            raise HttpError(404, "not_found", f"No transfer with reference {reference} was received.")
        return self.show(dict(row))

    def transfers(self, *, since: int, limit: int, status: str = "") -> dict[str, Any]:
        """Transfers in the order of their last change; `next_since` goes on from there."""
        rows = self.books.db.execute(
            "SELECT * FROM transfers WHERE seq > ? AND (? = '' OR status = ?) ORDER BY seq LIMIT ?", [since, status, status, limit + 1]
        ).fetchall()
        data = [self.show(dict(row)) for row in rows[:limit]]
        return {"data": data, "has_more": len(rows) > limit, "next_since": data[-1]["seq"] if data else since}

    @staticmethod
    def show(row: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": row["id"], "reference": row["reference"], "status": row["status"], "seq": row["seq"],
            "amount_minor": row["amount_minor"], "executed_amount_minor": row["executed_minor"], "currency": row["currency"],
            "destination": json.loads(row["destination"]), "description": row["description"], "metadata": json.loads(row["metadata"]),
            "code": row["code"] or None, "submissions": row["submissions"], "created_at": row["created_at"],
            "settled_at": row["settled_at"], "returned_at": row["returned_at"],
        }  # fmt: skip

    def deposit(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Money that others move on the account: in (deposit, wire, interest ...) or out (fee, chargeback ...)."""
        kind = payload.get("kind", "deposit")
        if kind not in DEPOSIT_KINDS:
            raise HttpError(422, "bad_kind", f"kind must be one of {', '.join(DEPOSIT_KINDS)}.")
        request = self._checked({**payload, "destination": {"account_number": "own"}})
        payer = str(payload.get("payer", ""))[:TEXT_LIMIT]
        amount = request["amount_minor"] * DEPOSIT_KINDS[kind]
        with self.books.transaction() as db:
            known = db.execute(
                "SELECT amount_minor, currency, kind FROM lines WHERE reference = ? AND kind = ?", [request["reference"], kind]
            ).fetchone()
            if known is None:
                reference, currency = request["reference"], request["currency"]
                if db.execute(
                    "SELECT 1 FROM lines WHERE reference = ? AND kind NOT IN ('transfer', 'return', 'ach', 'ach_return')", [reference]
                ).fetchone():
                    raise HttpError(409, "reference_conflict", f"Reference {reference} was used before for another kind of movement.")
                narrative = " ".join(part for part in (kind.upper().replace("_", " "), reference, request["description"]) if part)
                if self.faults.hits("narrative_garbled", reference):
                    narrative = garble(narrative, self.faults.roll("garbled_how", reference))
                missing = self.faults.hits("statement_line_missing", reference)
                self.books.book(
                    kind=kind, reference=reference, amount_minor=amount, currency=currency, at=self.books.stamp(), narrative=narrative,
                    counterparty=payer, shown=not missing, counted=not missing or self.faults.missing_line_in_balance,
                )  # fmt: skip
            elif (known["amount_minor"], known["currency"]) != (amount, request["currency"]):
                raise HttpError(
                    409, "reference_conflict", f"Reference {request['reference']} was used before for another amount or currency."
                )
        return {"reference": request["reference"], "kind": kind, "amount_minor": amount, "currency": request["currency"],
                "balance_minor": self.books.balances[request["currency"]]}  # fmt: skip
