"""The router: which rail takes a transfer. A pure function over a snapshot, so that every decision can be replayed.

Rails that cannot take it are named with the reason; the others are scored by cost, speed and measured reliability,
weighted by what the transfer asks for. Ties break by load share spread over the transfer's own key, then by code.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

WEIGHTS = {
    # urgency -> (cost, speed, reliability)
    "standard": (0.6, 0.15, 0.25),
    "fast": (0.2, 0.55, 0.25),
    "urgent": (0.05, 0.75, 0.2),
}


@dataclass(frozen=True, slots=True)
class RailView:
    """What the router knows of a rail at this moment."""

    code: str
    currencies: frozenset[str]
    destination_types: frozenset[str]
    protocols: frozenset[str] = frozenset()
    enabled: bool = True
    open: bool = True  # its circuit breaker lets calls pass
    cost_fixed_minor: int = 0
    cost_basis_points: int = 0
    speed_minutes: int = 60
    minimum_minor: int = 1
    maximum_minor: int | None = None
    daily_left_minor: int | None = None
    load_share: int = 100
    reliability: float = 1.0
    window_at: datetime | None = None
    wait_minutes: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    key: str
    amount_minor: int
    currency: str
    destination_type: str
    urgency: str = "standard"
    protocol: str = "api"
    hint: str = ""
    within_minutes: int | None = None
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    rail: str | None
    candidates: list[str] = field(default_factory=list)
    chosen: dict[str, Any] = field(default_factory=dict)
    rejected: list[dict[str, Any]] = field(default_factory=list)


def cost(rail: RailView, amount_minor: int) -> int:
    return rail.cost_fixed_minor + -(-amount_minor * rail.cost_basis_points // 10_000)


def refusal(rail: RailView, wanted: Wanted) -> str:
    """Why this rail cannot take it; empty when it can."""
    return Router([rail]).refusal(rail, wanted)


def route(rails: Sequence[RailView], wanted: Wanted) -> Decision:
    return Router(rails).route(wanted)


class Router:
    """`route` over one snapshot for many: what does not depend on the amount is worked out once for all that ask alike."""

    def __init__(self, rails: Sequence[RailView]) -> None:
        self.rails = rails
        self.left = {rail.code: rail.daily_left_minor for rail in rails}
        self._known: dict[tuple[Any, ...], list[tuple[RailView, str, str]]] = {}
        self._scored: dict[tuple[Any, ...], dict[str, float]] = {}
        self._decided: dict[tuple[Any, ...], Decision] = {}
        self._minutes = {rail.code: rail.wait_minutes + rail.speed_minutes for rail in rails}
        self._shown = {
            rail.code: {
                "minutes": round(self._minutes[rail.code], 1), "reliability": round(rail.reliability, 4), "load_share": rail.load_share,
                "window_at": rail.window_at.isoformat() if rail.window_at else None,
            }
            for rail in rails
        }  # fmt: skip

    def spend(self, code: str, amount_minor: int) -> None:
        """What was just given to a rail counts against its limit of the day for those that follow."""
        left = self.left[code]
        if left is not None:
            self.left[code] = left - amount_minor

    def route(self, wanted: Wanted) -> Decision:
        """The same facts make the same decision, one object: nobody changes it, and whoever keeps it keeps it once."""
        amount = wanted.amount_minor
        refused: list[tuple[str, str]] = []
        able: list[tuple[RailView, int]] = []
        for rail, first, last in self._alike(wanted):
            why = first or self._amount(rail, amount) or last
            if why:
                refused.append((rail.code, why))
            else:
                able.append((rail, cost(rail, amount)))
        facts = (wanted.urgency, tuple(refused), tuple([(rail.code, price) for rail, price in able]))
        scores = self._scored.get(facts)
        if scores is None:
            scores = self._scored[facts] = self._scores(wanted.urgency, able)
        order = [rail for rail, _ in able]
        if len(set(scores.values())) == len(able):
            order.sort(key=lambda rail: -scores[rail.code])
        else:
            order.sort(key=lambda rail: (-scores[rail.code], -_spread(rail, wanted.key), rail.code))
        which = (facts, tuple([rail.code for rail in order]))
        known = self._decided.get(which)
        if known is None:
            known = self._decided[which] = self._decision(refused, order, {rail.code: price for rail, price in able}, scores)
        return known

    def _scores(self, urgency: str, able: list[tuple[RailView, int]]) -> dict[str, float]:
        if not able:
            return {}
        dearest, slowest = max(price for _, price in able) or 1, max(self._minutes[rail.code] for rail, _ in able) or 1
        by_cost, by_speed, by_reliability = WEIGHTS.get(urgency, WEIGHTS["standard"])
        return {
            rail.code: round(
                by_cost * (1 - price / dearest) + by_speed * (1 - self._minutes[rail.code] / slowest) + by_reliability * rail.reliability, 6
            )
            for rail, price in able
        }

    def _decision(self, refused: list[tuple[str, str]], order: list[RailView], costs: dict[str, int], scores: dict[str, float]) -> Decision:
        rejected: list[dict[str, Any]] = [{"rail": code, "why": why} for code, why in refused]
        if not order:
            return Decision(None, rejected=rejected)
        best, *others = order
        for rail in others:
            rejected.append(
                {"rail": rail.code, "why": f"scored {scores[rail.code]} against {scores[best.code]}", **self._factors(rail, costs, scores)}
            )
        return Decision(best.code, [rail.code for rail in order], self._factors(best, costs, scores), rejected)

    def refusal(self, rail: RailView, wanted: Wanted) -> str:
        return _before(rail, wanted) or self._amount(rail, wanted.amount_minor) or self._after(rail, wanted)

    def _alike(self, wanted: Wanted) -> list[tuple[RailView, str, str]]:
        """Every rail with why it cannot take such a transfer: what is asked before the amount, and what is asked after it."""
        key = (wanted.currency, wanted.destination_type, wanted.protocol, wanted.hint, wanted.within_minutes, wanted.excluded)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = [(rail, _before(rail, wanted), self._after(rail, wanted)) for rail in self.rails]
        return known

    def _amount(self, rail: RailView, amount_minor: int) -> str:
        if amount_minor < rail.minimum_minor:
            return "the amount is below its minimum"
        if rail.maximum_minor is not None and amount_minor > rail.maximum_minor:
            return "the amount is over its limit per transfer"
        left = self.left[rail.code]
        if left is not None and amount_minor > left:
            return "its limit of the day is used up"
        return ""

    def _after(self, rail: RailView, wanted: Wanted) -> str:
        if not rail.open:
            return "its circuit is open after repeated failures"
        minutes = self._minutes[rail.code]
        if wanted.within_minutes is not None and minutes > wanted.within_minutes:
            return f"it would settle in {minutes:.0f} minutes, asked for {wanted.within_minutes}"
        return ""

    def _factors(self, rail: RailView, costs: dict[str, int], scores: dict[str, float]) -> dict[str, Any]:
        return {"score": scores[rail.code], "cost_minor": costs[rail.code], **self._shown[rail.code]}


def _before(rail: RailView, wanted: Wanted) -> str:
    if not rail.enabled:
        return "it is switched off"
    if rail.code in wanted.excluded:
        return "it was tried before"
    if wanted.currency not in rail.currencies:
        return f"it does not carry {wanted.currency}"
    if wanted.destination_type not in rail.destination_types:
        return f"it does not reach a {wanted.destination_type}"
    if rail.protocols and wanted.protocol not in rail.protocols:
        return f"it does not take {wanted.protocol}"
    if wanted.hint and rail.code != wanted.hint:
        return f"the transfer asks for {wanted.hint}"
    return ""


def _spread(rail: RailView, key: str) -> float:
    """Weighted rendezvous hashing: equal rails share transfers in proportion, and the same transfer always falls the same way."""
    number = (int.from_bytes(hashlib.sha256(f"{rail.code}:{key}".encode()).digest()[:6], "big") + 1) / (2**48 + 1)
    return rail.load_share / -math.log(number)
