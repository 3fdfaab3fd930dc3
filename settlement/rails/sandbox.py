"""The sandbox bank: HTTP with a bearer key, signed webhooks. The pattern for every rail with an API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from payos.kernel import http
from settlement import secrets
from settlement.rails.base import (
    FAILED,
    FINAL,
    NEEDS_DETAILS,
    NOT_FOUND,
    NOT_SENT,
    RETRYABLE,
    RETURNED,
    SENT,
    SETTLED,
    UNKNOWN,
    Answer,
    Capabilities,
    Order,
)
from settlement.rails.nacha.codes import return_code

DEFAULT_URL = "http://127.0.0.1:8900"


class Sandbox:
    def __init__(self, rail: Any) -> None:
        config = rail.config or {}
        self.capabilities = Capabilities(lists=True, not_found_is_final_after=float(config.get("not_found_is_final_after", 60)))
        # One attempt: the client must not repeat a call whose outcome it does not know.
        self.client = http.client(
            timeout=float(config.get("timeout", 5)),
            attempts=1,
            base_url=config.get("url", DEFAULT_URL),
        )
        self.client.headers["Authorization"] = f"Bearer {secrets.of(rail).get('key') or 'sandbox-key'}"

    def close(self) -> None:
        self.client.close()

    def submit(self, order: Order) -> Answer:
        body = {
            "reference": order.reference,
            "amount_minor": order.amount_minor,
            "currency": order.currency,
            "destination": order.destination,
            "description": order.description,
            "metadata": order.metadata,
        }
        try:
            response = self.client.post("/transfers", json=body)
        except httpx.ConnectError as error:
            return Answer(NOT_SENT, detail=f"no connection: {error}"[:300])
        except httpx.HTTPError as error:
            return Answer(UNKNOWN, detail=f"no answer: {type(error).__name__}"[:300])
        if response.status_code == 429:
            return Answer(NOT_SENT, detail="the bank asks to slow down", retry_after=_seconds(response))
        if response.status_code in {400, 401, 403, 404, 409, 422}:
            return self._refused(response)
        return _read(response)

    def _refused(self, response: httpx.Response) -> Answer:
        error = _json(response).get("error") or {}
        code = str(error.get("code", response.status_code))
        if response.status_code in {401, 403, 404} or code == "reference_conflict":
            # Ours to mend (a key, an address), or a reference that stands for something else: never a verdict on the transfer.
            return Answer(UNKNOWN, code=code, detail=str(error.get("detail", ""))[:300])
        return Answer(FAILED, code=code, category=NEEDS_DETAILS, detail=str(error.get("detail", ""))[:300])

    def status(self, reference: str) -> Answer:
        try:
            response = self.client.get(f"/transfers/{reference}")
        except httpx.HTTPError as error:
            return Answer(UNKNOWN, detail=f"no answer: {type(error).__name__}"[:300])
        if response.status_code == 404:
            return Answer(NOT_FOUND)
        return _read(response)

    def list_settled(self, since: str) -> tuple[Sequence[tuple[str, Answer]], str]:
        response = self.client.get("/transfers", params={"since": since or "0", "limit": 500})
        response.raise_for_status()
        page = _json(response)
        items = page.get("data") or page.get("transfers") or []
        return [(item["reference"], answer_of(item)) for item in items], str(page.get("next_since", since))

    def balance(self, currency: str) -> int | None:
        try:
            response = self.client.get("/balance", params={"currency": currency})
        except httpx.HTTPError:
            return None
        value = _json(response).get("balance_minor") if response.status_code == 200 else None
        return int(value) if value is not None else None


def _seconds(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return min(float(text), 300.0) if text.replace(".", "", 1).isdigit() else None


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _read(response: httpx.Response) -> Answer:
    if response.status_code not in {200, 201, 202}:
        return Answer(UNKNOWN, code=str(response.status_code), detail=f"the bank answered {response.status_code}")
    return answer_of(_json(response))


def answer_of(item: dict[str, Any]) -> Answer:
    """A transfer as the bank describes it, in an answer or a webhook."""
    status, code = item.get("status"), str(item.get("code") or "")
    known: dict[str, Any] = {"rail_reference": str(item.get("id") or ""), "executed_minor": item.get("executed_amount_minor")}
    if status == "settled":
        return Answer(SETTLED, **known)  # type: ignore[arg-type]
    if status == "pending":
        return Answer(SENT, **known)  # type: ignore[arg-type]
    if status in {"failed", "returned"}:
        meaning = return_code(code)
        category = {"retryable": RETRYABLE, "needs_details": NEEDS_DETAILS}.get(meaning.category, FINAL)
        return Answer(FAILED if status == "failed" else RETURNED, code=code, category=category, detail=meaning.meaning, **known)  # type: ignore[arg-type]
    return Answer(UNKNOWN, detail="the answer could not be read")
