"""ACH by NACHA files: built, checked, dropped into the bank's folder or SFTP server; returns and notices read back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from settlement import secrets
from settlement.rails import drop, nacha
from settlement.rails.base import (
    FAILED,
    FINAL,
    NEEDS_DETAILS,
    RETRYABLE,
    RETURNED,
    UNKNOWN,
    Answer,
    Capabilities,
    Order,
    Representment,
)


class Ach:
    capabilities = Capabilities(
        files=True,
        can_ask=False,
        # The network's rule: insufficient or uncollected funds at most twice more, within 180 days of the first; nothing else.
        representment=Representment({code.code: code.retries for code in nacha.RETURN_CODES.values() if code.retries}, 180),
    )

    def __init__(self, rail: Any) -> None:
        self.config = rail.config or {}
        self.place = drop.open_place(self.config, secrets.of(rail).get("key", ""))

    def close(self) -> None:
        self.place.close()

    def submit(self, order: Order) -> Answer:
        return Answer(UNKNOWN, detail="ACH transfers leave in files, never one by one")

    def status(self, reference: str) -> Answer:
        return Answer(UNKNOWN, detail="a file rail cannot be asked: returns and statements tell")

    def list_settled(self, since: str) -> tuple[Sequence[tuple[str, Answer]], str]:
        return [], since

    def balance(self, currency: str) -> int | None:
        return None

    def company(self) -> nacha.Company:
        known = self.config.get("company") or {}
        return nacha.Company(
            name=known.get("name", "PAYOS"),
            company_id=known.get("company_id", "1234567890"),
            odfi_routing=known.get("odfi_routing", "091000019"),
            odfi_name=known.get("odfi_name", "SANDBOX BANK"),
        )

    def build(
        self, orders: Sequence[Order], *, created: datetime, effective: date, modifier: str, first_trace: int = 1
    ) -> tuple[bytes, list[str]]:
        """The file of these transfers and the trace number of each, in their order."""
        originations = [
            nacha.Origination(
                reference=order.reference[-15:],
                amount_minor=order.amount_minor,
                routing_number=order.destination["routing_number"],
                account_number=order.destination["account_number"],
                holder_name=order.destination.get("holder_name", ""),
                account_type=order.destination.get("account_type", "checking"),
                sec="CCD" if order.destination.get("holder_type") != "individual" else "PPD",
                description="RETRY PYMT" if order.again else "PAYMENT",
            )
            for order in orders
        ]
        file = nacha.build(
            self.company(), originations, created=created, effective=effective, modifier=modifier, first_sequence=first_trace
        )
        content = nacha.write(file)
        read_back = nacha.read(content)
        if not read_back.valid:
            raise nacha.BuildError(f"the file that was built does not pass its own check: {read_back.errors[0]}")
        by_reference = {entry.individual_id.strip(): entry.trace for _, entry in file.entries()}
        return content, [by_reference[order.reference[-15:]] for order in orders]


def returned(note: nacha.Returned) -> Answer:
    category = {"retryable": RETRYABLE, "needs_details": NEEDS_DETAILS}.get(note.reason.category, FINAL)
    return Answer(RETURNED, code=note.reason.code, category=category, detail=note.reason.meaning)


def refused(why: str) -> Answer:
    return Answer(FAILED, code="file_refused", category=RETRYABLE, detail=why[:300])
