"""Ledger transactions in the trace: every entry of the cent, and what was reversed by what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Q

from console.links import admin_page
from console.registry import Key, Node, trace_source
from console.trace import is_uuid, uuids
from console.trace.operations import cases_about
from console.trace.subject import key_of, public_key
from ledger.models import Entry, Layer, Transaction
from operations.templatetags.payos import words
from payos.kernel import ids as public
from payos.kernel.money import display

MOST = 50
LAYERS = {Layer.POSTED: "", Layer.PENDING: " (held)", Layer.RELEASED: " (released)"}


class Ledger:
    types = ("ledger_transaction",)

    def find(self, text: str) -> Iterable[Key]:
        direct = public_key(text)
        if direct and direct[0] == "ledger_transaction":
            yield direct
        elif direct is None:
            # What a posting books is found by its own name and leads here; this is for names that only the ledger knows.
            about = Q(external_id=text) | Q(subject_id=text)
            yield from (self._key(pk) for pk in Transaction.objects.filter(about).values_list("pk", flat=True)[:MOST])
            if is_uuid(text):
                yield from (self._key(pk) for pk in Transaction.objects.filter(pk=text).values_list("pk", flat=True))

    def _key(self, pk: object) -> Key:
        return ("ledger_transaction", str(pk))

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]:
        wanted = uuids(ids)
        entries: dict[object, list[Entry]] = defaultdict(list)
        for entry in Entry.objects.filter(transaction_id__in=wanted).select_related("account").order_by("transaction_id", "line"):
            entries[entry.transaction_id].append(entry)
        back = dict(Transaction.objects.filter(reverses_id__in=wanted).values_list("reverses_id", "pk"))
        cases = cases_about("ledger_transaction", ids)
        for row in Transaction.objects.filter(pk__in=wanted):
            legs = entries[row.pk]
            ties: list[tuple[str, Key]] = []
            subject = key_of(row.subject_type, row.subject_id) or public_key(row.subject_id)
            if subject:
                ties.append(("books", subject))
            if row.reverses_id:
                ties.append(("reverses", self._key(row.reverses_id)))
            if row.hold_id:
                ties.append(("resolves the hold", self._key(row.hold_id)))
            if row.pk in back:
                ties.append(("reversed by", self._key(back[row.pk])))
            ties += [("led to", key) for key in cases.get(str(row.pk), [])]
            # A posting out of a hold has the hold's release on a layer of its own: what counts is what it posted.
            layer = Layer.POSTED if any(leg.layer == Layer.POSTED for leg in legs) else Layer.PENDING
            debits = [leg for leg in legs if leg.amount_minor > 0 and leg.layer == layer]
            yield Node(
                "ledger_transaction", str(row.pk), public.encode("txn", row.pk), f"Posted: {words(row.kind)}", row.recorded_at,
                "Reversed" if row.pk in back else "Posted" if layer == Layer.POSTED else "Held",
                sum(leg.amount_minor for leg in debits) if len({leg.currency for leg in debits}) == 1 else None,
                debits[0].currency if debits else "", admin_page("ledger_transaction", row.pk),
                [(f"{'Debit' if leg.amount_minor > 0 else 'Credit'} {leg.account.code}", display(abs(leg.amount_minor), leg.currency) + LAYERS[Layer(leg.layer)]) for leg in legs[:20]],
                ties,
            )  # fmt: skip


def postings_about(ids: Sequence[str]) -> dict[str, list[Key]]:
    """The transactions that book things, by the things' ids."""
    found: dict[str, list[Key]] = {}
    rows = Transaction.objects.filter(subject_id__in=list(ids)).order_by("pk").values_list("subject_id", "pk")
    for subject_id, key in rows[:400]:
        found.setdefault(subject_id, []).append(("ledger_transaction", str(key)))
    return found


trace_source(Ledger())
