"""Transfers, their batches and what was sent to the rail, in the trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q

from console.links import admin_page
from console.registry import Key, Node, more_ties, trace_source
from console.trace import is_uuid, uuids
from console.trace.ledger import postings_about
from console.trace.operations import cases_about, events_about
from console.trace.subject import public_key
from operations.templatetags.payos import words
from settlement.models import AchFile, SettlementBatch, Submission, Transfer, TransferBatch

MOST = 20
MOST_OF_BATCH = 10


class Transfers:
    types = ("transfer", "transfer_batch", "settlement_batch", "bank_file")

    def find(self, text: str) -> Iterable[Key]:
        direct = public_key(text)
        if direct:
            if direct[0] in self.types:
                yield direct
            return
        found = Transfer.objects.filter(Q(reference=text) & ~Q(reference="")).values_list("pk", flat=True)[:MOST]
        yield from (("transfer", str(key)) for key in found)
        sent = Submission.objects.filter(Q(reference=text) | Q(rail_reference=text) & ~Q(rail_reference="")).values_list(
            "transfer_id", flat=True
        )[:MOST]
        yield from (("transfer", str(key)) for key in sent)
        yield from (
            ("bank_file", str(key)) for key in AchFile.objects.filter(Q(name=text) | Q(sha256=text)).values_list("pk", flat=True)[:MOST]
        )
        if is_uuid(text):
            for kind, model in (("transfer", Transfer), ("transfer_batch", TransferBatch), ("settlement_batch", SettlementBatch)):
                yield from ((kind, str(key)) for key in model.objects.filter(pk=text).values_list("pk", flat=True))

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]:
        return {
            "transfer": self._transfers,
            "transfer_batch": self._batches,
            "settlement_batch": self._settlements,
            "bank_file": self._files,
        }[type](ids)

    def _transfers(self, ids: Sequence[str]) -> Iterable[Node]:
        rows = list(
            Transfer.objects.filter(pk__in=uuids(ids)).select_related("rail", "branch").defer("destination").prefetch_related("submissions")
        )
        booked, cases = postings_about([text for row in rows for text in (str(row.pk), row.public_id)]), cases_about("transfer", ids)
        events, more = events_about("transfer", rows), more_ties("transfer", ids)
        for row in rows:
            key = str(row.pk)
            ties: list[tuple[str, Key]] = []
            if row.batch_id:
                ties.append(("submitted in", ("transfer_batch", str(row.batch_id))))
            if row.settlement_batch_id:
                ties.append(("settled in", ("settlement_batch", str(row.settlement_batch_id))))
            if row.hold_id:
                ties.append(("held by", ("ledger_transaction", str(row.hold_id))))
            if row.settled_transaction_id:
                ties.append(("settled by", ("ledger_transaction", str(row.settled_transaction_id))))
            ties += [("booked by", other) for other in booked.get(key, []) + booked.get(row.public_id, [])]
            ties += more.get(key, [])
            ties += [("told by", other) for other in events.get(key, [])]
            ties += [("led to", other) for other in cases.get(key, [])]
            facts = [
                ("Reference", row.reference),
                ("Rail", row.rail.name),
                ("To", row.destination_label),
                ("Failure", f"{row.failure_code} {row.failure_detail}".strip()),
            ]
            facts += [
                (
                    f"Sent {sent.number}",
                    f"{sent.reference}, {words(sent.outcome).lower()}{', rail ' + sent.rail_reference if sent.rail_reference else ''}",
                )
                for sent in row.submissions.all()
            ]
            yield Node(
                "transfer", key, row.public_id, f"Transfer {row.reference or row.public_id}", row.created_at, words(row.state), row.amount_minor, row.currency,
                admin_page("settlement_transfer", row.pk), facts, list(dict.fromkeys(ties)),
            )  # fmt: skip

    def _batches(self, ids: Sequence[str]) -> Iterable[Node]:
        for row in TransferBatch.objects.filter(pk__in=uuids(ids)):
            yield Node(
                "transfer_batch", str(row.pk), row.public_id, f"Batch {row}", row.created_at, words(row.state),
                link=admin_page("settlement_transferbatch", row.pk), facts=[("Transfers", f"{row.count:,}"), ("Done", f"{row.done_count:,}"), ("Failed", f"{row.failed_count:,}")],
                contents=self._some_of("batch_id", row),
            )  # fmt: skip

    def _settlements(self, ids: Sequence[str]) -> Iterable[Node]:
        for row in SettlementBatch.objects.filter(pk__in=uuids(ids)).select_related("rail", "window").prefetch_related("files"):
            ties: list[tuple[str, Key]] = [("sent as", ("bank_file", str(file.pk))) for file in row.files.all()]
            yield Node(
                "settlement_batch", str(row.pk), row.public_id, f"Settlement {row.rail} {row.currency}", row.created_at, words(row.state), row.amount_minor, row.currency,
                admin_page("settlement_settlementbatch", row.pk),
                [("Transfers", f"{row.count:,}"), ("Settled", f"{row.settled_count:,}"), ("Window closed", f"{row.window.closes_at:%Y-%m-%d %H:%M} UTC")], ties,
                self._some_of("settlement_batch_id", row),
            )  # fmt: skip

    def _some_of(self, column: str, row: TransferBatch | SettlementBatch) -> list[tuple[str, Key]]:
        # A batch of 100,000 is not walked through: a small one is shown whole, a large one through what was asked for.
        if row.count > MOST_OF_BATCH:
            return []
        return [("contains", ("transfer", str(key))) for key in Transfer.objects.filter(**{column: row.pk}).values_list("pk", flat=True)]

    def _files(self, ids: Sequence[str]) -> Iterable[Node]:
        for row in AchFile.objects.filter(pk__in=uuids(ids)).select_related("rail").defer("content"):
            yield Node(
                "bank_file", str(row.pk), row.public_id, f"Bank file {row.name}", row.sent_at or row.created_at, words(row.state),
                link=admin_page("settlement_achfile", row.pk), facts=[("Direction", row.get_direction_display()), ("SHA-256", row.sha256)],
                neighbours=[("carries", ("settlement_batch", str(row.batch_id)))] if row.batch_id else [],
            )  # fmt: skip


trace_source(Transfers())
