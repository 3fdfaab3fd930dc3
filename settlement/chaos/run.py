"""One run: make a partner and rails, start everything, send, kill, wait for quiet, check."""

from __future__ import annotations

import os
import random
import secrets as random_secrets
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connections

from ledger.services import Leg, account_for, post
from partners import services as partners
from payos.kernel import tenancy
from settlement import secrets
from settlement.chaos import faults, invariants, shared, traffic
from settlement.chaos.processes import Bank, Nursery, free_port
from settlement.models import Rail, WindowRule

FUNDS = 10**12
CHILDREN = ("worker-settlement-1", "worker-settlement-2", "worker-default", "beat", "web")
WEIGHTS = {
    "worker-settlement-1": 22,
    "worker-settlement-2": 22,
    "worker-default": 12,
    "beat": 12,
    "web": 18,
    "valkey": 8,
    "flush": 6,
    "database": 5,
}
# Together a third of all calls to the bank go wrong; whoever sends a reference twice is found out, because the bank executes it again.
FAULTS = {
    "timeout_after_execution": 0.08, "timeout_before": 0.07, "late_execution": 0.05, "error_500": 0.08, "throttle_429": 0.05,
    "forget_reference": 1.0, "reject": 0.03, "duplicate_webhook": 0.33, "lost_webhook": 0.33, "delayed_settlement": 0.1,
    "return_after_settlement": 0.03, "hang_seconds": 0.7, "late_seconds": 1.5, "delayed_settlement_seconds": 5, "return_seconds": 4,
}  # fmt: skip
PATIENCE = {
    "ask_seconds": [1, 2, 3, 5],
    "ask_later": 5,
    "ask_intents_after": 8,
    "send_within": 4,
    "not_found_is_final_after": 4,
    "timeout": 3,
}


@dataclass(frozen=True)
class Plan:
    seed: int
    transfers: int
    kills: int
    seconds: float  # over which the kills and the traffic are spread
    timeout: float


def run(plan: Plan, progress: Callable[[str], None]) -> dict[str, Any]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="payos-chaos-") as folder:
        place = Path(folder)
        (place / "bank").mkdir()
        port = free_port()
        tag = f"chaos-{random_secrets.token_hex(4)}"
        bank = Bank(place / "bank", seed=plan.seed, webhook_url=f"http://127.0.0.1:{port}/hooks/rails/{tag}-now", secret="chaos-secret")  # nosec B106 # the secret of a bank in a box
        nursery = Nursery(place, port)
        try:
            partner, key, rails = _set_up(tag, bank, plan)
            bank.call("PUT", "/faults", FAULTS | {"seed": plan.seed})
            for name in CHILDREN:
                nursery.start(name)
            progress(f"{plan.transfers} transfers on {', '.join(rails)}; {plan.kills} kills over {plan.seconds:.0f} s")
            killed = _storm(plan, nursery, f"http://127.0.0.1:{port}", key, rails, progress)
            sent_at = time.monotonic()
            why = _wait(bank, partner.pk, nursery, plan.timeout, progress)
            found = invariants.check(bank=bank, partner_id=partner.pk, sent=plan.transfers, funded_minor=FUNDS, seed=plan.seed)
            shared.check(found, partner.pk)
            found.violations[:0] = killed.pop("refused")
            if why:
                found.violations.insert(0, f"not quiet after {plan.timeout:.0f} s: {why}")
            if found.violations and (keep := os.environ.get("CHAOS_KEEP_LOGS")):
                _keep(place, Path(keep))
            _tidy(rails)
            return {
                "chaos": tag, "seed": plan.seed, "transfers": plan.transfers, "kills": sum(killed.values()), "killed": killed,
                **found.figures, "seconds": round(time.monotonic() - started, 1), "quiet_after_seconds": round(time.monotonic() - sent_at, 1),
                "violations": found.violations, "ok": not found.violations,
            }  # fmt: skip
        finally:
            nursery.close()
            bank.stop()


def _set_up(tag: str, bank: Bank, plan: Plan) -> tuple[Any, str, list[str]]:
    partner = partners.partner_create(name=f"Chaos {tag}", currencies=("USD",))
    who: dict[str, Any] = {"partner_id": partner.pk, "livemode": False}
    with tenancy.tenant_scope(partner.pk, False):
        _, key = partners.api_key_create(partner=partner, livemode=False, name="chaos", rate_limit=1_000_000)
        legs = [
            Leg(account_for(**who, code="receivable:chaos", currency="USD"), FUNDS),
            Leg(account_for(**who, code="partner:available", currency="USD"), -FUNDS),
        ]
        post(**who, kind="payment", legs=legs)
    every_minute = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
    rules: dict[str, dict[str, Any]] = {f"{tag}-now": {"frequency": "continuous"}}
    if plan.transfers >= 200:  # smaller runs are over before a minute is
        rules[f"{tag}-minute"] = {"frequency": "times", "times": every_minute, "timezone": "America/New_York"}
    with tenancy.platform_scope(actor="command:chaos"):
        for code, rule in rules.items():
            rail = Rail.objects.create(
                code=code, name=code, adapter="sandbox", currencies=["USD"], destination_types=["us_bank"], speed_minutes=5, fallback=False,
                cost_fixed_minor=10**15,  # nobody else's transfers come here
                config={"url": bank.url, **PATIENCE}, credentials=secrets.packed({"key": "sandbox-key", "webhook_secret": "chaos-secret"}),  # nosec B105 # the secret of a bank in a box
            )  # fmt: skip
            WindowRule.objects.create(rail=rail, **rule)
    return partner, key, list(rules)


def _storm(plan: Plan, nursery: Nursery, url: str, key: str, rails: list[str], progress: Callable[[str], None]) -> dict[str, Any]:
    calls, killed, refused = traffic.requests(plan.seed, plan.transfers, rails), Counter(), []  # type: ignore[var-annotated]
    sender = threading.Thread(target=lambda: refused.extend(traffic.send(url, key, calls, plan.seconds * 0.7)))
    sender.start()
    rng = random.Random(plan.seed)  # nosec B311 # a repeatable run wants a seed
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    moments = sorted(rng.uniform(0, plan.seconds) for _ in range(plan.kills))
    started = time.monotonic()
    for number, moment in enumerate(moments):
        while (left := started + moment - time.monotonic()) > 0:
            nursery.revive(CHILDREN)
            time.sleep(min(left, 1.0))
        target = rng.choices(names, weights)[0]
        killed[_kill(nursery, target)] += 1
        if number % 10 == 9:
            progress(f"{number + 1} kills")
    while sender.is_alive():
        nursery.revive(CHILDREN)
        sender.join(1.0)
    return {**killed, "refused": [f"refused: {text}" for text in refused]}


def _kill(nursery: Nursery, target: str) -> str:
    """SIGKILL, then start again as a supervisor would."""
    if target == "flush" and faults.wipe_valkey():
        return "valkey wiped"
    if target == "valkey" and faults.kill_valkey():
        return "valkey"
    if target == "database" and faults.crash_database():
        return "database"
    if target not in CHILDREN:  # a server's own database and cache are nobody's to kill
        target = "worker-default"
    nursery.kill(target)
    nursery.start(target)
    return target.partition("-")[0]


def _wait(bank: Bank, partner_id: Any, nursery: Nursery, timeout: float, progress: Callable[[str], None]) -> str:
    deadline, said, why = time.monotonic() + timeout, 0.0, ""
    while time.monotonic() < deadline:
        nursery.revive(CHILDREN)
        connections.close_all()
        why = invariants.quiet(bank, partner_id) or _untold(partner_id)
        if not why:
            return ""
        if time.monotonic() - said > 10:
            said = time.monotonic()
            progress(why)
        time.sleep(1)
    return why


def _untold(partner_id: Any) -> str:
    from payos.kernel.models import OutboxEvent

    with tenancy.platform_scope():
        count = OutboxEvent.objects.filter(partner_id=partner_id, handled_at=None).count()
    return f"{count} events are not told yet" if count else ""


def _tidy(rails: list[str]) -> None:
    with tenancy.platform_scope(actor="command:chaos", reason="the chaos run is over"):
        Rail.objects.filter(code__in=rails).update(enabled=False, off_reason="the chaos run is over")


def _keep(place: Path, keep: Path) -> None:
    keep.mkdir(parents=True, exist_ok=True)
    for log in [*place.glob("*.log"), *place.glob("bank/*.log")]:
        (keep / log.name).write_bytes(log.read_bytes())
