"""What a demo day and a simulated day have in common: talking to the sandbox bank, and the clock that settles their transfers."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from payos.kernel import clock
from payos.kernel.errors import Problem
from settlement import services as settlement
from settlement.models import Rail, Submission, Transfer
from settlement.models.transfer import OPEN_STATES

TELL_SECONDS = 5


class NoBank(Problem):
    def __init__(self, url: str) -> None:
        super().__init__("unavailable", f"No sandbox bank answers at {url}: leave `make run` running and start this in a second terminal.")


def ask_bank(url: str, method: str, path: str, body: object = None) -> bytes:
    request = urllib.request.Request(
        url + path, None if body is None else json.dumps(body).encode(), method=method,
        headers={"Authorization": "Bearer sandbox-key", "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # nosec B310 # the sandbox bank's address from our own settings
            return bytes(answer.read())
    except urllib.error.HTTPError:
        raise
    except OSError:
        raise NoBank(url) from None


def settle(*, rail: Rail, mine: QuerySet[Transfer], seconds: float, progress: Callable[[str], None]) -> int:
    """What the clock would do, until none of these is open; says how many still are when the time is up."""
    deadline, told = time.monotonic() + seconds, 0.0
    submissions: dict[str, Any] = {"transfer__in": mine.values("pk"), "outcome__in": ["intent", "sent", "unknown"]}
    while waiting := mine.filter(state__in=OPEN_STATES).count():
        if time.monotonic() > deadline:
            break
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            progress(f"{waiting:,} transfer{'' if waiting == 1 else 's'} under way")
        settlement.close_due_windows()
        settlement.execute_rail(rail_code=rail.code)
        settlement.ask_due()
        # A day has hours for its waiting times; these have not.
        mine.filter(state="queued").update(next_attempt_at=clock.now(), window_at=clock.now())
        Submission.objects.filter(**submissions).update(ask_at=clock.now())
        time.sleep(0.2)
    return waiting
