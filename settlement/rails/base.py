"""What a rail must offer. Adding one is a module with this shape, a line in `registry.py` and its tests.

An answer is one of the outcomes below. The difference that matters: NOT_SENT is certain that nothing happened,
UNKNOWN is not, and what is unknown is asked about and never sent again under another reference.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

SENT, SETTLED, FAILED, RETURNED, UNKNOWN, NOT_SENT, NOT_FOUND = (
    "sent", "settled", "failed", "returned", "unknown", "not_sent", "not_found",
)  # fmt: skip
RETRYABLE, NEEDS_DETAILS, FINAL = "retryable", "needs_details", "final"


@dataclass(frozen=True, slots=True)
class Order:
    """One transfer as a rail sees it."""

    transfer_id: uuid.UUID
    reference: str
    amount_minor: int
    currency: str
    destination: dict[str, Any]
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    again: bool = False  # presented before and returned
    send: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    outcome: str
    rail_reference: str = ""
    code: str = ""
    category: str = ""  # of a failure or return: retryable, needs_details or final
    detail: str = ""
    executed_minor: int | None = None
    retry_after: float | None = None
    send: int | None = None  # which sending this answers; only whoever took it last may say that it was not sent


@dataclass(frozen=True, slots=True)
class Representment:
    """How often a scheme lets a returned transfer be presented again: per code after the first time, within these days of it."""

    retries: Mapping[str, int]
    days: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    files: bool = False  # transfers leave in files, not by calls
    can_ask: bool = True  # an outcome can be asked about
    # Seconds after which a reference that the rail does not know was certainly never received; None: never certain.
    not_found_is_final_after: float | None = None
    nets: bool = False  # one sum a window: what goes out less what came back
    lists: bool = False  # keeps a list of what moved, in the order of the last change
    representment: Representment | None = None


class RailAdapter(Protocol):
    capabilities: Capabilities

    def submit(self, order: Order) -> Answer: ...
    def status(self, reference: str) -> Answer: ...
    def list_settled(self, since: str) -> tuple[Sequence[tuple[str, Answer]], str]: ...
    def balance(self, currency: str) -> int | None: ...
    def close(self) -> None: ...
