"""Statement lines, matches and discrepancies in the trace: where the outside proves a cent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db.models import Q

from console.links import admin_page
from console.registry import MORE_TIES, Key, Node, trace_source
from console.trace import is_uuid, uuids
from console.trace.ledger import postings_about
from console.trace.operations import cases_about
from console.trace.subject import public_key
from operations.templatetags.payos import words
from reconciliation.models import Discrepancy, Match, MatchItem, Statement, StatementLine

MOST = 20
TYPE_OF_ITEM = {"transfer": "transfer", "transfer_return": "transfer", "payment": "payment"}
ITEMS_OF_TYPE = {"transfer": ["transfer", "transfer_return"], "payment": ["payment"]}


class Reconciliation:
    types = ("statement_line", "statement", "match", "discrepancy")

    def find(self, text: str) -> Iterable[Key]:
        direct = public_key(text)
        if direct:
            if direct[0] in self.types:
                yield direct
            return
        rows = StatementLine.objects.filter(Q(reference=text) & ~Q(reference="")).values_list("pk", flat=True)[:MOST]
        yield from (("statement_line", str(key)) for key in rows)
        if is_uuid(text):
            for kind, model in (
                ("statement_line", StatementLine),
                ("statement", Statement),
                ("match", Match),
                ("discrepancy", Discrepancy),
            ):
                yield from ((kind, str(key)) for key in model.objects.filter(pk=text).values_list("pk", flat=True))

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]:
        return {"statement_line": self._lines, "statement": self._statements, "match": self._matches, "discrepancy": self._discrepancies}[
            type
        ](ids)

    def _lines(self, ids: Sequence[str]) -> Iterable[Node]:
        matched: dict[object, list[Key]] = defaultdict(list)
        for line_id, match_id in MatchItem.objects.filter(line_id__in=uuids(ids)).values_list("line_id", "match_id"):
            matched[line_id].append(("match", str(match_id)))
        booked, cases = postings_about(ids), cases_about("statement_line", ids)
        for row in StatementLine.objects.filter(pk__in=uuids(ids)).select_related("account"):
            key = str(row.pk)
            ties: list[tuple[str, Key]] = [("matched in", other) for other in matched.get(row.pk, [])]
            ties.append(("on", ("statement", str(row.statement_id))))
            ties += [("booked by", other) for other in booked.get(key, [])] + [("led to", other) for other in cases.get(key, [])]
            yield Node(
                "statement_line", key, row.public_id, f"Statement line {row}", row.created_at, words(row.state), row.amount_minor, row.currency,
                admin_page("reconciliation_statementline", row.pk),
                [("Account", str(row.account)), ("Value date", f"{row.value_on:%Y-%m-%d}"), ("From or to", row.counterparty), ("Text", row.description[:200])], ties,
            )  # fmt: skip

    def _statements(self, ids: Sequence[str]) -> Iterable[Node]:
        for row in Statement.objects.filter(pk__in=uuids(ids)).select_related("account"):
            yield Node(
                "statement", str(row.pk), row.public_id, f"Statement {row}", row.created_at, words(row.state), row.closing_minor, row.currency,
                admin_page("reconciliation_statement", row.pk), [("File", row.file_name), ("Lines", f"{row.line_count:,}"), ("SHA-256", row.file_sha256)],
            )  # fmt: skip

    def _matches(self, ids: Sequence[str]) -> Iterable[Node]:
        ends: dict[object, list[Key]] = defaultdict(list)
        for match_id, line_id, kind, item_id in MatchItem.objects.filter(match_id__in=uuids(ids)).values_list(
            "match_id", "line_id", "item_type", "item_id"
        ):
            if len(ends[match_id]) < MOST:
                ends[match_id].append(("statement_line", str(line_id)) if line_id else (TYPE_OF_ITEM.get(kind, kind), str(item_id)))
        booked = postings_about(ids)
        for row in Match.objects.filter(pk__in=uuids(ids)):
            # A payout of a thousand payments is not the life of one of them: the ends of a large match are followed from it only.
            small = len(ends[row.pk]) <= 3
            ties: list[tuple[str, Key]] = [("ties", other) for other in ends[row.pk] if small or other[0] == "statement_line"]
            ties += [("booked by", other) for other in booked.get(str(row.pk), [])]
            yield Node(
                "match", str(row.pk), row.public_id, f"Match: {words(row.method)}", row.created_at, words(row.state), row.amount_minor, row.currency,
                admin_page("reconciliation_match", row.pk),
                [("Confidence", f"{row.confidence} %"), ("By", row.made_by or "the engine"), ("Why", _why(row.reason))], ties,
                [("ties", other) for other in ends[row.pk]],
            )  # fmt: skip

    def _discrepancies(self, ids: Sequence[str]) -> Iterable[Node]:
        cases = cases_about("discrepancy", ids)
        for row in Discrepancy.objects.filter(pk__in=uuids(ids)).select_related("account"):
            ties: list[tuple[str, Key]] = [("about", ("statement_line", key)) for key in row.lines[:MOST]]
            for text in row.items[:MOST]:
                kind, _, key = text.partition(":")
                if kind in TYPE_OF_ITEM:
                    ties.append(("about", (TYPE_OF_ITEM[kind], key)))
            ties += [("led to", other) for other in cases.get(str(row.pk), [])]
            yield Node(
                "discrepancy", str(row.pk), row.public_id, f"Discrepancy: {words(row.type)}", row.created_at, words(row.state),
                abs(row.actual_minor - row.expected_minor), row.currency, admin_page("reconciliation_discrepancy", row.pk), [("Account", str(row.account))], ties,
            )  # fmt: skip


def _why(reason: object) -> str:
    if not isinstance(reason, dict):
        return str(reason or "")
    return "; ".join(f"{words(name)}: {value}" for name, value in reason.items() if value not in (None, "", [], {}))[:300]


def _matched_in(type: str, ids: Sequence[str]) -> dict[str, list[tuple[str, Key]]]:
    found: dict[str, list[tuple[str, Key]]] = defaultdict(list)
    if type in ITEMS_OF_TYPE:
        rows = MatchItem.objects.filter(item_id__in=uuids(ids), item_type__in=ITEMS_OF_TYPE[type]).order_by("pk")
        for item_id, match_id in rows.values_list("item_id", "match_id")[:400]:
            found[str(item_id)].append(("proven by", ("match", str(match_id))))
    return found


trace_source(Reconciliation())
MORE_TIES.append(_matched_in)
