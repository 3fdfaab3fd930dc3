"""What can go wrong and when: every decision is a hash of seed, fault, reference and attempt, never a random draw.

Two runs with the same seed and the same calls misbehave in the same places, whatever the order or the restarts.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields

# At most one of these meets a call; their rates add up to at most 1.
CALL_FAULTS = ("timeout_after_execution", "timeout_before", "late_execution", "error_500", "throttle_429")
# Calls that only read meet these, when `reads` is on.
READ_FAULTS = ("timeout_before", "error_500", "throttle_429")


class FaultError(ValueError):
    """A setting that makes no sense; the message says which and why."""


@dataclass(frozen=True)
class Faults:
    """Rates are between 0 and 1, seconds are real time."""

    seed: int = 0
    reads: bool = True  # do GET calls meet timeouts, 500 and 429 too?
    timeout_after_execution: float = 0.0  # executed, but the answer never comes
    timeout_before: float = 0.0  # the call is lost
    late_execution: float = 0.0  # no answer, unknown for a while, and executed after all
    error_500: float = 0.0  # half of them executed all the same
    throttle_429: float = 0.0  # not executed, Retry-After says when
    forget_reference: float = 0.0  # a repeated reference is executed again, as a careless bank does
    reject: float = 0.0  # accepted, then failed without moving money
    duplicate_webhook: float = 0.0
    lost_webhook: float = 0.0
    delayed_settlement: float = 0.0
    return_after_settlement: float = 0.0
    wrong_amount: float = 0.0
    statement_line_missing: float = 0.0
    narrative_garbled: float = 0.0
    ach_return: float = 0.0  # entries of NACHA files that come back
    ach_noc: float = 0.0  # entries of NACHA files that are answered with a notification of change
    settlement_seconds: float = 0.2
    delayed_settlement_seconds: float = 5.0
    return_seconds: float = 0.2
    late_seconds: float = 1.0
    hang_seconds: float = 1.0  # how long a call that is never answered keeps its connection
    retry_after_seconds: int = 1
    missing_line_in_balance: bool = False  # a missing statement line still counts in the closing balance

    def merged(self, changes: dict) -> Faults:
        known = {f.name: f for f in fields(self)}
        values = asdict(self)
        for name, value in changes.items():
            if name not in known:
                raise FaultError(f"{name} is not a fault; known are {', '.join(known)}.")
            kind = str(known[name].type)
            if kind == "bool":
                if not isinstance(value, bool):
                    raise FaultError(f"{name} must be true or false, not {value!r}.")
            elif isinstance(value, bool) or not isinstance(value, (int, float)):
                raise FaultError(f"{name} must be a number, not {value!r}.")
            elif name.endswith("_seconds"):
                if not 0 <= value <= 86_400:
                    raise FaultError(f"{name} must be between 0 and 86400 seconds, not {value}.")
            elif name != "seed" and not 0 <= value <= 1:
                raise FaultError(f"{name} is a rate between 0 and 1, not {value}.")
            values[name] = int(value) if kind == "int" else value
        changed = Faults(**values)
        total = sum(getattr(changed, name) for name in CALL_FAULTS)
        if total > 1 + 1e-9:
            raise FaultError(f"The rates of {', '.join(CALL_FAULTS)} add up to {total:g}; one call meets at most one of them.")
        return changed

    def as_dict(self) -> dict:
        return asdict(self)

    @property
    def active(self) -> bool:
        return any(getattr(self, name) for name in (*CALL_FAULTS, "forget_reference"))

    def roll(self, what: str, key: str, attempt: int = 0) -> float:
        """A number in [0, 1) that only these four decide."""
        digest = hashlib.blake2b(f"{self.seed}|{what}|{key}|{attempt}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def hits(self, what: str, key: str, attempt: int = 0) -> bool:
        rate = getattr(self, what)
        return rate > 0 and self.roll(what, key, attempt) < rate

    def on_call(self, key: str, attempt: int, among: tuple[str, ...] = CALL_FAULTS) -> str | None:
        """The fault that this attempt of this call meets, if any: one roll over bands laid end to end."""
        roll, edge = self.roll("call", key, attempt), 0.0
        for name in among:
            edge += getattr(self, name)
            if roll < edge:
                return name
        return None


def garble(text: str, roll: float) -> str:
    """What bank systems do to a narrative: cut it, break it with blanks, drop punctuation, confuse look-alikes."""
    way = int(roll * 4)
    if way == 0:
        return text[: max(8, len(text) * 3 // 5)].rstrip()
    if way == 1:
        return " ".join(text[i : i + 9] for i in range(0, len(text), 9))
    if way == 2:
        return "".join(c for c in text.upper() if c.isalnum() or c == " ")
    return text.translate(str.maketrans("0O1lS5B8", "O0l15S8B"))
