"""Brings rows into the session's temporary tables: CSV files by COPY, or any query of the application.

A file goes to Postgres as it is, and Postgres checks every cell while it copies. Only a file that Postgres refuses
is read again row by row, so that each bad row is named and left out, and the good ones stay (law 8).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from payos.kernel import sqlfile
from payos.kernel.currencies import EXPONENTS
from payos.kernel.money import LARGEST, MoneyError, parse_minor
from reconciliation.matching.macros import scoped

SIDES = ("internal", "external")
REQUIRED = ("id", "date", "amount", "currency")
# Asked first, because each code that is asked costs every row.
USUAL = ("USD", "EUR", "GBP", "KES", "MXN", "BRL")
COLUMNS = (*REQUIRED, "reference", "counterparty", "description", "type", "batch_id", "fee")
BLOCK = 1 << 20
REJECTS_KEPT = 1000
Progress = Callable[[str], None]


class LoadError(ValueError):
    """The file cannot be used at all; the text says what to change."""


@dataclass(slots=True)
class Loaded:
    rows: int = 0
    rejected: int = 0
    rejects: list[dict[str, Any]] = field(default_factory=list)
    # No cell holds a quote, a backslash or a control character: JSON needs to escape nothing.
    simple: bool = False


def create_table(connection: psycopg.Connection, side: str, *, from_text: bool, shared: bool = False) -> None:
    """An empty side. `from_text`: amounts arrive as decimal text, else as minor units."""
    assert side in SIDES, side
    table = f"recon_{side}"
    if from_text:
        amount = f"amount_minor bigint GENERATED ALWAYS AS ({_minor('amount')}) STORED NOT NULL"
        fee = f"fee_minor bigint GENERATED ALWAYS AS ({_minor('fee')}) STORED"
        told = ",\n    amount text NOT NULL,\n    fee text NOT NULL DEFAULT ''"
    else:
        amount, fee, told = "amount_minor bigint NOT NULL", "fee_minor bigint", ""
    text = sqlfile.load(__file__, "tables.sql")
    connection.execute(scoped(f"DROP TABLE IF EXISTS pg_temp.{table}", shared))  # type: ignore[arg-type]
    text = text.format(table=table, amount_minor=amount, fee_minor=fee, as_told=told)
    connection.execute(scoped(text, shared))  # type: ignore[arg-type]


def _minor(column: str) -> str:
    """SQL for decimal text to minor units. The cast refuses what is no number, and more places than the currency has."""
    odd: dict[int, list[str]] = {}
    for code, places in sorted(EXPONENTS.items()):
        if places != 2:
            odd.setdefault(places, []).append(f"'{code}'")
    cases = " ".join(
        f"WHEN currency IN ({', '.join(codes)}) THEN " + (f"trim_scale({column}::numeric * {10**places})::text::bigint")
        for places, codes in sorted(odd.items())
    )
    usual = ", ".join(f"'{code}'" for code in USUAL)
    cents = f"left(right({column}, 3), 1) = '.'"
    return (
        f"CASE WHEN {column} = '' THEN NULL "
        f"WHEN {cents} AND currency IN ({usual}) THEN replace({column}, '.', '')::bigint {cases} "
        f"WHEN {cents} THEN replace({column}, '.', '')::bigint "
        f"ELSE trim_scale({column}::numeric * 100)::text::bigint END"
    )


def load_query(connection: psycopg.Connection, side: str, query: str, params: dict[str, Any] | None = None) -> int:
    """Fill a side from a query of ext_id, day, amount_minor, currency, reference, counterparty, description, type,
    batch_id, fee_minor. Rows are numbered in the order of the query: give it an ORDER BY."""
    create_table(connection, side, from_text=False)
    done = connection.execute(
        f"INSERT INTO recon_{side} (ext_id, day, amount_minor, currency, reference, counterparty, description, type,"  # type: ignore[arg-type]
        f" batch_id, fee_minor) {query}",
        params,
    )
    # The application reads results row by row; files are read as a whole and need no index.
    connection.execute(f"CREATE UNIQUE INDEX ON recon_{side} (rid)")  # type: ignore[arg-type]
    return done.rowcount


def load_file(connection: psycopg.Connection, side: str, path: Path, progress: Progress, *, shared: bool = False) -> Loaded:
    """Fill a side from a CSV file with a header."""
    header, dialect = _header(path)
    connection.execute("SAVEPOINT recon_load")
    try:
        create_table(connection, side, from_text=True, shared=shared)
        look = _Look(_blocks(path, progress), dialect)
        rows = _copy(connection, side, header, dialect, look)
        unknown = connection.execute(
            f"SELECT currency FROM recon_{side} GROUP BY currency HAVING NOT currency = ANY(%s) LIMIT 1",  # type: ignore[arg-type]  # nosec B608 # the side is internal or external
            [list(EXPONENTS)],
        ).fetchone()
        if unknown is None:
            return Loaded(rows=rows, simple=look.simple)
    except psycopg.DataError as error:
        progress(f"{path.name}: reading it row by row, because of {str(error).splitlines()[0]}")
    except psycopg.IntegrityError:
        progress(f"{path.name}: reading it row by row, because a required cell is empty")
    connection.execute("ROLLBACK TO SAVEPOINT recon_load")
    loaded = Loaded()
    create_table(connection, side, from_text=False, shared=shared)
    _copy_checked(connection, side, path, header, dialect, loaded)
    return loaded


def _header(path: Path) -> tuple[list[str], str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"{path} cannot be read: {error}") from error
    separator = max(",;\t|", key=lambda mark: (line.count(mark), mark == ","))
    names = [name.strip().lower() for name in next(csv.reader([line], delimiter=separator), [])]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise LoadError(
            f"{path} has no column {' and no column '.join(missing)}: its first line must name the columns, at least {', '.join(REQUIRED)}"
        )
    double = {name for name in names if names.count(name) > 1}
    if double:
        raise LoadError(f"{path} names the column {sorted(double)[0]} twice")
    return names, separator


def _blocks(path: Path, progress: Progress) -> Iterator[bytes]:
    size, read = max(path.stat().st_size, 1), 0
    with path.open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        while block := file.read(BLOCK):
            before, read = read, read + len(block)
            if before * 4 // size != read * 4 // size:
                progress(f"{path.name}: {read * 100 // size} % read")
            yield block


class _Look:
    """The blocks of a file as they are, and whether any of them holds a character that JSON would have to escape."""

    def __init__(self, blocks: Iterator[bytes], separator: str) -> None:
        self.blocks = blocks
        self.odd = bytes(mark for mark in range(32) if chr(mark) not in "\r\n" + separator) + b'"\\'
        self.simple = True

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks:
            if self.simple and len(block.translate(None, self.odd)) != len(block):
                self.simple = False
            yield block


def _copy(connection: psycopg.Connection, side: str, header: list[str], separator: str, blocks: Iterable[bytes]) -> int:
    if any(name not in COLUMNS for name in header):
        blocks = _known_columns(blocks, header, separator)
        header, separator = [name for name in header if name in COLUMNS], ","
    names = ", ".join({"id": "ext_id", "date": "day"}.get(name, name) for name in header)
    optional = ", ".join(name for name in header if name not in REQUIRED)
    force = f", FORCE_NOT_NULL ({optional})" if optional else ""
    mark = "E'\\t'" if separator == "\t" else f"'{separator}'"
    with connection.cursor() as cursor:
        with cursor.copy(
            f"COPY recon_{side} ({names}) FROM STDIN (FORMAT csv, HEADER, DELIMITER {mark}, ENCODING 'utf8'{force})"  # type: ignore[arg-type]
        ) as copy:
            for block in blocks:
                copy.write(block)
        return cursor.rowcount


def _known_columns(blocks: Iterable[bytes], header: list[str], separator: str) -> Iterator[bytes]:
    """The same file without the columns that matching does not know."""
    import io

    keep = [header.index(name) for name in header if name in COLUMNS]

    def lines() -> Iterator[str]:
        rest = b""
        for block in blocks:
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                yield line.decode() + "\n"
        if rest:
            yield rest.decode()

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for cells in csv.reader(lines(), delimiter=separator):
        if len(cells) == len(header):
            writer.writerow([cells[index] for index in keep])
        elif cells:
            raise psycopg.DataError(f"a row has {len(cells)} cells instead of {len(header)}")
        if out.tell() > BLOCK:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _copy_checked(connection: psycopg.Connection, side: str, path: Path, header: list[str], separator: str, loaded: Loaded) -> None:
    columns = "ext_id, day, amount_minor, currency, reference, counterparty, description, type, batch_id, fee_minor"
    with (
        path.open(encoding="utf-8-sig", errors="replace", newline="") as file,
        connection.cursor() as cursor,
        cursor.copy(f"COPY recon_{side} ({columns}) FROM STDIN") as copy,  # type: ignore[arg-type]
    ):
        reader = csv.reader((line.replace("\0", "") for line in file), delimiter=separator)
        next(reader, None)
        for cells in reader:
            if not cells:
                continue
            try:
                copy.write_row(_checked(dict(zip(header, cells, strict=False)), len(cells), len(header)))
                loaded.rows += 1
            except ValueError as error:
                loaded.rejected += 1
                if len(loaded.rejects) < REJECTS_KEPT:
                    loaded.rejects.append(
                        {"side": side, "line": reader.line_num, "id": cells[0][:100] if cells else "", "error": str(error)}
                    )


def _checked(row: dict[str, str], cells: int, expected: int) -> tuple[Any, ...]:
    if cells != expected:
        raise ValueError(f"the row has {cells} cells where the header has {expected}")
    if not row["id"].strip():
        raise ValueError("the id is empty")
    currency = row["currency"].strip().upper()
    day = _day(row["date"].strip())
    try:
        amount = parse_minor(row["amount"].strip().lstrip("+"), currency)
        fee = parse_minor(row["fee"].strip().lstrip("+"), currency) if row.get("fee", "").strip() else None
    except MoneyError as error:
        raise ValueError(str(error)) from error
    assert abs(amount) <= LARGEST
    texts = [row.get(name, "") for name in ("reference", "counterparty", "description", "type", "batch_id")]
    return (row["id"], day, amount, currency, *texts, fee)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text[:10] if len(text) > 8 else text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no date: write it as 2026-01-31") from None
    if not 1900 <= day.year <= 2200:
        raise ValueError(f"{text[:40]!r} is outside 1900 to 2200")
    return day
