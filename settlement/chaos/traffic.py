"""A partner that keeps asking until it has an answer: every request repeated under the same idempotency key."""

from __future__ import annotations

import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from payos.kernel import http

PATIENCE = 240.0
BATCH = 25


def item(seed: int, number: int, rng: random.Random, rails: list[str]) -> dict[str, Any]:
    return {
        "amount": f"{rng.randint(100, 99_999) / 100:.2f}",
        "currency": "USD",
        "rail": rng.choice(rails),
        "reference": f"chaos-{seed}-{number}",
        "destination": {
            "type": "us_bank", "routing_number": "021000021", "account_number": f"{rng.randint(10**8, 9 * 10**8)}",
            "account_type": "checking", "holder_name": "Jane Doe",
        },
    }  # fmt: skip


def requests(seed: int, count: int, rails: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Half of them one by one, half in batches; the same for the same seed."""
    rng = random.Random(seed)  # nosec B311 # a repeatable run wants a seed
    items = [item(seed, number, rng, rails) for number in range(count)]
    singles = count // 4
    calls = [("/v1/transfers", body) for body in items[:singles]]
    for start in range(singles, count, BATCH):
        calls.append(("/v1/transfers/batch", {"name": f"chaos {start}", "transfers": items[start : start + BATCH]}))
    rng.shuffle(calls)
    return calls


def send(base_url: str, key: str, calls: list[tuple[str, dict[str, Any]]], seconds: float) -> list[str]:
    """Spread the calls over so many seconds; returns what was refused."""
    refused: list[str] = []
    pause = seconds / max(len(calls), 1)

    def one(number: int, path: str, body: dict[str, Any]) -> None:
        time.sleep(max(0.0, started + number * pause - time.monotonic()))
        token, deadline = str(uuid.uuid4()), time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": token}
                with http.client(timeout=20, attempts=1) as client:
                    answer = client.post(base_url + path, json=body, headers=headers)
            except httpx.HTTPError:
                time.sleep(0.3)
                continue
            if answer.status_code in {200, 201}:
                return
            if answer.status_code < 500 and answer.status_code not in {409, 429}:
                refused.append(f"{path}: {answer.status_code} {answer.text[:300]}")
                return
            time.sleep(0.5)
        refused.append(f"{path}: no answer in {PATIENCE:.0f} s")

    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(one, number, path, body) for number, (path, body) in enumerate(calls)]:
            future.result()
    return refused
