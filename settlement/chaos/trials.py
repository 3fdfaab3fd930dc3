"""Two trials without a storm: a clock that jumps days ahead and back, and a disk that is full while files arrive."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from ingestion import services as ingestion
from ingestion.models import PaymentStaging, SourceFile
from operations.models import Case
from partners import services as partners
from payos.kernel import clock, outbox, tenancy
from payos.kernel.errors import Problem
from settlement import secrets, services
from settlement.chaos import shared, traffic
from settlement.chaos.invariants import FINAL, Findings, check, quiet
from settlement.chaos.processes import Bank
from settlement.models import Rail, SettlementWindow, Transfer, WindowRule

Progress = Callable[[str], None]
FUNDS = 10**10
# Days and hours, ahead and back, over midnights, weekends and the end of a month.
JUMPS = (
    timedelta(hours=3),
    timedelta(days=-1),
    timedelta(days=3),
    timedelta(hours=-30),
    timedelta(days=32),
    timedelta(days=-31),
    timedelta(0),
)


def clock_jumps(*, seed: int, size: int, progress: Progress) -> dict[str, Any]:
    """Transfers and payments in every leg of the journey; windows, holds, events and seals must come out once each."""
    rng, started = random.Random(seed), clock.now()  # nosec B311 # a repeatable run wants a seed
    tag = f"clock-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="payos-chaos-") as folder:
        bank = Bank(Path(folder), seed=seed, webhook_url="http://127.0.0.1:9/none", secret="chaos-secret")  # nosec B106 # the secret of a bank in a box
        try:
            partner, rail = _people(tag, bank)
            sent = 0
            for place, jump in enumerate(JUMPS):
                with clock.travel(started + jump):
                    count = size // len(JUMPS) + (place < size % len(JUMPS))
                    progress(f"the clock says {clock.now():%Y-%m-%d %H:%M}; {count} transfers")
                    _send(partner, rail, [traffic.item(seed, sent + n, rng, [rail.code]) for n in range(count)])
                    sent += count
                    with tenancy.platform_scope(actor="command:chaos"):
                        PaymentStaging.objects.create(
                            partner_id=partner.pk, reference_number=f"{tag}-{place}", loan_account_number="L-1", amount="1.00",
                            payment_date=clock.now(), payment_channel="clock",
                        )  # fmt: skip
                    ingestion.process_all(batch=100)
                    _clockwork(rail, rounds=3)
            why = _until_quiet(bank, partner.pk, rail)
            found = check(bank=bank, partner_id=partner.pk, sent=sent, funded_minor=FUNDS + 100 * len(JUMPS), seed=seed)
        finally:
            bank.stop()
    if why:
        found.check(False, f"not quiet: {why}")
    with tenancy.platform_scope(actor="command:chaos"):
        closings = list(SettlementWindow.objects.filter(rail=rail).values_list("closes_at", flat=True))
        found.check(len(closings) == len(set(closings)), "a window was closed twice")
        paid = PaymentStaging.objects.filter(partner_id=partner.pk, processed=True, outcome="created").count()
        found.check(paid == len(JUMPS), f"{len(JUMPS)} payments were staged and {paid} recorded")
        Rail.objects.filter(pk=rail.pk).update(enabled=False, off_reason="the chaos run is over")
    shared.check(found, partner.pk)
    return {"scenario": "clock", "seed": seed, "transfers": sent, "jumps": [str(jump) for jump in JUMPS], **found.figures,
            "violations": found.violations, "ok": not found.violations}  # fmt: skip


def _people(tag: str, bank: Bank) -> tuple[Any, Rail]:
    from ledger.services import Leg, account_for, post

    partner = partners.partner_create(name=f"Chaos {tag}", currencies=("USD",))
    who: dict[str, Any] = {"partner_id": partner.pk, "livemode": False}
    with tenancy.tenant_scope(partner.pk, False):
        legs = [
            Leg(account_for(**who, code="receivable:chaos", currency="USD"), FUNDS),
            Leg(account_for(**who, code="partner:available", currency="USD"), -FUNDS),
        ]
        post(**who, kind="payment", legs=legs)
    with tenancy.platform_scope(actor="command:chaos"):
        rail = Rail.objects.create(
            code=tag, name=tag, adapter="sandbox", currencies=["USD"], destination_types=["us_bank"], speed_minutes=5, fallback=False,
            cost_fixed_minor=10**15, config={"url": bank.url, "timeout": 3}, credentials=secrets.packed({"key": "sandbox-key", "webhook_secret": "chaos-secret"}),  # nosec B105 # the secret of a bank in a box
        )  # fmt: skip
        WindowRule.objects.create(rail=rail, frequency="hourly")
    return partner, rail


def _send(partner: Any, rail: Rail, items: list[dict[str, Any]]) -> None:
    if items:
        with tenancy.tenant_scope(partner.pk, False, actor="command:chaos"), transaction.atomic():
            services.accept(partner=partner, livemode=False, items=services.check_items(partner=partner, livemode=False, items=items))


def _clockwork(rail: Rail, rounds: int = 1) -> None:
    """What the clock would do in this moment."""
    from ledger import sealing

    for _ in range(rounds):
        services.close_due_windows()
        services.execute_rail(rail_code=rail.code)
        services.ask_due()
        outbox.drain()
        sealing.seal_all()


def _until_quiet(bank: Bank, partner_id: Any, rail: Rail) -> str:
    """The clock is right again: an hour later than the latest window anybody waits for, everything has an end."""
    why, deadline = "", time.monotonic() + 120
    with tenancy.platform_scope():
        waiting = Transfer.objects.filter(partner_id=partner_id).exclude(state__in=FINAL).order_by("-window_at").first()
    until = max(clock.now(), waiting.window_at) if waiting and waiting.window_at else clock.now()
    with clock.travel(until + timedelta(hours=2)):
        while time.monotonic() < deadline:
            _clockwork(rail)
            why = quiet(bank, partner_id)
            if not why:
                return ""
            time.sleep(0.3)
    return why


# ---- the disk ----

ROOM = 256 * 1024


def disk_full(*, seed: int, size: int, progress: Progress) -> dict[str, Any]:
    """The store of raw files has no room left: in a child of its own, on a file system of a quarter of a megabyte."""
    progress(f"{size} files for a store of {ROOM >> 10} KB")
    with tempfile.TemporaryDirectory(prefix="payos-chaos-") as folder:
        command = [sys.executable, "manage.py", "chaos", "--scenario", "disk", "--inside", "--seed", str(seed), "--size", str(size)]
        mount = _mount(folder)
        inner = [*mount, *command] if mount else command
        environment = os.environ | {"RAW_STORE": folder, "CHAOS_LIMITED": "" if mount else "1"}
        done = subprocess.run(inner, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=600)
    if not done.stdout.strip():
        raise RuntimeError(f"the trial of the full disk did not end: {done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**told, "by": "a file system without room" if mount else "a limit of the process on what a file may hold"}


def _mount(folder: str) -> list[str]:
    """A private, tiny tmpfs, where this machine lets us make one."""
    if not shutil.which("unshare"):
        return []
    prefix = [
        "unshare",
        "--mount",
        *([] if os.geteuid() == 0 else ["--map-root-user"]),
        "sh",
        "-c",
        f'mount -t tmpfs -o size={ROOM} none "{folder}" && exec "$@"',
        "sh",
    ]
    probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if probe.returncode == 0 else []


def fill(seed: int, size: int) -> dict[str, Any]:
    """Inside the child: files until there is no room and beyond, then room again and the same files once more."""
    rng, found = random.Random(seed), Findings()  # nosec B311 # a repeatable run wants a seed
    store = settings.RAW_STORE
    if os.environ.get("CHAOS_LIMITED"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    partner = partners.partner_create(name=f"Chaos disk-{uuid.uuid4().hex[:8]}", currencies=("USD",))
    contents = [_statement(n, rng) for n in range(size)]
    refused = _offer(found, partner.pk, contents)
    found.check(bool(refused), "the disk never filled up: the trial tried nothing")
    ingestion.watch_store()
    with tenancy.platform_scope(actor="command:chaos"):
        found.check(Case.objects.filter(kind="store_full").exclude(state="resolved").exists(), "the store is full and nobody is told")
        kept = list(SourceFile.objects.filter(partner_id=partner.pk).values_list("sha256", "size"))
    for sha256, length in kept:
        path = ingestion.stored(sha256)
        found.check(path.is_file() and path.stat().st_size == length, f"the file {sha256[:12]} is recorded and its bytes are not there")
    found.check(len(kept) == size - len(refused), f"{size} files were sent, {len(refused)} refused and {len(kept)} recorded")
    found.check(not list(store.glob(".new-*")), "half a file was left behind")
    # Somebody makes room.
    if os.environ.get("CHAOS_LIMITED"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        subprocess.run(["mount", "-o", "remount,size=64m", str(store)], check=True)  # nosec B607 # the child's own mount
    again = _offer(found, partner.pk, contents)
    found.check(not again, f"there is room again and {len(again)} files are still refused")
    ingestion.watch_store()
    with tenancy.platform_scope(actor="command:chaos"):
        files = SourceFile.objects.filter(partner_id=partner.pk)
        found.check(files.count() == size, f"{size} files were sent again and {files.count()} are recorded")
        found.check(
            not Case.objects.filter(kind="store_full").exclude(state="resolved").exists(), "there is room again and the case is still open"
        )
    shared.check(found, partner.pk)
    return {
        "scenario": "disk",
        "seed": seed,
        "files": size,
        "refused": len(refused),
        **found.figures,
        "violations": found.violations,
        "ok": not found.violations,
    }


def _offer(found: Findings, partner_id: uuid.UUID, contents: list[bytes]) -> list[int]:
    refused = []
    for number, content in enumerate(contents):
        try:
            with tenancy.platform_scope(actor="command:chaos"):
                file, _ = ingestion.receive_file(content=io.BytesIO(content), name=f"{number}.csv", partner_id=partner_id)
                ingestion.process_file(file=file)
        except Problem as problem:
            found.check(problem.code == "unavailable", f"file {number} was refused as {problem.code}: {problem.detail}")
            refused.append(number)
    return refused


def _statement(number: int, rng: random.Random) -> bytes:
    rows = "".join(f"2026-11-02,{rng.randint(1, 10**6) / 100:.2f},USD,DISK-{number}-{row}\n" for row in range(900))
    return b"date,amount,currency,reference\n" + rows.encode()
