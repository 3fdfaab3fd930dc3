"""Payments in the trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.links import admin_page
from console.registry import Key, Node, more_ties, trace_source
from console.trace import is_uuid, uuids
from console.trace.ledger import postings_about
from console.trace.operations import cases_about, events_about
from console.trace.subject import public_key
from ingestion.models import Payment, PaymentReference
from operations.templatetags.payos import words

MOST = 20


class Payments:
    types = ("payment",)

    def find(self, text: str) -> Iterable[Key]:
        direct = public_key(text)
        if direct:
            if direct[0] == "payment":
                yield direct
            return
        # The reference's unique row finds the payment whatever month it lies in; its index begins with the partner.
        rows = PaymentReference.objects.filter(reference_number=text)
        yield from (("payment", str(key)) for key in rows.values_list("payment_id", flat=True)[:MOST])
        yield from (
            ("payment", str(key))
            for key in Payment.objects.filter(loan_account_number=text).order_by("-pk").values_list("pk", flat=True)[:MOST]
        )
        if is_uuid(text):
            yield from (("payment", str(key)) for key in Payment.objects.filter(pk=text).values_list("pk", flat=True))

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]:
        rows = list(Payment.objects.filter(pk__in=uuids(ids)).select_related("branch"))
        booked, cases = postings_about([text for row in rows for text in (str(row.pk), row.public_id)]), cases_about("payment", ids)
        events, more = events_about("payment", rows), more_ties("payment", ids)
        for row in rows:
            key = str(row.pk)
            ties: list[tuple[str, Key]] = [("booked by", other) for other in booked.get(key, []) + booked.get(row.public_id, [])]
            ties += more.get(key, [])
            ties += [("told by", other) for other in events.get(key, [])]
            ties += [("led to", other) for other in cases.get(key, [])]
            yield Node(
                "payment", key, row.public_id, f"Payment {row.reference_number}", row.payment_date, words(row.state), row.amount_minor, row.currency,
                admin_page("ingestion_payment", row.pk),
                [("Came by", row.source), ("Channel", row.payment_channel), ("Branch", str(row.branch or "")), ("Loan account", row.loan_account_number)],
                ties,
            )  # fmt: skip


trace_source(Payments())
