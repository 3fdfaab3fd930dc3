"""Reading a rail's own list of movements: what a lost message would have told (a return, most of all) is found here."""

from __future__ import annotations

import logging

from django.db import transaction

from payos.kernel import clock, tenancy
from settlement.models import Rail, RailCursor
from settlement.rails import base
from settlement.rails.registry import adapter_for
from settlement.services import outcomes

log = logging.getLogger("payos.settlement")
PAGES = 20


def sweep() -> int:
    """Go on where the last sweep of each rail ended; returns how many transfers changed by it."""
    with tenancy.platform_scope(actor="clock:sweep"):
        rails = list(Rail.objects.all())
    return sum(_sweep_rail(rail) for rail in rails)


def _sweep_rail(rail: Rail) -> int:
    adapter, changed = adapter_for(rail), 0
    try:
        if not adapter.capabilities.lists:
            return 0
        with tenancy.platform_scope(actor="clock:sweep"):
            cursor, _ = RailCursor.objects.get_or_create(rail=rail)
        for _ in range(PAGES):
            try:
                items, since = adapter.list_settled(cursor.since)
            except Exception as error:  # noqa: BLE001  a list that cannot be read now is read later, from the same place
                log.warning("sweep.failed", extra={"rail": rail.code, "error": f"{type(error).__name__}: {error}"[:300]})
                break
            changed += _take(rail, adapter, items, cursor, since)
            if not items or since == cursor.since:
                break
            cursor.since = since
        return changed
    finally:
        adapter.close()


@transaction.atomic
def _take(rail: Rail, adapter: base.RailAdapter, items: object, cursor: RailCursor, since: str) -> int:
    """The page and the place behind it commit together. Reading a page twice changes nothing twice."""
    known = [(outcomes.transfer_of_reference(reference), reference, answer) for reference, answer in items]  # type: ignore[attr-defined]
    final = {base.SETTLED, base.FAILED, base.RETURNED}
    answers = [(key, reference, answer) for key, reference, answer in known if key is not None and answer.outcome in final]
    changed = outcomes.apply(rail=rail, adapter=adapter, answers=answers) if answers else 0
    with tenancy.platform_scope(actor="clock:sweep"):
        RailCursor.objects.filter(pk=cursor.pk).update(since=since, swept_at=clock.now())
    return changed
