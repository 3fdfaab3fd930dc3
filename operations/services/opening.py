"""Opening cases and closing them when their cause is gone: what every app calls."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction
from psycopg.types.json import Jsonb

from operations.models import Case, CaseEvent, CaseReference
from operations.models.case import UNRESOLVED, CaseState
from operations.services.sla import SlaTable
from payos.kernel import clock, ids, sqlfile, tenancy

BATCH = 1000
# A cause that repeats for ever must not grow a timeline for ever: the first ones, then every hundredth.
TIMELINE_REPEATS = 20


def open_case(
    *,
    kind: str,
    cause_key: str,
    title: str,
    detail: str = "",
    subject: Any = None,
    partner_id: uuid.UUID | None = None,
    branch_id: uuid.UUID | None = None,
    livemode: bool = False,
    amount_minor: int | None = None,
    currency: str = "",
    severity: int | None = None,
    reason_code: str = "",
    suggested_actions: Sequence[str] = (),
    references: Sequence[str] = (),
    data: dict[str, Any] | None = None,
    rail: str = "",
) -> Case:
    """Open a case, or count up the one that this cause already has. The cause key must be unique over all partners
    (build it from an id). `subject` is a model instance or a pair (type, id)."""
    row = dict(locals().items())
    with transaction.atomic(), _scope_for(partner_id):
        ((case_id, *_),) = _write([row])
        return Case.objects.get(pk=case_id)


def open_cases(rows: list[dict[str, Any]]) -> int:
    """Open many at once; each row carries the arguments of `open_case`. Returns how many cases are new."""
    fresh = 0
    with transaction.atomic():
        for platform_owned in (True, False):
            group = [row for row in rows if (row.get("partner_id") is None) is platform_owned]
            for start in range(0, len(group), BATCH):
                with _scope_for(group[start].get("partner_id")):
                    fresh += sum(1 for written in _write(group[start : start + BATCH]) if written[5])
    return fresh


def resolve_by_cause(cause_keys: Iterable[str], *, resolution: str, note: str = "") -> int:
    """The causes are gone: resolve what is still open about them. Returns how many cases that closed."""
    keys = list(dict.fromkeys(cause_keys))
    closed = 0
    with transaction.atomic():
        for start in range(0, len(keys), BATCH):
            cases = list(
                Case.objects.select_for_update(of=("self",), no_key=True)
                .filter(cause_key__in=keys[start : start + BATCH], state__in=UNRESOLVED)
                .order_by("pk")
            )
            now = clock.now()
            Case.objects.filter(pk__in=[case.pk for case in cases]).update(
                state=CaseState.RESOLVED, resolution=resolution, resolution_note=note, resolved_at=now, lease_until=None
            )
            add_events(cases, kind="resolved", text=note, data={"resolution": resolution, "automatic": True})
            closed += len(cases)
    return closed


def add_events(
    cases: Sequence[Case], *, kind: str, text: str = "", data: dict[str, Any] | Callable[[Case], dict[str, Any]] | None = None
) -> None:
    """The same line on the timeline of each case; `data` may differ from case to case."""
    actor = tenancy.current().actor
    CaseEvent.objects.bulk_create(
        [
            CaseEvent(
                case=case,
                partner_id=case.partner_id,
                livemode=case.livemode,
                kind=kind,
                actor=actor,
                text=text,
                data=data(case) if callable(data) else data or {},
            )
            for case in cases
        ],
        batch_size=BATCH,
    )


@contextmanager
def _scope_for(partner_id: uuid.UUID | None) -> Iterator[None]:
    """A case without a partner belongs to the platform, and only the platform may write it."""
    if partner_id is None and not tenancy.current().platform:
        with tenancy.platform_scope():
            yield
    else:
        yield


def subject_of(subject: Any) -> tuple[str, str]:
    if subject is None:
        return "", ""
    if isinstance(subject, models.Model):
        return subject._meta.label_lower, str(subject.pk)
    kind, key = subject
    return str(kind), str(key)


def _write(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    now, sla = clock.now(), SlaTable()
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = row["cause_key"][:200]
        if key in merged:
            merged[key]["occurrences"] += 1
            continue
        verdict = sla.verdict(
            kind=row["kind"], currency=row.get("currency", ""), amount_minor=row.get("amount_minor"),
            severity=row.get("severity"), opened_at=now,
        )  # fmt: skip
        subject_type, subject_id = subject_of(row.get("subject"))
        merged[key] = {
            "id": str(ids.uuid7(now)),
            "livemode": bool(row.get("livemode", False)),
            "partner_id": _text(row.get("partner_id")),
            "branch_id": _text(row.get("branch_id")),
            "kind": row["kind"],
            "cause_key": key,
            "title": row["title"][:200],
            "detail": row.get("detail", ""),
            "subject_type": subject_type[:60],
            "subject_id": subject_id[:64],
            "rail": row.get("rail", "")[:40],
            "amount_minor": row.get("amount_minor"),
            "currency": row.get("currency") or "",
            "severity": verdict.severity,
            "reason_code": row.get("reason_code", "")[:60],
            "suggested_actions": [str(name)[:60] for name in row.get("suggested_actions", ())],
            "references": [str(name)[:120] for name in row.get("references", ()) if name],
            "data": row.get("data") or {},
            "occurrences": 1,
            "due_at": verdict.due_at.isoformat(),
        }
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "open_cases.sql"), {"rows": Jsonb(list(merged.values())), "now": now})
        written = cursor.fetchall()
    _tell(written, merged)
    _make_findable(written, merged)
    return written


def _tell(written: Sequence[tuple[Any, ...]], rows: dict[str, dict[str, Any]]) -> None:
    actor = tenancy.current().actor
    CaseEvent.objects.bulk_create(
        [
            CaseEvent(
                case_id=case_id,
                partner_id=partner_id,
                livemode=livemode,
                kind="opened" if fresh else "seen_again",
                actor=actor,
                text=rows[cause]["detail"],
                data={"occurrences": occurrences, "amount_minor": rows[cause]["amount_minor"], "currency": rows[cause]["currency"]},
            )
            for case_id, cause, occurrences, partner_id, livemode, fresh in written
            if fresh or occurrences <= TIMELINE_REPEATS or occurrences % 100 == 0
        ],
        batch_size=BATCH,
    )


def _make_findable(written: Sequence[tuple[Any, ...]], rows: dict[str, dict[str, Any]]) -> None:
    words = []
    for case_id, cause, _, partner_id, livemode, fresh in written:
        row = rows[cause]
        if fresh:
            found = {*row["references"], row["subject_id"], cause, row["reason_code"], *row["title"].split()}
            words += [
                CaseReference(case_id=case_id, partner_id=partner_id, livemode=livemode, text=word)
                for word in sorted({word.lower() for word in found if len(word) > 2})
            ]
    CaseReference.objects.bulk_create(words, batch_size=BATCH * 5)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
