"""Payments that arrive at the same time are recorded in one transaction: whoever comes while one runs, waits for the next.

The first thread of a lane leads: it takes all that wait, up to MOST, and runs them; meanwhile others gather, and one of them
leads the next batch. Nobody waits for a timer, so a lone payment loses nothing. Each caller has its answer only after the
commit of the batch it was in; where the database refuses a batch, each of its callers goes alone and gets its own answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any

from django.db import OperationalError

MOST = 200


class Waiting:
    """One caller's payment, and what became of it."""

    __slots__ = ("answer", "done", "error", "item", "leads", "woken")

    def __init__(self, item: Any) -> None:
        self.item = item
        self.answer: Any = None
        self.error: BaseException | None = None
        self.done = self.leads = False
        self.woken = threading.Lock()
        self.woken.acquire()


class Lane:
    """The callers that may share a transaction: those of one source."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: list[Waiting] = []
        self.running = False


_lanes: dict[Hashable, Lane] = {}
_lanes_lock = threading.Lock()


def lane_of(key: Hashable) -> Lane:
    lane = _lanes.get(key)
    if lane is None:
        with _lanes_lock:
            lane = _lanes.setdefault(key, Lane())
    return lane


def run(key: Hashable, item: Any, execute: Callable[[list[Any]], list[Any]]) -> Any:
    """`execute` gets the items of all that run together and returns an answer for each, or raises for all."""
    lane = lane_of(key)
    mine = Waiting(item)
    with lane.lock:
        lane.waiting.append(mine)
        if not lane.running:
            lane.running = mine.leads = True
    if not mine.leads:
        mine.woken.acquire()
    if not mine.done:
        _lead(lane, execute)
    if mine.error is not None:
        raise mine.error
    return mine.answer


def _lead(lane: Lane, execute: Callable[[list[Any]], list[Any]]) -> None:
    with lane.lock:
        batch, lane.waiting = lane.waiting[:MOST], lane.waiting[MOST:]
    try:
        answers = execute([one.item for one in batch])
        for one, answer in zip(batch, answers, strict=True):
            one.answer = answer
    except BaseException as error:
        # What ends the leader's own thread is its own; those who wait for it hear that their payment came to nothing.
        fatal = not isinstance(error, Exception)
        for one in batch:
            one.error = OperationalError("the recording of this payment was interrupted") if fatal else error
        if fatal:
            raise
    finally:
        with lane.lock:
            heir = lane.waiting[0] if lane.waiting else None
            lane.running = heir is not None
        if heir is not None:
            heir.woken.release()
        for one in batch:
            one.done = True
            # The leader itself does not sleep on its lock, and releasing it harms nothing: it is thrown away.
            if one.woken.locked():
                one.woken.release()
