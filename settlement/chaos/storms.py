"""Two storms: payments that arrive several times over while everything dies, and events to a receiver that fails a third of the time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import socketserver
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
from django.db import connection, connections, transaction

from ingestion import services as ingestion
from ingestion.models import Payment, RawMessage
from ledger.models import Account
from operations.models import Case
from partners import services as partners
from payos.kernel import clock, http, outbox, tenancy
from payos.kernel.models import OutboxEvent
from settlement.chaos import faults, shared
from settlement.chaos.invariants import Findings
from settlement.chaos.processes import Nursery, free_port
from webhooks import services as webhooks
from webhooks.models import OUTSTANDING, Delivery

PATIENCE = 180.0
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Storm:
    seed: int
    size: int
    kills: int
    seconds: float
    timeout: float


class Havoc(threading.Thread):
    """Kills children and servers by a seeded plan while the storm lasts."""

    def __init__(self, plan: Storm, nursery: Nursery, children: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self.plan, self.nursery, self.children = plan, nursery, children
        self.done: Counter[str] = Counter()
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            rng = random.Random(self.plan.seed)  # nosec B311 # a repeatable run wants a seed
            started = time.monotonic()
            for moment in sorted(rng.uniform(0, self.plan.seconds) for _ in range(self.plan.kills)):
                what = rng.choice([*self.children, *self.children, "database", "valkey", "wipe"])
                time.sleep(max(0.0, started + moment - time.monotonic()))
                self.done[self._strike(what)] += 1
        except BaseException as error:  # noqa: BLE001  told to whoever waits for the storm to end
            self.failed = error
        finally:
            connections.close_all()

    def _strike(self, what: str) -> str:
        if what == "database" and faults.crash_database():
            return "database restarted"
        if what == "valkey" and faults.kill_valkey():
            return "valkey killed"
        if what == "wipe" and faults.wipe_valkey():
            return "valkey wiped"
        child = what if what in self.children else self.children[0]
        self.nursery.kill(child)
        self.nursery.start(child)
        return f"{child} killed"


def _run(
    plan: Storm, children: tuple[str, ...], port: int, storm: Callable[[], None], quiet: Callable[[], str], progress: Progress
) -> tuple[Counter[str], str]:
    """The storm with the havoc beside it, then patience until the world is quiet; why not, when it never is."""
    with tempfile.TemporaryDirectory(prefix="payos-chaos-") as folder:
        nursery = Nursery(Path(folder), port)
        try:
            for name in children:
                nursery.start(name)
            havoc = Havoc(plan, nursery, children)
            havoc.start()
            storm()
            havoc.join()
            if havoc.failed:
                raise havoc.failed
            why, said, deadline = "", 0.0, time.monotonic() + plan.timeout
            while time.monotonic() < deadline:
                for name in children:
                    if not nursery.alive(name):
                        nursery.start(name)
                connections.close_all()
                why = quiet()
                if not why:
                    break
                if time.monotonic() - said > 10:
                    said = time.monotonic()
                    progress(why)
                time.sleep(0.5)
            return havoc.done, why
        finally:
            nursery.close()


def _untold(partner_id: Any) -> str:
    with tenancy.platform_scope(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM kernel_outbox_event WHERE partner_id = %s AND handled_at IS NULL AND parked_at IS NULL", [partner_id]
        )
        count = cursor.fetchone()[0]
    return f"{count} events are not told yet" if count else ""


# ---- payments in ----


def ingestion_storm(plan: Storm, progress: Progress) -> dict[str, Any]:
    """Every payment is sent one to three times, some are contradicted afterwards, some are no payment at all."""
    rng = random.Random(plan.seed)  # nosec B311 # a repeatable run wants a seed
    tag = f"storm-{uuid.uuid4().hex[:8]}"
    partner = partners.partner_create(name=f"Chaos {tag}", currencies=("USD",))
    with tenancy.platform_scope(actor="command:chaos"):
        source, secret = ingestion.source_create(partner=partner, livemode=False, name=tag, adapter="generic", rate_per_minute=60_000)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api/v1/payments/webhook?source={source.public_id}"
    good = [_payment(tag, number, rng) for number in range(plan.size)]
    first = [body for body in good for _ in range(rng.randint(1, 3))]
    rng.shuffle(first)
    contradicted = rng.sample(good, max(1, plan.size // 30))
    second: list[Any] = [{**body, "amount": "0.01"} for body in contradicted]
    unreadable = [f'{{"reference_number": "{tag}-bad-{n}", "amount": ' for n in range(max(1, plan.size // 50))]
    answers: Counter[int] = Counter()
    refused: list[str] = []

    def storm() -> None:
        progress(
            f"{len(first)} messages of {plan.size} payments, {len(second)} contradictions, {len(unreadable)} unreadable; {plan.kills} faults"
        )
        sender = _Sender(url, secret, answers, refused)
        sender.send(first, {200, 201}, plan.seconds * 0.8)
        sender.send(second, {409}, 1)
        sender.send(unreadable, {422}, 1)

    killed, why = _run(plan, ("web", "worker-default", "beat"), port, storm, lambda: _untold(partner.pk), progress)
    found = Findings()
    if why:
        found.check(False, f"not quiet after {plan.timeout:.0f} s: {why}")
    for text in refused[:5]:
        found.check(False, f"refused: {text}")
    cents = sum(round(float(body["amount"]) * 100) for body in good)
    with tenancy.platform_scope(actor="command:chaos"):
        _payments_are(found, partner.pk, plan.size, cents)
        cases = Case.objects.filter(partner_id=partner.pk).exclude(state="resolved")
        conflicts, unread = cases.filter(kind="payment_conflict").count(), cases.filter(kind="message_unreadable").count()
        found.check(conflicts == len(contradicted), f"{len(contradicted)} payments were contradicted and {conflicts} cases say so")
        found.check(unread >= 1, "messages were unreadable and nobody is told")
        kept = RawMessage.objects.filter(partner_id=partner.pk).count()
        found.check(kept >= len(contradicted) + len(unreadable), f"{kept} raw messages were kept of {len(contradicted) + len(unreadable)}")
    shared.check(found, partner.pk)
    return {"scenario": "ingestion", "seed": plan.seed, "payments": plan.size, "messages": sum(answers.values()), "answers": dict(sorted(answers.items())),
            "faults": dict(killed), **found.figures, "violations": found.violations, "ok": not found.violations}  # fmt: skip


def _payment(tag: str, number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "reference_number": f"{tag}-{number}", "loan_account_number": f"L-{number % 97}", "amount": f"{rng.randint(100, 900_000) / 100:.2f}",
        "payment_date": clock.now().isoformat(), "payment_channel": "storm",
    }  # fmt: skip


def _payments_are(found: Findings, partner_id: Any, count: int, cents: int) -> None:
    rows = list(Payment.objects.filter(partner_id=partner_id).values_list("reference_number", "amount_minor"))
    found.check(len(rows) == count, f"{count} payments were sent and {len(rows)} recorded")
    found.check(len({name for name, _ in rows}) == len(rows), "a reference was recorded twice")
    found.check(sum(minor for _, minor in rows) == cents, f"{cents} was paid and {sum(minor for _, minor in rows)} recorded")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_transaction WHERE partner_id = %s AND kind = 'payment.recorded'", [partner_id])
        posted = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM kernel_outbox_event WHERE partner_id = %s AND event_type = 'payment.recorded'", [partner_id])
        told = cursor.fetchone()[0]
    found.check(posted == count, f"{count} payments and {posted} postings of them")
    found.check(told == count, f"{count} payments and {told} events of them")
    from ledger import selectors

    accounts = Account.objects.filter(partner_id=partner_id, code__in=["partner:available", "partner:pending"])
    owed = sum(selectors.balance(account).posted_minor for account in accounts)
    found.check(owed == cents, f"{cents} was paid and the partner has {owed}")


class _Sender:
    """A processor that sends again until it has an answer."""

    def __init__(self, url: str, secret: str, answers: Counter[int], refused: list[str]) -> None:
        self.url, self.secret, self.answers, self.refused = url, secret, answers, refused

    def send(self, bodies: list[Any], wanted: set[int], seconds: float) -> None:
        pause, started = seconds / max(len(bodies), 1), time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            for number, body in enumerate(bodies):
                pool.submit(self._one, started + number * pause, body, wanted)

    def _one(self, at: float, body: Any, wanted: set[int]) -> None:
        time.sleep(max(0.0, at - time.monotonic()))
        raw, deadline = (body if isinstance(body, str) else json.dumps(body)).encode(), time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            stamp = str(int(time.time()))
            mark = hmac.new(self.secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
            headers = {"X-Timestamp": stamp, "X-Signature": f"sha256={mark}", "Content-Type": "application/json"}
            try:
                with http.client(timeout=15, attempts=1) as client:
                    status = client.post(self.url, content=raw, headers=headers).status_code
            except httpx.HTTPError:
                time.sleep(0.2)
                continue
            self.answers[status] += 1
            if status in wanted:
                return
            if status < 500 and status != 429:
                self.refused.append(f"{status} for {raw[:80]!r}, wanted {sorted(wanted)}")
                return
            time.sleep(0.3)
        self.refused.append(f"no answer in {PATIENCE:.0f} s for {raw[:80]!r}")


# ---- events out ----


@dataclass
class Receiver:
    """A partner's endpoint that fails a third of the time; it believes only what is signed."""

    secret: str = ""
    rng: random.Random = field(default_factory=lambda: random.Random(1))  # nosec B311 # a repeatable run wants a seed
    taken: Counter[str] = field(default_factory=Counter)
    unsigned: int = 0
    failed: int = 0

    def start(self) -> str:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(outer.judge(dict(self.headers.items()), body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        class Server(socketserver.ThreadingMixIn, HTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def judge(self, headers: dict[str, str], body: bytes) -> int:
        low = {name.lower(): value for name, value in headers.items()}
        signed = f"{low.get('webhook-id', '')}.{low.get('webhook-timestamp', '')}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        good = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if good not in low.get("webhook-signature", "").split(" "):
            self.unsigned += 1
            return 401
        if self.rng.random() < 0.33:
            self.failed += 1
            return self.rng.choice([500, 502, 503, 429])
        self.taken[low["webhook-id"]] += 1
        return 200


def webhook_storm(plan: Storm, progress: Progress) -> dict[str, Any]:
    """Events while workers die and the receiver fails: each arrives, signed, and none is lost."""
    rng = random.Random(plan.seed)  # nosec B311 # a repeatable run wants a seed
    tag = f"events-{uuid.uuid4().hex[:8]}"
    partner = partners.partner_create(name=f"Chaos {tag}", currencies=("USD",))
    receiver = Receiver(rng=random.Random(plan.seed))  # nosec B311 # a repeatable run wants a seed
    url = receiver.start()
    with tenancy.tenant_scope(partner.pk, False):
        _, receiver.secret = webhooks.endpoint_create(
            partner=partner, livemode=False, url=url, event_types=("transfer.settled",), retry_seconds=[1] * 12
        )
    events: set[str] = set()

    def storm() -> None:
        progress(f"{plan.size} events to a receiver that fails a third of the time; {plan.kills} faults")
        from payos.kernel import ids

        started, batch = time.monotonic(), 20
        for start in range(0, plan.size, batch):
            time.sleep(max(0.0, started + plan.seconds * 0.8 * start / plan.size - time.monotonic()))
            few = [f"trf_{rng.getrandbits(60):026x}" for _ in range(min(batch, plan.size - start))]
            events.update(ids.encode("evt", key) for key in _publish(partner.pk, few))

    def quiet() -> str:
        with tenancy.platform_scope():
            waiting = Delivery.objects.filter(partner_id=partner.pk, state__in=OUTSTANDING).count()
        return _untold(partner.pk) or (f"{waiting} deliveries are under way" if waiting else "")

    try:
        killed, why = _run(plan, ("worker-default", "beat"), free_port(), storm, quiet, progress)
    finally:
        receiver.server.shutdown()
    found = Findings()
    if why:
        found.check(False, f"not quiet after {plan.timeout:.0f} s: {why}")
    with tenancy.platform_scope(actor="command:chaos"):
        deliveries = Delivery.objects.filter(partner_id=partner.pk)
        states = Counter(deliveries.values_list("state", flat=True))
        found.check(deliveries.count() == plan.size, f"{plan.size} events and {deliveries.count()} deliveries of them")
        found.check(states["delivered"] + states["dead"] == plan.size, f"deliveries ended as {dict(states)}")
        dead = set(deliveries.filter(state="dead").values_list("event_id", flat=True))
    missed = {event for event in events - set(receiver.taken) if _key(event) not in dead}
    found.check(not missed, f"{len(missed)} events never arrived, although their deliveries say so")
    strange = set(receiver.taken) - events
    found.check(not strange, f"{len(strange)} messages arrived that nobody published")
    found.check(receiver.unsigned == 0, f"{receiver.unsigned} messages were not signed by the endpoint's secret")
    shared.check(found, partner.pk)
    again = sum(times - 1 for times in receiver.taken.values())
    return {"scenario": "webhooks", "seed": plan.seed, "events": plan.size, "states": dict(states), "refusals": receiver.failed, "arrived_again": again,
            "faults": dict(killed), **found.figures, "violations": found.violations, "ok": not found.violations}  # fmt: skip


def _key(public_id: str) -> uuid.UUID:
    from payos.kernel import ids

    return ids.decode("evt", public_id)


def _publish(partner_id: Any, subjects: list[str]) -> list[uuid.UUID]:
    """As an app would, again until it is committed; a commit whose answer was lost is found by looking."""
    from django.db import DatabaseError, InterfaceError

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with tenancy.platform_scope(actor="command:chaos"), transaction.atomic():
                known = OutboxEvent.objects.filter(partner_id=partner_id, aggregate_id__in=subjects).values_list("pk", flat=True)
                return list(known) or [
                    outbox.publish(topic="transfers", event_type="transfer.settled", aggregate_id=subject, partner_id=partner_id, livemode=False,
                                   payload={"transfer": {"id": subject, "status": "settled", "amount": "10.00", "currency": "USD"}})
                    for subject in subjects
                ]  # fmt: skip
        except (DatabaseError, InterfaceError):
            connections.close_all()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
