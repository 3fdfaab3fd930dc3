"""Pieces of SQL that several levels share, written once: what explains an amount, and how far two days are apart."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from payos.kernel import sqlfile
from reconciliation.matching.spec import Spec

RETURN_WORDS = r"'\m(return|returned|reversal|reversed|refund|refunded|chargeback|storno|devolu[a-z]*|bounce[d]?|rtn|R[0-9]{2})\M'"
FEE_WORDS = r"'\m(fee|fees|charge|charges|commission|tariff|comision|tarifa)\M'"
LABEL_WORDS = r"'^(REF|REFERENCE|INV|INVOICE|PAY|PAYMENT|PMT|TRF|TRANSFER|TXN|TRN|TX|ID|NO|NR|NUM|ORDER|ORD|PO|RFB|ROC|EREF|E2E|UTR)+$'"
BATCH_WORDS = r"'\m(settle[a-z]*|payout[s]?|batch[a-z]*|bulk|deposit[s]?|total|disburse[a-z]*|collection[s]?|sweep|lump|aggregate[d]?|consolidated|daily|net|group)\M'"
FX_WORDS = r"'\m(fx|forex|exchange|conversion|converted|cross.?currency|xborder|rate)\M'"
# Two neighbouring digits changed places: a gap of 9, 90, 900, ... times at most nine, which a rate rarely makes.
TRANSPOSED = (
    "(abs(amount_i - amount_e) % 9 = 0 AND length(rtrim((abs(amount_i - amount_e) / 9)::text, '0')) = 1"
    " AND length(amount_i::text) = length(amount_e::text))"
)
SHARED_WORDS = (
    ("CREATE TEMP TABLE", "CREATE UNLOGGED TABLE"), (" ON COMMIT DROP", ""), ("TEMP VIEW", "VIEW"), ("pg_temp.", ""),
)  # fmt: skip
# Autovacuum has no time to be of use to a run, costs a processor, and could stand in the way when the schema goes.
CREATED = re.compile(r"(CREATE UNLOGGED TABLE \w+) AS\b")
LISTED_DAYS = 800
TOKEN = re.compile(r"\{([a-z_]+)\}")


def fee(i: str = "i", e: str = "e") -> str:
    """The fee that either side declares; none when they contradict each other."""
    return (
        f"CASE WHEN coalesce({i}.fee_minor, 0) = 0 THEN nullif(abs({e}.fee_minor), 0)"
        f" WHEN coalesce({e}.fee_minor, 0) = 0 OR abs({e}.fee_minor) = abs({i}.fee_minor) THEN abs({i}.fee_minor) END"
    )


def tolerance(spec: Spec, i: str = "i") -> str:
    if not spec.percent_millionths:
        return str(spec.tolerance_minor)
    return f"greatest({spec.tolerance_minor}, abs({i}.amount_minor)::numeric * {spec.percent_millionths} / 1000000)"


def amount_kind(spec: Spec, i: str = "i", e: str = "e") -> str:
    """1 equal, 2 net of a declared fee, 3 within tolerance, 4 both, 5 the other direction, NULL unexplained.

    A cost always takes away: money in arrives smaller, money out leaves smaller (the fee was kept back) or larger
    (it was added). Fees that both sides declare and that differ explain nothing: that is a fee variance.
    """
    gap = f"({e}.amount_minor - {i}.amount_minor)"
    limit = tolerance(spec, i)
    cost = fee(i, e)
    clash = f"(coalesce({i}.fee_minor, 0) <> 0 AND coalesce({e}.fee_minor, 0) <> 0 AND abs({i}.fee_minor) <> abs({e}.fee_minor))"
    return (
        f"CASE WHEN {clash} THEN NULL WHEN {gap} = 0 THEN 1"
        f" WHEN {gap} = -({cost}) OR ({i}.amount_minor < 0 AND {gap} = ({cost})) THEN 2"
        f" WHEN abs({gap}) <= {limit} AND {gap} BETWEEN -abs({i}.amount_minor) / 20 AND abs({i}.amount_minor) / 20 THEN 3"
        f" WHEN abs({gap} + sign({i}.amount_minor) * ({cost})) <= {limit} THEN 4"
        f" WHEN {e}.amount_minor = -{i}.amount_minor THEN 5 END"
    )


def days_apart(spec: Spec, closed: dict[str, tuple[date, ...]], span: tuple[date, date] | None, a: str, b: str, currency: str) -> str:
    """Days from `a` to `b`: Mondays to Fridays less the currency's closed days, or calendar days.

    `span`: the first and last day of all rows. Where it is short, each day's number stands in a list, and a look at a
    place of a list costs a tenth of the arithmetic.
    """
    if spec.window_kind == "calendar":
        return f"({b} - {a})"
    if span is not None and (span[1] - span[0]).days <= LISTED_DAYS:
        lists = {code: _numbers(closed.get(code, ()), *span) for code in sorted(closed.keys() | {""})}
        first = f"DATE '{span[0] - timedelta(days=1)}'"
        gaps = {code: f"({text})[{b} - {first}] - ({text})[{a} - {first}]" for code, text in lists.items()}
        cases = " ".join(f"WHEN '{code}' THEN {gap}" for code, gap in gaps.items() if code)
        rest = f"CASE {currency} {cases} ELSE {gaps['']} END" if cases else gaps[""]
        return f"CASE WHEN {a} = {b} THEN 0 ELSE {rest} END"
    return f"CASE WHEN {a} = {b} THEN 0 ELSE {_ordinal(closed, b, currency)} - {_ordinal(closed, a, currency)} END"


@lru_cache(maxsize=16)
def _numbers(closed: tuple[date, ...], first: date, last: date) -> str:
    """The ordinal of every day from first to last, as _ordinal has it, counted from the first."""
    numbers, count = [], 0
    shut = set(closed)
    day = first
    while day <= last:
        # A Saturday or Sunday counts as its Friday, a closed day as the day before it.
        count += (day.weekday() < 5) - (day in shut)
        numbers.append(count)
        day += timedelta(days=1)
    return f"'{{{','.join(map(str, numbers))}}}'::int[]"


def _ordinal(closed: dict[str, tuple[date, ...]], day: str, currency: str) -> str:
    weekday = f"(({day} - DATE '1900-01-01') / 7 * 5 + least(({day} - DATE '1900-01-01') % 7, 4))"
    cases = [f"WHEN '{code}' THEN {_before(days, day)}" for code, days in sorted(closed.items()) if code and days]
    rest = _before(closed.get("", ()), day)
    return f"({weekday} - " + (f"CASE {currency} {' '.join(cases)} ELSE {rest} END)" if cases else f"{rest})")


def _before(days: tuple[date, ...], day: str) -> str:
    if not days:
        return "0"
    return f"width_bucket({day}, '{{{','.join(d.isoformat() for d in days)}}}'::date[])"


ACCENTED = "áàâãäåéèêëíìîïóòôõöúùûüçñýÁÀÂÃÄÅÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑÝ"
PLAIN = "aaaaaaeeeeiiiiooooouuuucnyAAAAAAEEEEIIIIOOOOOUUUUCNY"
assert len(ACCENTED) == len(PLAIN)


def unaccented(column: str) -> str:
    """Banks drop accents: "São" and "SAO" are one name."""
    return f"translate({column}, '{ACCENTED}', '{PLAIN}')"


def id_order(column: str) -> str:
    """Ids that count up (E0042) tell which row came first; random ones do not, so those keep the order of the file."""
    counted = f"({column}) ~ '^[^0-9]*[0-9]+$'"
    return f"CASE WHEN {counted} THEN 0 ELSE 1 END, CASE WHEN {counted} THEN length({column}) END, CASE WHEN {counted} THEN {column} END"


class Texts:
    """The SQL files with their pieces filled in for one spec."""

    def __init__(
        self,
        spec: Spec,
        closed: dict[str, tuple[date, ...]],
        shared: bool = False,
        span: tuple[date, date] | None = None,
    ) -> None:
        # Shared: the run owns a whole schema, so its tables need not be temporary, and Postgres may use several
        # processes for one step (it never does for temporary tables).
        self.shared = shared
        self.pieces: dict[str, str] = {
            "fee": fee(),
            "amount_kind": amount_kind(spec),
            "days": days_apart(spec, closed, span, "i.day", "e.day", "i.currency"),
            "bag_days": (
                f"(abs({days_apart(spec, closed, span, 'i.last_day', 'e.last_day', 'i.currency')}) <= {spec.window_days}"
                f" OR abs({days_apart(spec, closed, span, 'i.first_day', 'e.first_day', 'i.currency')}) <= {spec.window_days}"
                " OR e.last_day BETWEEN i.first_day AND i.last_day)"
            ),
            "plain_letters": unaccented("o.counterparty"),
            "rival_letters": unaccented("r.counterparty"),
            "id_order": id_order("ext_id"),
            "twin_order": id_order("CASE s.many WHEN 'E' THEN oe.ext_id ELSE oi.ext_id END"),
            "window": str(spec.window_days),
            "window_calendar": str(spec.window_days * 2 + 4),
            "tolerance_minor": str(spec.tolerance_minor),
            "confirm_score": str(spec.confirm_score),
            "suggest_score": str(spec.suggest_score),
            "per_item": str(spec.suggestions_per_item),
            "margin": str(spec.margin),
            "block_pairs": str(spec.block_pairs),
            "crowd_pairs": str(spec.crowd_pairs),
            "pair_budget": str(spec.pair_budget),
            "hot_rows": "200",
            "hot_names": "50",
            "subset_items": str(spec.subset_items),
            # What a fee may take: 6 percent, or up to 50 major units where that is no more than a quarter.
            "fee_most": "greatest(l.size * 6 / 100, least(l.size / 4, 5000))",
            "fee_block": "400",
            "token_length": "4",  # nosec B105 # a number of words, no password
            "token_words": "40",  # nosec B105 # a number of words, no password
            "token_numbers": "8",  # nosec B105 # a number of words, no password
            "return_words": RETURN_WORDS,
            "fee_words": FEE_WORDS,
            "label_words": LABEL_WORDS,
            "batch_words": BATCH_WORDS,
            "fx_words": FX_WORDS,
            "transposed": TRANSPOSED,
            "bunch_days": days_apart(spec, closed, span, "g.last_day", "l.day", "g.currency"),
        }

    def __call__(self, name: str, **more: str) -> str:
        return self.fill(sqlfile.load(__file__, name), **more)

    def fill(self, text: str, **more: str) -> str:
        pieces: dict[str, Any] = self.pieces | more
        text = TOKEN.sub(lambda found: pieces.get(found[1], found[0]), text)
        return scoped(text, self.shared)


def scoped(text: str, shared: bool) -> str:
    """SQL written for temporary tables, or the same for unlogged ones in the schema that search_path names."""
    if not shared:
        return text
    for word, other in SHARED_WORDS:
        text = text.replace(word, other)
    return CREATED.sub(r"\1 WITH (autovacuum_enabled = off) AS", text)
