"""The bank's HTTP API: routes, keys, parameters. What happens is in `bank.py`."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from sandbox.bank import Bank
from sandbox.http import HttpError, Request, Response, Silence, answer
from sandbox.inbox import Folders
from sandbox.statements import FORMATS, render
from sandbox.webhooks import Sender


class Api:
    def __init__(self, bank: Bank, folders: Folders, sender: Sender, key: str) -> None:
        self.bank, self.books, self.folders, self.sender = bank, bank.books, folders, sender
        self.expected = f"Bearer {key}".encode()
        self.routes: dict[tuple[str, str], Callable[[Request], Response | Silence]] = {
            ("GET", "/health"): lambda request: answer({"status": "ok", "now": self.books.stamp()}),
            ("POST", "/transfers"): self.submit,
            ("GET", "/transfers"): self.transfers,
            ("GET", "/balance"): self.balance,
            ("GET", "/accounts"): lambda request: answer({"data": self.books.accounts()}),
            ("POST", "/accounts/deposit"): lambda request: answer(self.bank.deposit(request.json()), 201),
            ("GET", "/executions"): self.executions,
            ("GET", "/faults"): lambda request: answer(self.bank.faults.as_dict()),
            ("PUT", "/faults"): lambda request: answer(self.bank.put_faults(request.json()).as_dict()),
            ("GET", "/clock"): lambda request: answer({"now": self.books.stamp(), "offset_seconds": self.books.clock_offset}),
            ("POST", "/clock"): self.clock,
            ("GET", "/webhooks"): self.webhooks,
            ("PUT", "/webhooks"): self.put_webhooks,
            ("POST", "/inbox"): lambda request: answer({"processed": self.folders.work()}),
        }

    def __call__(self, request: Request) -> Response | Silence:
        if request.path != "/health" and not hmac.compare_digest(request.headers.get("authorization", "").encode(), self.expected):
            raise HttpError(401, "unauthorized", "Send the bank's key as `Authorization: Bearer KEY`.")
        route = self.routes.get((request.method, request.path))
        if route is not None:
            return route(request)
        if request.path.startswith("/transfers/") and request.method == "GET":
            reference = request.path.removeprefix("/transfers/")
            return self.bank.meets_read_fault(reference) or answer(self.bank.transfer(reference))
        if request.path.startswith("/statements/") and request.method in ("GET", "POST"):
            return self.statements(request)
        paths = {path for _, path in self.routes}
        if request.path in paths:
            raise HttpError(405, "method_not_allowed", f"{request.path} does not take {request.method}.")
        raise HttpError(404, "not_found", f"There is nothing at {request.path}.")

    def submit(self, request: Request) -> Response | Silence:
        outcome = self.bank.submit(request.json())
        return outcome if isinstance(outcome, Silence) else answer(outcome, 201)

    def transfers(self, request: Request) -> Response | Silence:
        since, limit = _whole(request, "since", 0, 0, 2**53), _whole(request, "limit", 100, 1, 1000)
        status = request.query.get("status", "")
        return self.bank.meets_read_fault(f"list {since}") or answer(self.bank.transfers(since=since, limit=limit, status=status))

    def balance(self, request: Request) -> Response | Silence:
        currency = request.query.get("currency", "USD")
        for account in self.books.accounts():
            if account["currency"] == currency:
                return self.bank.meets_read_fault(f"balance {currency}") or answer(account | {"as_of": self.books.stamp()})
        raise HttpError(404, "not_found", f"There is no account in {currency}; it opens with its first movement.")

    def executions(self, request: Request) -> Response:
        since, limit = _whole(request, "since", 0, 0, 2**53), _whole(request, "limit", 1000, 1, 20_000)
        return answer(self.books.executions(since=since, limit=limit, reference=request.query.get("reference", "")))

    def statements(self, request: Request) -> Response:
        text = request.path.removeprefix("/statements/")
        head, _, form = text.partition(".")
        try:
            day = date.fromisoformat(head)
        except ValueError:
            raise HttpError(422, "bad_date", f"{head!r} is not a date like 2026-11-20.") from None
        currency = request.query.get("currency", "")
        if request.method == "POST":
            forms = request.json().get("formats") or [form] if form else request.json().get("formats") or list(FORMATS)
            if not isinstance(forms, list):
                raise HttpError(422, "bad_formats", "formats must be a list.")
            return answer({"files": self.folders.write_statements(day, forms, currency)}, 201)
        if form not in FORMATS:
            raise HttpError(404, "unknown_format", f"{form or 'no format'} is not a statement format; use {', '.join(FORMATS)}.")
        return Response(200, render(self.books, day, form, currency), FORMATS[form][1])

    def clock(self, request: Request) -> Response:
        """`now` sets the bank's date and time, `advance_seconds` moves them, `reset` goes back to real time."""
        payload = request.json()
        try:
            if payload.get("reset"):
                offset = 0.0
            elif "now" in payload:
                wanted = datetime.fromisoformat(str(payload["now"]))
                if wanted.tzinfo is None:
                    raise ValueError("the time needs its zone, such as Z")
                offset = self.books.clock_offset + (wanted - self.books.now()).total_seconds()
            else:
                offset = self.books.clock_offset + float(payload["advance_seconds"])
        except (KeyError, ValueError, TypeError) as error:
            raise HttpError(422, "bad_clock", f"Send now, advance_seconds or reset: {error}.") from None
        self.books.set_clock(offset)
        return answer({"now": self.books.stamp(), "offset_seconds": offset})

    def webhooks(self, request: Request) -> Response:
        rows = self.books.db.execute("SELECT state, count(*) AS n FROM webhooks GROUP BY state").fetchall()
        return answer({"url": self.sender.url, "states": {row["state"]: row["n"] for row in rows}})

    def put_webhooks(self, request: Request) -> Response:
        payload: dict[str, Any] = request.json()
        url, secret = payload.get("url", self.sender.url), payload.get("secret", self.sender.secret)
        if not isinstance(url, str) or not isinstance(secret, str) or (url and not url.startswith(("http://", "https://"))):
            raise HttpError(422, "bad_webhook", "Send url (http or https) and secret as texts.")
        self.sender.drop_idle()
        self.sender.url, self.sender.secret = url, secret
        self.books.put_setting("webhook_url", url)
        self.books.put_setting("webhook_secret", secret)
        return self.webhooks(request)


def _whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
        raise HttpError(422, f"bad_{name}", f"{name} must be a whole number from {low} to {high}.")
    return int(text)
