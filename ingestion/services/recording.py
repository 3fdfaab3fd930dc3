"""Recording one payment exactly once: checked field by field, then one round trip to the database."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import DatabaseError, connection

from ingestion import dedup
from ingestion.services import together
from ledger.errors import as_problems
from ledger.services import account_for
from payos.kernel import clock, ids, tenancy
from payos.kernel.api import field_error
from payos.kernel.db import prepared
from payos.kernel.errors import Problem, register
from payos.kernel.money import MoneyError, parse_minor, to_decimal_str

register(
    "payment_conflict",
    409,
    "The reference was recorded with other content",
    "Check which of the two is right; a case was opened.",
)
register("payment_invalid", 422, "The payment cannot be recorded", "Read `errors`: each names the field and what to change.")

METADATA_LIMIT = 64 * 1024
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CHANNEL = re.compile(r"[a-z0-9][a-z0-9_\-]{0,39}\Z")
OLDEST = timedelta(days=3653)
NEWEST = timedelta(days=2)
CALL = (
    "SELECT status, payment_id FROM ingestion_record(%s::text[], %s::timestamptz, %s::uuid, %s::boolean, %s::text, %s::text,"
    " %s::text, %s::text, %s::bigint, %s::text, %s::text, %s::timestamptz, %s::text, %s::uuid, %s::smallint, %s::text, %s::text,"
    " %s::uuid, %s::uuid)"
)
CALL_MANY = (
    "SELECT place, status, payment_id FROM ingestion_record_many(%s::text[], %s::timestamptz, %s::uuid, %s::boolean, %s::text,"
    " %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::uuid[],"
    " %s::smallint[], %s::text[], %s::text[], %s::uuid[], %s::uuid[])"
)
REFUSED = "refused"


@dataclass(slots=True)
class PaymentIn:
    """A payment as a channel read it, checked."""

    reference_number: str
    amount_minor: int
    currency: str
    payment_date: datetime
    payment_channel: str
    loan_account_number: str = ""
    cif: str = ""
    payer: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    branch_id: uuid.UUID | None = None
    hold_days: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    status: str  # created, duplicate or conflict
    payment_id: uuid.UUID

    @property
    def public_id(self) -> str:
        return ids.encode("pay", self.payment_id)


def check(
    body: Any,
    *,
    currency: str,
    channel: str,
    branches: Mapping[str, tuple[uuid.UUID, int]] | None = None,
    branch_id: uuid.UUID | None = None,
    hold_days: int = 0,
) -> PaymentIn:
    """Every fault of a message at once, each with a pointer to its field."""
    if not isinstance(body, dict):
        raise Problem("payment_invalid", "The body must be one JSON object.", errors=[field_error("", "type", "is not an object")])
    errors: list[dict[str, str]] = []

    def text(name: str, limit: int, required: bool = False) -> str:
        value = body.get(name)
        if value is None or value == "":
            if required:
                errors.append(field_error(f"/{name}", "required", "is missing"))
            return ""
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            errors.append(field_error(f"/{name}", "type", "must be text"))
        elif len(value) > limit:
            errors.append(field_error(f"/{name}", "length", f"has more than {limit} characters"))
        elif CONTROL.search(value) or not value.strip():
            errors.append(field_error(f"/{name}", "characters", "holds unprintable characters or only spaces"))
        else:
            return value.strip()
        return ""

    reference = text("reference_number", 120, True)
    loan, cif = text("loan_account_number", 64), text("cif", 64)
    chosen = text("currency", 4) or currency
    named = text("payment_channel", 40) or channel
    if named and not CHANNEL.match(named.lower()):
        errors.append(field_error("/payment_channel", "format", "use letters, digits, - and _"))
    amount = 0
    if body.get("amount") is None:
        errors.append(field_error("/amount", "required", "is missing"))
    else:
        try:
            amount = parse_minor(body["amount"], chosen)
            if amount <= 0:
                errors.append(field_error("/amount", "range", "must be positive"))
        except MoneyError as error:
            errors.append(field_error("/currency" if error.code == "currency" else "/amount", error.code, str(error)))
    when = _moment(body.get("payment_date"), errors)
    metadata = body.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        errors.append(field_error("/metadata", "type", "must be an object"))
    elif metadata and len(json.dumps(metadata, default=str)) > METADATA_LIMIT:
        errors.append(field_error("/metadata", "length", "is over 64 KB"))
    code = text("branch", 40)
    if code:
        if code in (branches or {}):
            branch_id, hold_days = (branches or {})[code]
        else:
            errors.append(field_error("/branch", "unknown", f"there is no branch {code!r}"))
    payer = body.get("payer")
    if payer is not None and not isinstance(payer, dict):
        errors.append(field_error("/payer", "type", "must be an object"))
    if errors or when is None:
        raise Problem("payment_invalid", "Nothing was recorded: " + _summary(errors), errors=errors)
    return PaymentIn(reference, amount, chosen, when, named.lower(), loan, cif, payer, metadata or {}, branch_id, hold_days)


class Item(NamedTuple):
    """A payment that waits to be recorded, as the batch needs it."""

    key: dedup.Key
    content: uuid.UUID
    own: tuple[Any, ...]


def _summary(errors: list[dict[str, str]]) -> str:
    return "; ".join(f"{error['pointer'][1:] or 'body'} {error['detail']}" for error in errors[:5]) + "."


def _moment(value: Any, errors: list[dict[str, str]]) -> datetime | None:
    if value in (None, ""):
        errors.append(field_error("/payment_date", "required", "is missing"))
        return None
    try:
        if not isinstance(value, str) or len(value) > 40:
            raise ValueError
        if len(value) == 10:
            moment = datetime.combine(date.fromisoformat(value), time(), UTC)
        else:
            moment = datetime.fromisoformat(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        errors.append(field_error("/payment_date", "format", "write a date such as 2026-01-31 or 2026-01-31T12:00:00Z"))
        return None
    if moment > clock.now() + NEWEST:
        errors.append(field_error("/payment_date", "range", "lies in the future"))
    elif moment < clock.now() - OLDEST:
        errors.append(field_error("/payment_date", "range", "lies more than ten years back"))
    return moment


def record(*, partner_id: uuid.UUID, livemode: bool, source: str, payment: PaymentIn) -> Recorded:
    """Record a payment, or say that it was there before (`duplicate`) or contradicts what was (`conflict`).

    Outside a transaction the call is its own database transaction, in one round trip that it shares with the payments of
    the same source that arrive while another is on its way.
    """
    key = dedup.Key(partner_id, livemode, source, payment.reference_number)
    content = dedup.content(payment.amount_minor, payment.currency, payment.loan_account_number, payment.cif)
    known = dedup.in_memory(key)
    if known is not None:
        return Recorded(_repeated(known, content), known.payment_id)
    receivable, owed = f"receivable:{payment.payment_channel}", "partner:pending" if payment.hold_days else "partner:available"
    debit = account_for(partner_id=partner_id, livemode=livemode, code=receivable, currency=payment.currency)
    credit = account_for(partner_id=partner_id, livemode=livemode, code=owed, currency=payment.currency)
    common = (partner_id, livemode, source)
    own = (
        payment.reference_number,
        payment.loan_account_number,
        payment.cif,
        payment.amount_minor,
        payment.currency,
        to_decimal_str(payment.amount_minor, payment.currency),
        payment.payment_date,
        payment.payment_channel,
        payment.branch_id,
        payment.hold_days,
        json.dumps(payment.payer) if payment.payer else None,
        json.dumps(payment.metadata, default=str) if payment.metadata else "{}",
        debit,
        credit,
    )
    if connection.in_atomic_block:
        return Recorded(*_alone(common, own, scope=None))
    scope = list(tenancy.current().settings().values())
    item = Item(key, content, own)
    status, payment_id = together.run(common, item, lambda items: _record_all(common, items, scope))
    if status == REFUSED:
        status, payment_id = _alone(common, own, scope=scope)
    if status != "conflict":
        dedup.remember(key, dedup.Known(payment_id, content))
    return Recorded(status, payment_id)


def _repeated(known: dedup.Known, content: uuid.UUID) -> str:
    return "duplicate" if known.content == content else "conflict"


def _alone(common: tuple[Any, ...], own: tuple[Any, ...], *, scope: list[str] | None) -> tuple[str, uuid.UUID]:
    parameters = [scope, clock.now(), *common, *own]
    with as_problems():
        if scope is None:
            with connection.cursor() as cursor:
                cursor.execute(CALL, parameters)
                row = cursor.fetchone()
        else:
            row = _execute(CALL, parameters)[0]
    return row[0], row[1]


def _record_all(common: tuple[Any, ...], items: list[Item], scope: list[str]) -> list[tuple[str, Any]]:
    """One transaction for all; where the database refuses it, each is told to go alone and get its own answer."""
    known = dedup.find_many([item.key for item in items])
    answers: dict[int, tuple[str, Any]] = {}
    for place, item in enumerate(items):
        if (before := known.get(item.key)) is not None:
            answers[place] = (_repeated(before, item.content), before.payment_id)
    fresh = [place for place in range(len(items)) if place not in answers]
    if len(fresh) == 1:
        try:
            answers[fresh[0]] = _alone(common, items[fresh[0]].own, scope=scope)
        except Problem:
            if len(items) == 1:
                raise
            answers[fresh[0]] = (REFUSED, None)  # its own caller is told why; the others were recorded before
    elif fresh:
        columns = map(list, zip(*(items[place].own for place in fresh), strict=True))
        try:
            rows = _execute(CALL_MANY, [scope, clock.now(), *common, *columns])
        except DatabaseError:
            if connection.connection is None or connection.connection.broken:
                raise  # the database is away, or its answer was lost: nobody's payment fares better alone
            rows = [(number, REFUSED, None) for number in range(1, len(fresh) + 1)]
        for number, status, payment_id in rows:
            answers[fresh[number - 1]] = (status, payment_id)
    return [answers[place] for place in range(len(items))]


def _execute(call: str, parameters: list[Any]) -> list[Any]:
    """One round trip outside any transaction: the function itself sets the scope for the length of its statement."""
    with connection.wrap_database_errors:
        return prepared.cursor(connection).execute(call, parameters).fetchall()
