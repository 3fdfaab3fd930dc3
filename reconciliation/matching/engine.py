"""Runs the levels in order over the two loaded sides and leaves the results in temporary tables.

    load.load_file(connection, "internal", path, progress) or load.load_query(connection, "internal", query)
    result = engine.run(connection, Spec())

Afterwards `recon_match`, `recon_match_item`, `recon_suggestion` and `recon_discrepancy` hold what was found, by row
number; read them in the same transaction. Every step is one SQL file over whole sides; only similarity scores and
the subset search visit rows in Python, in bounded pages.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg

from reconciliation.matching import ambiguity, fees, hints, rules, scratch, subsets
from reconciliation.matching.fuzzy import Scorer
from reconciliation.matching.macros import Texts
from reconciliation.matching.spec import Spec

ROUNDS = 8
WORK = (
    "recon_exact recon_pair recon_group recon_group_item recon_suggestion recon_discrepancy recon_duplicate recon_ignored recon_label recon_ruled"
    " recon_candidate recon_repeated recon_member_i recon_member_e recon_open_i recon_open_e recon_known_i"
    " recon_known_e recon_token recon_crowded recon_same recon_chosen recon_bag recon_bag_row recon_bag_sum"
    " recon_bag_hit recon_bag_item recon_bag_kept recon_crowd recon_near recon_asked recon_claimed_key recon_claimed recon_scored recon_word recon_word_use recon_hint recon_hinted recon_bunch_item"
    " recon_bunch recon_bunch_total recon_line recon_bunch_hit recon_bunch_sure recon_bunch_row recon_bunch_all recon_bunch_no recon_bunch_offer recon_left recon_unsettled recon_double"
    " recon_type_i recon_type_e recon_whole recon_batch recon_told recon_rest_i recon_rest_e recon_loose recon_piece recon_zone recon_loose_pair recon_fee_hint recon_like recon_hot recon_hot_name recon_hot_row recon_block recon_tie recon_found recon_part recon_cluster recon_twin recon_deferred"
).split()


SIDE_I = {"letter": "i", "upper": "I", "side": "internal"}
SIDE_E = {"letter": "e", "upper": "E", "side": "external"}


def nothing(_: str) -> None:
    """The progress of someone who does not look."""


@dataclass(slots=True)
class Result:
    internal: int = 0
    external: int = 0
    matched_internal: int = 0
    matched_external: int = 0
    matches: int = 0
    suggestions: int = 0
    discrepancies: dict[str, int] = field(default_factory=dict)
    levels: dict[int, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Run:
    def __init__(
        self,
        connection: psycopg.Connection,
        spec: Spec,
        progress: Callable[[str], None],
        helper: psycopg.Connection | None = None,
        settled: Callable[[str], None] | None = None,
    ) -> None:
        self.connection = connection
        self.spec = spec
        self.progress = progress
        self.result = Result()
        self.helper = helper
        self.shared = helper is not None
        self.settled = settled
        self.ignores = False
        self.scorer: Scorer | None = None
        self.texts = Texts(spec, {}, self.shared)

    def sql(self, name: str, **more: str) -> None:
        self.connection.execute(self.texts(name, **more))  # type: ignore[arg-type]

    def both(self, name: str, one: dict[str, str], other: dict[str, str]) -> None:
        """The same step for the two sides, or for two halves of the rows: in two sessions where there are two."""
        if self.helper is None:
            self.sql(name, **one)
            self.sql(name, **other)
            return
        # The other session sees what is committed. Each has a processor, so neither asks for helpers of its own.
        self.connection.execute("SET max_parallel_workers_per_gather = 0")
        self.connection.commit()
        with ThreadPoolExecutor(1) as pool:
            theirs = pool.submit(self.helper.execute, self.texts(name, **other))  # type: ignore[arg-type]
            self.sql(name, **one)
            theirs.result()
        self.connection.execute(f"SET max_parallel_workers_per_gather = {scratch.processes()}")  # type: ignore[arg-type]

    def sides(self, name: str) -> None:
        self.both(name, SIDE_I, SIDE_E)

    def settle(self, part: str) -> None:
        """Nothing takes these matches back: they may be written out while the run goes on."""
        if self.settled and not any(rule.action == "suggest" for rule in self.spec.rules):
            self.connection.commit()
            self.settled(part)

    def tune(self, setting: str, value: str) -> None:
        """For this transaction; a run in a schema of its own commits on its way, and its sessions end with it."""
        word = "" if self.shared else "LOCAL "
        value = value if value == "DEFAULT" else f"'{value}'"
        for session in (self.connection, self.helper):
            if session is not None:
                session.execute(f"SET {word}{setting} = {value}")  # type: ignore[arg-type]

    def count(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type]  # nosec B608 # table names of the engine itself
        assert row is not None
        return int(row[0])

    def phase(self, name: str, work: Callable[[], object]) -> None:
        start = time.perf_counter()
        work()
        took = time.perf_counter() - start
        self.result.seconds[name] = round(took, 3)
        self.progress(f"{name}: {took:.1f} s")

    def prepare(self) -> None:
        run = self.connection.execute
        for table in WORK:
            run(self.texts.fill(f"DROP TABLE IF EXISTS pg_temp.{table} CASCADE"))  # type: ignore[arg-type]
        self.tune("work_mem", self.spec.work_mem)
        # Estimates over hashed keys are poor, and a wrong nested loop costs hours where a hash join costs a second.
        self.tune("enable_nestloop", "off")
        self.tune("jit", "off")
        # Every join is a hash join, so the planner needs sizes and not distributions: a small sample tells them.
        self.tune("default_statistics_target", "10")
        if self.shared:
            # Nothing of this outlives the run, so no commit has to wait for the disk.
            self.tune("synchronous_commit", "off")
            self.tune("max_parallel_workers_per_gather", str(scratch.processes()))
            # A row costs far more here (regular expressions, hashes) than Postgres reckons, so two processes always pay.
            self.tune("parallel_setup_cost", "0")
            self.tune("parallel_tuple_cost", "0")
            self.tune("min_parallel_table_scan_size", "2MB")
        if self.helper is not None:
            self.helper.execute("SET max_parallel_workers_per_gather = 0")
        run("ANALYZE recon_internal")
        run("ANALYZE recon_external")
        self.sql("functions.sql")
        days = [
            day
            for side in ("internal", "external")
            for row in run(f"SELECT min(day), max(day) FROM recon_{side}").fetchall()  # type: ignore[arg-type]  # nosec B608 # table names of the engine itself
            for day in row
            if day is not None
        ]
        closed = self.spec.closed_days(min(days).year, max(days).year) if days else {}
        self.texts = Texts(self.spec, closed, self.shared, (min(days), max(days)) if days else None)
        self.sql("results.sql")
        rules.ignore(self.connection, self.spec)
        self.ignores = self.count("recon_ignored") > 0

    def exact(self) -> None:
        heed = {f"heed_{letter}": self.heed(letter, letter) for letter in "ie"}
        self.sides("repeated.sql")
        self.sql("exact.sql", level_one="true" if 1 in self.spec.levels else "false", **heed)

    def heed(self, letter: str, alias: str) -> str:
        """What a rule takes out of the run stays out; most runs have no such rule and need not ask for each row."""
        if not self.ignores:
            return ""
        return f"AND NOT EXISTS (SELECT FROM recon_ignored g WHERE g.side = '{letter.upper()}' AND g.rid = {alias}.rid)"  # nosec B608 # a letter and an alias of the engine itself

    def rest(self) -> None:
        self.both("rest.sql", SIDE_I | {"heed": self.heed("i", "o")}, SIDE_E | {"heed": self.heed("e", "o")})
        if 4 in self.spec.levels:
            self.sql("batches.sql")

    def open_rows(self) -> None:
        self.sides("open.sql")

    def tokens(self) -> None:
        self.sql("tokens.sql")
        self.sides("known.sql")
        self.both("named_in_texts.sql", self.half("rid % 2 = 0"), self.half("rid % 2 <> 0"))
        self.connection.execute("ANALYZE recon_token")
        # So far both sides kept both processors busy; now one of them has time to write.
        self.settle("exact")

    def half(self, half: str) -> dict[str, str]:
        pieces = {f"grams_{letter}": self.texts("grams.sql", letter=letter, half=half) for letter in "ie"}
        for letter, other in ("ie", "ei"):
            pieces[f"parts_{letter}"] = self.texts("parts.sql", letter=letter, other=other, half=half)
        return pieces

    def references(self) -> None:
        self.sql("keys.sql")
        if 2 not in self.spec.levels:
            self.connection.execute("DELETE FROM recon_candidate")
            return
        self.resolve()
        self.sql("twins.sql")
        self.sql("close.sql")

    def resolve(self) -> None:
        for _ in range(ROUNDS):
            self.sql("resolve.sql")
            if not self.count("recon_chosen"):
                break
            self.sql("chosen.sql")
            self.sql("close.sql")

    def deferred(self) -> None:
        """What no sum has taken may be within tolerance after all."""
        if self.count("recon_deferred"):
            self.connection.execute("DELETE FROM recon_deferred")
            self.resolve()
        self.settle("plain")

    def groups(self) -> None:
        self.sql("bags.sql")
        if 4 in self.spec.levels:
            self.sql("groups.sql")
            self.sql("close.sql")

    def named(self) -> None:
        self.sides("named.sql")

    def similar(self) -> None:
        self.sql("pairs.sql")
        self.connection.execute(self.texts.fill("CREATE TEMP TABLE recon_scored (LIKE recon_candidate) ON COMMIT DROP"))  # type: ignore[arg-type]
        self.scorer = scorer = Scorer(self.connection, self.spec, self.texts)
        if 3 in self.spec.levels:
            scorer.run()
        self.sql("near_done.sql")
        if 3 in self.spec.levels:
            self.sides("like.sql")
            self.sql("hot.sql")
            for _ in range(ROUNDS):
                if not scorer.confirm():
                    break
                self.sql("close.sql")
        self.settle("similar")

    def totals(self) -> None:
        self.sql("totals.sql")
        self.sql("close.sql")
        subsets.search(self.connection, self.spec, self.texts)
        self.sql("close.sql")

    def classify(self) -> None:
        self.settle("groups")
        self.sql("left.sql")
        self.sides("twin.sql")
        self.sql("classify.sql")
        if 3 in self.spec.levels and self.scorer is not None:
            hints.store(self.connection, self.scorer)
        self.sql("suggest.sql")
        if 4 in self.spec.levels:
            self.sql("suggest_totals.sql")
        if 3 in self.spec.levels and self.scorer is not None:
            fees.store(self.connection, self.scorer)
        self.sql("classify_found.sql")
        self.sql("classify_groups.sql")
        ambiguity.store(self.connection, self.texts)
        self.sql("classify_rest.sql")

    def summarise(self) -> None:
        # Only a rule brings rows that were matched by their references among the suggestions and discrepancies.
        whole = any(rule.action == "suggest" for rule in self.spec.rules)
        told_i, told_e = ("recon_internal", "recon_external") if whole else ("recon_rest_i", "recon_rest_e")
        self.sql("views.sql", told_i=told_i, told_e=told_e)
        rules.apply(self.connection, self.spec, self.texts)
        result, run = self.result, self.connection.execute
        result.internal, result.external = self.count("recon_internal"), self.count("recon_external")
        pairs = self.count("recon_pair")
        sides: dict[str, int] = dict(run("SELECT side, count(*) FROM recon_group_item GROUP BY side").fetchall())
        result.matched_internal = pairs + sides.get("I", 0)
        result.matched_external = pairs + sides.get("E", 0)
        result.matches = pairs + self.count("recon_group")
        result.suggestions = self.count("recon_suggestion")
        result.discrepancies = dict(run("SELECT type, count(*) FROM recon_discrepancy GROUP BY type ORDER BY type").fetchall())
        result.levels = dict(
            run(
                "SELECT level::int, sum(n)::int FROM (SELECT level, count(*) AS n FROM recon_pair GROUP BY level"
                " UNION ALL SELECT level, count(*) FROM recon_group GROUP BY level) x GROUP BY level ORDER BY level"
            ).fetchall()
        )

    def go(self) -> Result:
        levels = set(self.spec.levels)
        self.phase("prepare", self.prepare)
        self.phase("level 1", self.exact)
        self.phase("level 4 whole batches", self.rest)
        self.phase("normalise", self.open_rows)
        self.phase("texts", self.tokens)
        # References and bags are worked out for every run: what disagrees under one reference is classified by them.
        self.phase("level 2", self.references)
        self.phase("level 4 keys", self.groups)
        self.phase("level 2 again", self.deferred)
        self.phase("names", self.named)
        self.phase("level 3", self.similar)
        # What level 3 took may have been the one row too many in a bag.
        self.phase("level 4 keys again", self.groups)
        if 4 in levels:
            self.phase("level 4 totals", self.totals)
        self.phase("classify", self.classify)
        self.phase("results", self.summarise)
        # The session was tuned for whole sides; whoever reads the results goes on as usual.
        self.tune("enable_nestloop", "DEFAULT")
        return self.result


def run(
    connection: psycopg.Connection,
    spec: Spec,
    progress: Callable[[str], None] = nothing,
    *,
    helper: psycopg.Connection | None = None,
    settled: Callable[[str], None] | None = None,
) -> Result:
    """Match what `load` has put into recon_internal and recon_external. Call it inside a transaction.

    `helper`: a second session, where both tables stand in a schema of the run's own (see scratch.py), as will everything
    else; steps that do the same for both sides go to both sessions. `settled` is then called with the name of a part of
    the document as soon as its matches are final and committed, so that another session can write it out meanwhile; it
    is not called where a rule may still take such a match back.
    """
    assert helper is not None or settled is None, "another session cannot see temporary tables"
    return Run(connection, spec, progress, helper, settled).go()
