"""`manage.py reconcile_files INTERNAL.csv EXTERNAL.csv --json OUT.json`: prove two files against each other."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from payos.kernel import calendars, clock
from reconciliation.matching import engine, export, load, scratch
from reconciliation.matching.spec import Spec, SpecError

EPILOG = """
Each file is CSV with a header. Required columns: id, date, amount, currency. Used when present: reference,
counterparty, description, type, batch_id, fee. An amount is signed decimal text such as -12.50.

  manage.py reconcile_files books.csv bank.csv
  manage.py reconcile_files books.csv bank.csv --json result.json
  manage.py reconcile_files books.csv bank.csv --json - | jq .summary
"""


class Command(BaseCommand):
    help = "Reconcile two CSV files: matches with their evidence, suggestions, discrepancies. Needs nothing set up."
    # The tables of the application are not used, so nothing has to be migrated.
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        import argparse

        return super().create_parser(*args, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("internal", type=Path, metavar="INTERNAL.csv", help="what our books say")
        parser.add_argument("external", type=Path, metavar="EXTERNAL.csv", help="what the bank or processor says")
        parser.add_argument("--json", metavar="OUT.json", help="write the full result here; - for standard output")
        parser.add_argument("--tolerance-minor", type=int, default=2, metavar="N", help="accepted difference in minor units (2)")
        parser.add_argument("--tolerance-percent", default="0", metavar="P", help="accepted difference in percent (0)")
        parser.add_argument("--window", type=int, default=3, metavar="DAYS", help="accepted distance of days (3)")
        parser.add_argument("--calendar-days", action="store_true", help="count calendar days, not banking days")
        parser.add_argument("--levels", default="1,2,3,4", help="matching levels to use (1,2,3,4)")
        parser.add_argument("--quiet", action="store_true", help="no progress")

    def handle(self, *args: Any, **options: Any) -> None:
        def progress(text: str) -> None:
            if not options["quiet"]:
                print(text, file=sys.stderr, flush=True)

        try:
            spec = Spec(
                tolerance_minor=options["tolerance_minor"],
                tolerance_percent=options["tolerance_percent"],
                window_days=options["window"],
                window_kind="calendar" if options["calendar_days"] else "banking",
                levels=tuple(sorted({int(level) for level in options["levels"].split(",")})),
            )
            summary = reconcile(options["internal"], options["external"], spec, progress, out=options["json"], stdout=sys.stdout.buffer)
        except (load.LoadError, SpecError, ValueError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"the result cannot be written: {error}") from error
        if options["json"] != "-":
            self.stdout.write(readable(summary, options["json"]))


def connect(role: str = "app") -> psycopg.Connection:
    """A connection of its own: the run leaves nothing behind."""
    database = settings.DATABASES["default"]
    if settings.EMBEDDED:
        from payos import embedded

        database = embedded.django_connection(role, "payos")
    return psycopg.connect(
        host=database.get("HOST") or None, port=database.get("PORT") or None, user=database.get("USER") or None,
        password=database.get("PASSWORD") or None, dbname=database["NAME"], application_name="payos reconcile_files",
    )  # fmt: skip


@contextmanager
def loaded(
    internal: Path, external: Path, progress: Callable[[str], None]
) -> Iterator[tuple[psycopg.Connection, dict[str, load.Loaded], str]]:
    """Both files in a session, ready to be matched: in a schema of their own, which is named, where one can be had."""
    paths = {"internal": internal, "external": external}
    if settings.EMBEDDED:
        owner = partial(connect, "owner")
        with scratch.schema(owner) as (connection, name):
            yield connection, scratch.load_both(owner, name, paths, progress), name
        return
    with connect() as connection:
        # Room for both files: temporary tables that stay in memory need no disk.
        connection.execute("SET temp_buffers = '512MB'")
        yield connection, {side: load.load_file(connection, side, path, progress) for side, path in paths.items()}, ""
        connection.rollback()


def reconcile(
    internal: Path,
    external: Path,
    spec: Spec,
    progress: Callable[[str], None],
    *,
    out: str | None = None,
    stdout: Any = None,
) -> dict[str, Any]:
    for path in (internal, external):
        if not path.is_file():
            raise load.LoadError(f"there is no file {path}")
    # The clock starts when the database answers: to start the embedded one is no part of reconciling.
    connect().close()
    start = time.perf_counter()
    # The library of holidays takes half a second to open: that passes while Postgres reads the files.
    Thread(target=calendars.known_holidays, args=("KE", clock.today().year), daemon=True).start()
    with loaded(internal, external, progress) as (connection, sides, name), output(out, stdout) as write:
        connection.execute(f"SET {'' if name else 'LOCAL '}idle_in_transaction_session_timeout = 0")  # type: ignore[arg-type]
        load_seconds = time.perf_counter() - start
        progress(f"load: {load_seconds:.1f} s")
        writer = export.Writer(write, simple=all(side.simple for side in sides.values())) if write else None
        early = scratch.Early(partial(connect, "owner"), name, writer) if writer and name else None
        try:
            with scratch.session(partial(connect, "owner"), name) if name else nullcontext() as helper:
                result = engine.run(connection, spec, progress, helper=helper, settled=early.settled if early else None)
        finally:
            begin = time.perf_counter()
            if early:
                early.wait()
        summary = _summary(result, sides)
        phases = {"load": round(load_seconds, 3), **result.seconds}
        if writer:
            records = result.internal + result.external

            def finish() -> dict[str, Any]:
                seconds = time.perf_counter() - start
                phases["write"] = round(time.perf_counter() - begin, 3)
                return summary | {
                    "seconds": round(seconds, 3), "records_per_second": round(records / seconds) if seconds else 0,
                    "phases": phases,
                }  # fmt: skip

            writer.finish(connection, finish)
    seconds = time.perf_counter() - start
    records = result.internal + result.external
    return summary | {"seconds": round(seconds, 3), "records_per_second": round(records / seconds), "phases": phases}


@contextmanager
def output(out: str | None, stdout: Any) -> Iterator[Callable[[bytes], object] | None]:
    """Where the document goes: a file that takes its name only when it is whole, or standard output."""
    if out is None:
        yield None
    elif out == "-":
        yield stdout.write
        stdout.flush()
    else:
        part = f"{out}.part"
        with open(part, "wb") as file:
            yield file.write
        os.replace(part, out)


def _summary(result: engine.Result, sides: dict[str, load.Loaded]) -> dict[str, Any]:
    records = result.internal + result.external
    matched = result.matched_internal + result.matched_external
    return {
        "internal": result.internal,
        "external": result.external,
        "matched_internal": result.matched_internal,
        "matched_external": result.matched_external,
        "match_rate": round(matched / records, 6) if records else 0.0,
        "matches": result.matches,
        "suggestions": result.suggestions,
        "discrepancies": result.discrepancies,
        "levels": {str(level): count for level, count in result.levels.items()},
        "rejected": sum(side.rejected for side in sides.values()),
        "rejects": [reject for side in sides.values() for reject in side.rejects],
    }


def readable(summary: dict[str, Any], out: str | None) -> str:
    lines = [
        f"{summary['internal']:,} internal and {summary['external']:,} external rows in {summary['seconds']:.1f} s"
        f" ({summary['records_per_second']:,} rows/s)",
        f"matched      {summary['matched_internal']:>10,} internal  {summary['matched_external']:>10,} external"
        f"  ({summary['match_rate']:.2%} of all rows)",
    ]
    names = {"1": "same reference, amount and currency", "2": "reference in another form, or amount explained",
             "3": "amount, date and likeness", "4": "groups that add up"}  # fmt: skip
    for level, count in sorted(summary["levels"].items()):
        lines.append(f"  level {level}    {count:>10,} {names[level]}")
    if summary["discrepancies"]:
        lines.append("to look at")
        for name, count in sorted(summary["discrepancies"].items(), key=lambda item: (-item[1], item[0])):
            lines.append(f"  {name.replace('_', ' '):<20}{count:>10,}")
    else:
        lines.append("nothing to look at: both sides agree")
    if summary["suggestions"]:
        lines.append(f"suggestions  {summary['suggestions']:>10,}")
    if summary["rejected"]:
        lines.append(f"not readable {summary['rejected']:>10,} rows, left out:")
        for reject in summary["rejects"][:5]:
            lines.append(f"  {reject['side']} line {reject['line']}: {reject['error']}")
    if out:
        lines.append(f"everything, with the evidence of every match, is in {out}")
    else:
        lines.append("add --json OUT.json for every match with its evidence")
    return "\n".join(lines)
