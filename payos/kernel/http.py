"""The one way out over HTTP: timeouts always set, retries bounded and only where a repeat is safe."""

from __future__ import annotations

import random
import time
from typing import Any

import httpx

SAFE = {"GET", "HEAD", "OPTIONS"}
LONGEST_WAIT = 10.0


class Retrying(httpx.HTTPTransport):
    """Repeats a request that certainly did nothing (no connection was made), or one that is safe by method."""

    def __init__(self, attempts: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attempts = attempts

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for attempt in range(1, self.attempts + 1):
            last = attempt == self.attempts
            try:
                response = super().handle_request(request)
            except httpx.ConnectError:
                if last:
                    raise
            except httpx.TransportError:
                if last or request.method not in SAFE:
                    raise
            else:
                if last or request.method not in SAFE or response.status_code not in {429, 502, 503, 504}:
                    return response
                response.close()
            time.sleep(min(0.2 * 2**attempt, LONGEST_WAIT) * (0.5 + random.random() / 2))  # nosec B311 # jitter is no secret
        raise AssertionError("the loop above always returns or raises")


def client(*, timeout: float = 15.0, connect: float = 5.0, attempts: int = 3, **kwargs: Any) -> httpx.Client:
    """A client that never waits for ever, follows no redirects and ignores proxies of the environment."""
    return httpx.Client(
        timeout=httpx.Timeout(timeout, connect=connect),
        transport=Retrying(attempts=attempts),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "PayOS"},
        **kwargs,
    )
