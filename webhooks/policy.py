"""The numbers of delivery, and when the next attempt is. Everything here is a bound that a test meets."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.conf import settings

TIMEOUT_SECONDS = 15.0
CONNECT_SECONDS = 5.0
SAMPLE_TIMEOUT_SECONDS = 10.0
RESPONSE_BYTES = 64 * 1024  # read at most
RESPONSE_KEPT = 4 * 1024  # characters of it kept in the log
RESPONSE_HEADERS_KEPT = 30
JITTER = 0.1
LONGEST_RETRY_AFTER = timedelta(hours=24)
# A claim outlives the slowest request by far; a worker that died is found out after this long.
LEASE = timedelta(seconds=60)
# A delivery whose workers keep dying is not tried for ever: something in it kills them.
MAX_LOST_LEASES = 20
DISABLE_AFTER = timedelta(days=5)
# Five days apart may be two events of a quiet endpoint: that is no proof of failing.
DISABLE_FAILURES = 5
FAILING_FROM = 3  # failures in a row, from which an endpoint gets only its probes
FAILING_IN_FLIGHT = 2
RETENTION = timedelta(days=30)
MAX_ENDPOINTS = 50
MAX_EMAILS = 5
MAX_HEADERS = 20
MAX_HEADER_BYTES = 4096
MAX_RETRIES = 12
MAX_REPLAY = 100_000
MAX_MISSED = 1_000_000  # what enabling an endpoint brings back at most; more is replayed by range
ROTATION_OVERLAP = timedelta(hours=24)
MAX_ROTATION_OVERLAP = timedelta(days=7)


def default_retry_seconds() -> list[int]:
    return list(settings.WEBHOOKS_RETRY_SECONDS)


def next_attempt(
    *, now: datetime, attempts: int, schedule: Sequence[int], retry_after: timedelta | None, jitter: random.Random | None = None
) -> datetime | None:
    """When to try again after `attempts` failures; None when there is no further attempt.

    Never sooner than the endpoint asks (Retry-After) and never sooner than the schedule: a receiver that always
    answers "in one second" would otherwise use up its five attempts in five seconds.
    """
    waits = schedule or default_retry_seconds()
    if attempts > len(waits):
        return None
    spread = (jitter or random).uniform(1 - JITTER, 1 + JITTER)
    wait = timedelta(seconds=waits[attempts - 1] * spread)
    return now + max(wait, retry_after or timedelta(0))


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Retry-After in seconds or as a date, bounded; None when it says nothing readable."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:9]), 10**8))
    else:
        try:
            at = parsedate_to_datetime(text)
        except (TypeError, ValueError, OverflowError):
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), LONGEST_RETRY_AFTER)
