"""What the matching engine is held against: DuckDB's keyed join as the limit, splink as the peer. Both optional."""

from __future__ import annotations

import time
from pathlib import Path

from bench.recon_truth import Known

KEYED = """
WITH i AS (SELECT reference, amount, currency, min(id) AS id FROM read_csv('{0}/internal.csv', all_varchar = true)
           WHERE reference <> '' GROUP BY ALL HAVING count(*) = 1),
     e AS (SELECT reference, amount, currency, min(id) AS id FROM read_csv('{0}/external.csv', all_varchar = true)
           WHERE reference <> '' GROUP BY ALL HAVING count(*) = 1)
SELECT i.id AS internal, e.id AS external FROM i JOIN e USING (reference, amount, currency)
"""


def duckdb_keyed(folder: Path, threads: int = 2) -> tuple[float, int]:
    """Seconds and matches of an exact join on reference, amount and currency, read from and written to files."""
    import duckdb

    with duckdb.connect() as database:
        database.execute(f"SET threads = {threads}")
        start = time.perf_counter()
        target = folder / "duckdb.parquet"
        database.execute(f"COPY ({KEYED.format(folder)}) TO '{target}' (FORMAT parquet)")
        seconds = time.perf_counter() - start
        row = database.execute(f"SELECT count(*) FROM '{target}'").fetchone()
    assert row is not None
    return seconds, int(row[0])


def splink_link(folder: Path, known: Known, threads: int = 2) -> dict[str, float]:
    """splink with a careful model: blocked by reference, by amount and day, and by counterparty and amount."""
    import duckdb
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on
    from splink.internals.duckdb.database_api import DuckDBAPI

    start = time.perf_counter()
    database = duckdb.connect()
    database.execute(f"SET threads = {threads}")
    for side in ("internal", "external"):
        database.execute(
            f"CREATE TABLE {side} AS SELECT id AS unique_id, date AS day, amount, currency,"
            f" nullif(upper(reference), '') AS reference, nullif(upper(counterparty), '') AS counterparty,"
            f" left(date, 7) AS month FROM read_csv('{folder}/{side}.csv', all_varchar = true)"
        )
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.LevenshteinAtThresholds("reference", [1, 2]),
            cl.ExactMatch("amount"),
            cl.ExactMatch("currency"),
            cl.JaroWinklerAtThresholds("counterparty", [0.95, 0.85]),
            cl.AbsoluteDateDifferenceAtThresholds("day", input_is_string=True, metrics=["day", "day"], thresholds=[1, 5]),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("reference"), block_on("amount", "currency", "month"), block_on("counterparty", "amount"),
        ],
    )  # fmt: skip
    api = DuckDBAPI(connection=database)
    tables = [api.register(side) for side in ("internal", "external")]
    linker = Linker(tables, settings, log_level="ERROR")
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("reference"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("amount", "currency"))
    found = linker.inference.predict(threshold_match_probability=0.99)
    name = found.physical_name
    pairs = database.execute(
        f"SELECT unique_id_l, unique_id_r FROM {name} QUALIFY row_number() OVER (PARTITION BY unique_id_l"
        " ORDER BY match_weight DESC) = 1 AND row_number() OVER (PARTITION BY unique_id_r ORDER BY match_weight DESC) = 1"
    ).fetchall()
    seconds = time.perf_counter() - start
    right = wrong = 0
    for one, two in pairs:
        mine, theirs = (one, two) if one.startswith("INT") else (two, one)
        group = known.get(known.group, "I", mine)
        good = group >= 0 and group == known.get(known.group, "E", theirs) and known.sizes[group] == (1, 1)
        right += good
        wrong += not good
    wanted = sum(1 for size in known.sizes if size == (1, 1))
    return {"seconds": seconds, "right": right, "wrong": wrong, "recall_of_pairs": right / max(1, wanted)}
