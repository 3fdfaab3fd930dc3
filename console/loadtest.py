"""The API under many partners at once: what they are answered, how soon, and what it costs in memory.

A whole installation is started as `manage.py serve` starts it, on the data of this PAYOS_HOME. Every partner is one that
sends its next request when the last was answered and a moment has passed; the mix is what partners do, mostly asking.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import random
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import CommandError

from ingestion import services as ingestion
from ledger.services import Leg, account_for, post
from partners import services as partners
from payos.kernel import tenancy
from payos.supervisor.preflight import free_port
from settlement import secrets
from settlement.models import Rail, WindowRule

Progress = Callable[[str], None]
START_SECONDS = 240.0
GROWTH = 0.05
SMALL = 4 << 20  # what a process may grow by whatever its size: a page cache of the interpreter is no leak
STORES = ("postgres", "valkey", "sandbox")
MIX = {"transfer": 22, "payment": 22, "read a transfer": 16, "list transfers": 16, "balance": 12, "batch of 20": 4, "trace": 4, "me": 4}


@dataclass
class Caller:
    """One partner: its keys, and what it has sent."""

    key: str
    source: str
    secret: str
    account: str
    made: list[str] = field(default_factory=list)


@dataclass
class Told:
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


def run(*, seconds: float, partner_count: int, seed: int, workers: int, progress: Progress) -> dict[str, Any]:
    with _installation(workers, progress) as (url, bank_url, parent):
        rail = _rail(bank_url)
        callers = [_caller(number) for number in range(partner_count)]
        warm = min(60.0, seconds / 3)
        progress(f"{partner_count} partners; {warm:.0f} s to warm up")
        asyncio.run(_drive(url, rail, callers, seed, warm, Told()))
        before = _memory(parent)
        told = Told()
        used = {pid: _cpu(pid) for pid in _tree(parent)}
        started = time.monotonic()
        progress(f"{seconds:.0f} s measured")
        asyncio.run(_drive(url, rail, callers, seed + 1, seconds, told))
        took = time.monotonic() - started
        used = {pid: _cpu(pid) - used.get(pid, 0.0) for pid in _tree(parent)}
        after = _memory(parent)
        Rail.objects.filter(pk=rail.pk).update(enabled=False, off_reason="the load test is over")
    return _report(told, took, before, after, used, partner_count, seed)


# ---- what is driven ----


@contextlib.contextmanager
def _installation(workers: int, progress: Progress) -> Iterator[tuple[str, str, int]]:
    port, bank = free_port(), free_port()
    progress("starting the installation")
    log = Path(settings.PAYOS_HOME) / "log"
    log.mkdir(parents=True, exist_ok=True)
    with (log / "loadtest.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--with-parent", "--no-demo", "--port", str(port), "--sandbox-port", str(bank), "--workers", str(workers)],
            cwd=settings.BASE_DIR, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
        while not _ready(f"{url}/readyz"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandError(
                    f"the installation did not start; see {log / 'loadtest.log'} (does a copy run on this data? `make stop`)"
                )
            time.sleep(0.5)
        yield url, f"http://127.0.0.1:{bank}", process.pid
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # nosec B310 # the installation that this process started
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _rail(bank_url: str) -> Rail:
    code = f"load-{uuid.uuid4().hex[:8]}"
    with tenancy.platform_scope(actor="command:loadtest"):
        rail = Rail.objects.create(
            code=code, name=code, adapter="sandbox", currencies=["USD"], destination_types=["us_bank"], speed_minutes=5, fallback=False,
            cost_fixed_minor=10**15, config={"url": bank_url, "timeout": 5}, credentials=secrets.packed({"key": "sandbox-key"}),
        )  # fmt: skip
        WindowRule.objects.create(rail=rail, frequency="continuous")
    return rail


def _caller(number: int) -> Caller:
    partner = partners.partner_create(name=f"Load {uuid.uuid4().hex[:8]} {number}", currencies=("USD",))
    who: dict[str, Any] = {"partner_id": partner.pk, "livemode": False}
    with tenancy.platform_scope(actor="command:loadtest"):
        source, secret = ingestion.source_create(partner=partner, livemode=False, name="load", rate_per_minute=60_000)
    with tenancy.tenant_scope(partner.pk, False):
        _, key = partners.api_key_create(partner=partner, livemode=False, name="load", rate_limit=1_000_000)
        available = account_for(**who, code="partner:available", currency="USD")
        post(
            **who, kind="payment", legs=[Leg(account_for(**who, code="receivable:load", currency="USD"), 10**11), Leg(available, -(10**11))]
        )
    from payos.kernel import ids

    return Caller(key, source.public_id, secret, ids.encode("acc", getattr(available, "pk", available)))


# ---- driving ----


async def _drive(url: str, rail: Rail, callers: list[Caller], seed: int, seconds: float, told: Told) -> None:
    until = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=len(callers) + 5, max_keepalive_connections=len(callers) + 5)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
        mixes = [random.Random(seed * 1000 + n) for n in range(len(callers))]  # nosec B311 # a repeatable mix wants a seed
        await asyncio.gather(*(_partner(client, rail.code, caller, mix, until, told) for caller, mix in zip(callers, mixes, strict=True)))


async def _partner(client: httpx.AsyncClient, rail: str, caller: Caller, rng: random.Random, until: float, told: Told) -> None:
    names, weights = list(MIX), list(MIX.values())
    while time.monotonic() < until:
        what = rng.choices(names, weights)[0]
        if what in {"read a transfer", "trace"} and not caller.made:
            what = "transfer"
        request = _request(client, what, rail, caller, rng)
        started = time.perf_counter()
        try:
            answer = await client.send(request)
        except httpx.HTTPError as error:
            told.errors[f"{what}: {type(error).__name__}"] += 1
            await asyncio.sleep(0.5)
            continue
        told.latencies[what].append(time.perf_counter() - started)
        told.statuses[answer.status_code] += 1
        if answer.status_code not in {200, 201}:
            told.errors[f"{what}: {answer.status_code} {answer.text[:120]}"] += 1
        elif what == "transfer":
            caller.made = [*caller.made[-20:], answer.json()["id"]]
        await asyncio.sleep(rng.uniform(0.0, 0.1))


def _request(client: httpx.AsyncClient, what: str, rail: str, caller: Caller, rng: random.Random) -> httpx.Request:
    headers = {"Authorization": f"Bearer {caller.key}", "Idempotency-Key": str(uuid.UUID(int=rng.getrandbits(128)))}
    if what == "payment":
        body = {
            "reference_number": f"L-{rng.getrandbits(64):x}", "loan_account_number": f"A-{rng.randrange(999)}", "amount": f"{rng.randrange(100, 99_999) / 100:.2f}",
            "payment_date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "payment_channel": "load",
        }  # fmt: skip
        raw, stamp = json.dumps(body).encode(), str(int(time.time()))
        mark = hmac.new(caller.secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        signed = {"X-Timestamp": stamp, "X-Signature": f"sha256={mark}", "Content-Type": "application/json"}
        return client.build_request("POST", f"/api/v1/payments/webhook?source={caller.source}", content=raw, headers=signed)
    if what == "transfer":
        return client.build_request("POST", "/v1/transfers", json=_order(rail, rng), headers=headers)
    if what == "batch of 20":
        return client.build_request(
            "POST", "/v1/transfers/batch", json={"transfers": [_order(rail, rng) for _ in range(20)]}, headers=headers
        )
    path = {
        "read a transfer": lambda: f"/v1/transfers/{rng.choice(caller.made)}", "list transfers": lambda: "/v1/transfers?limit=20",
        "balance": lambda: f"/v1/accounts/{caller.account}/balance", "trace": lambda: f"/v1/trace/{rng.choice(caller.made)}", "me": lambda: "/v1/me",
    }[what]()  # fmt: skip
    return client.build_request("GET", path, headers=headers)


def _order(rail: str, rng: random.Random) -> dict[str, Any]:
    destination = {
        "type": "us_bank",
        "routing_number": "021000021",
        "account_number": str(rng.randrange(10**8, 10**9)),
        "account_type": "checking",
        "holder_name": "Load Receiver",
    }
    return {"amount": f"{rng.randrange(100, 5_000) / 100:.2f}", "currency": "USD", "rail": rail, "destination": destination}


# ---- memory ----


def _memory(parent: int) -> dict[int, tuple[str, int]]:
    """Bytes that the supervisor's processes hold: the median of a few looks, because garbage comes and goes.

    Anonymous memory, resident or swapped out: pages of programs and libraries come and go as the machine likes. Without what
    is there to hold data: the database's buffers, the cache, the books of the sandbox bank.
    """
    looks: dict[int, list[int]] = defaultdict(list)
    for _ in range(5):
        for pid in _tree(parent):
            with contextlib.suppress(OSError, IndexError, ValueError):
                looks[pid].append(_held(Path(f"/proc/{pid}/status").read_text()))
        time.sleep(1)
    named = {pid: (_name(pid), int(statistics.median(sizes))) for pid, sizes in looks.items() if len(sizes) == 5}
    return {pid: (name, size) for pid, (name, size) in named.items() if name != "gone" and not name.startswith(STORES)}


def _held(status: str) -> int:
    sizes = dict(line.split(":", 1) for line in status.splitlines() if line.startswith(("RssAnon", "VmSwap")))
    return sum(int(text.split()[0]) << 10 for text in sizes.values())


def _cpu(pid: int) -> float:
    """Seconds of processor that it has used."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _tree(parent: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            children[int((folder / "stat").read_text().rpartition(")")[2].split()[1])].append(int(folder.name))
    found, waiting = [], [parent]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children[pid]
    return found


def _name(pid: int) -> str:
    try:
        words = [word for word in Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0") if word]
    except OSError:
        return "gone"
    if "guard" in words:
        return "guard"
    if "serve" in words:
        return "serve"
    if "celery" in words:
        return "beat" if "beat" in words else "worker"
    known = ("granian", "sandbox", "deliver_webhooks", "payos.embedded.keeper")
    return next((name for name in known if name in words), words[0].rpartition("/")[2][:40] if words else "gone")


def _report(
    told: Told,
    took: float,
    before: dict[int, tuple[str, int]],
    after: dict[int, tuple[str, int]],
    used: dict[int, float],
    count: int,
    seed: int,
) -> dict[str, Any]:
    every = [value for values in told.latencies.values() for value in values]
    processes = []
    for pid, (name, size) in sorted(before.items(), key=lambda entry: entry[1]):
        now = after.get(pid, (name, 0))[1]
        growth = (now - size) / size if now else None
        flagged = growth is not None and growth > GROWTH and now - size > SMALL
        processes.append({"name": name, "pid": pid, "start_mb": round(size / 2**20, 1), "end_mb": round(now / 2**20, 1),
                          "cpu_seconds": round(used.get(pid, 0.0), 1), "growth": None if growth is None else round(growth, 4), "flagged": flagged or now == 0})  # fmt: skip
    fresh = [name for pid, (name, _) in after.items() if pid not in before]
    errors = sum(told.errors.values())
    return {
        "loadtest": "api", "partners": count, "seed": seed, "seconds": round(took, 1), "requests": len(every), "rate": round(len(every) / took, 1),
        **_percentiles(every), "errors": errors, "by_error": dict(told.errors.most_common(10)), "statuses": dict(sorted(told.statuses.items())),
        "by_request": {name: {"count": len(values), **_percentiles(values)} for name, values in sorted(told.latencies.items())},
        "processes": processes, "started_meanwhile": fresh, "ok": errors == 0 and not any(process["flagged"] for process in processes),
    }  # fmt: skip


def _percentiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {"p50_ms": 0.0, "p95_ms": 0.0, "p99_ms": 0.0}
    ranked = sorted(values)
    return {f"p{level}_ms": round(ranked[min(len(ranked) - 1, int(len(ranked) * level / 100))] * 1000, 1) for level in (50, 95, 99)}
