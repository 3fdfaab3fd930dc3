"""A mapping profile to start from, made of a sample: what sniffing found, written down so that a person can mend it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from ingestion.parsers import csvfile, jsonfile, processors, registry, xlsxfile
from ingestion.parsers.layout import MAX_PREAMBLE, SAMPLE_ROWS, Layout, find
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Unreadable
from ingestion.parsers.values import cell_text, is_amount, is_date

KINDS = ("csv", "xlsx", "json")
HEAD = 1 << 20


def suggest(file: BinaryIO, name: str = "", kind: str = "") -> tuple[str, Profile]:
    """The kind of a sample and a profile that reads it, or comes near. Raises `Unreadable` where there is no table."""
    head = file.read(HEAD)
    file.seek(0)
    kind = kind or registry.sniff(head, name)
    if kind not in KINDS:
        title = registry.FORMATS[kind].title if kind in registry.FORMATS else kind
        raise Unreadable(f"the sample is {title}, which needs no mapping profile")
    profile = {"csv": _csv, "xlsx": _xlsx, "json": _json}[kind](file, head)
    return kind, replace(profile, name="", title="", version="1")


def _csv(file: BinaryIO, head: bytes) -> Profile:
    known = processors.recognise(head)
    encoding = csvfile.encoding_of(head)
    text = head.decode(encoding, "replace").lstrip("\ufeff")
    delimiter = csvfile.delimiter_of(text)
    if not delimiter:
        raise Unreadable("no delimiter found: a table has commas, semicolons, tabs or bars between its columns")
    if known is not None:
        return replace(known, delimiter=delimiter)
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            rows.append(row)
            if len(rows) >= SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    return replace(_of_rows(rows, delimiter), delimiter=delimiter, encoding="" if encoding == "utf-8" else encoding)


def _xlsx(file: BinaryIO, head: bytes) -> Profile:
    book = xlsxfile.Workbook(file)
    problem = ""
    for sheet in book.names[:50]:
        rows = [[cell_text(cell) for cell in row] for row in book.rows(sheet)[:SAMPLE_ROWS]]
        known = processors.recognise_rows(rows)
        if known is not None:
            return known
        try:
            profile = _of_rows(rows, "")
        except Unreadable as error:
            problem = problem or str(error)
            continue
        return replace(profile, sheet=sheet if len(book.names) > 1 else "")
    raise Unreadable(problem or "the workbook has no sheet with rows")


def _json(file: BinaryIO, head: bytes) -> Profile:
    path, records = jsonfile.sample(file)
    flat = [jsonfile.flatten(record) for record in records[:SAMPLE_ROWS] if isinstance(record, dict)]
    names = list(dict.fromkeys(name for record in flat for name in record))
    rows = [[jsonfile.words(name.rsplit(".", 1)[-1]) for name in names], *([record.get(name, "") for name in names] for record in flat)]
    profile = _of_rows(rows, "", names)
    amounts = [
        record[name]
        for record in flat
        for field in ("amount", "credit", "debit", "net")
        for name in profile.columns.get(field, ())
        if name in record
    ]
    whole = bool(amounts) and not any("." in text or "," in text for text in amounts)
    return replace(profile, records=path, minor_units=whole, header_row=None)


def _of_rows(rows: Sequence[Sequence[str]], delimiter: str, names: Sequence[str] | None = None) -> Profile:
    """What `layout.find` finds, or what the shapes of the cells say where it gives up."""
    try:
        layout = find(rows, None, delimiter)
    except Unreadable:
        return _by_shape(rows, names)
    return _profile(layout, names or layout.names)


def _profile(layout: Layout, names: Sequence[str]) -> Profile:
    columns: dict[str, tuple[str, ...]] = {
        field: (names[at],) for field, at in sorted(layout.columns.items()) if field != "description" and at < len(names)
    }
    if layout.descriptions:
        columns["description"] = tuple(names[at] for at in layout.descriptions if at < len(names))
    return Profile(
        name="suggestion", columns=columns, references={kind: (names[at],) for kind, at in layout.references.items()},
        decimal=layout.numbers.decimal, date_order=layout.dates.order, currency=layout.currency, account=layout.account,
        has_header=layout.header_row >= 0 and not all(name.isdigit() for name in layout.names),
    )  # fmt: skip


def _by_shape(rows: Sequence[Sequence[str]], names: Sequence[str] | None) -> Profile:
    """No known word in the header: the row before the first one with a date and an amount is taken for it."""
    for index, row in enumerate(rows[: MAX_PREAMBLE + 1]):
        dates = [at for at, cell in enumerate(row) if is_date(cell.strip())]
        amounts = [at for at, cell in enumerate(row) if at not in dates and is_amount(cell.strip())]
        if not dates or not amounts:
            continue
        above = list(rows[index - 1]) if index else []
        headed = len([cell for cell in above if cell.strip()]) > 1
        header: list[str] = list(names or (above if headed else [str(at) for at in range(len(row))]))
        pointed = [at for at in amounts if any(mark in row[at] for mark in ".,")] or amounts
        columns: dict[str, Any] = {"booking_date": (header[dates[0]],), "amount": (header[pointed[0]],)}
        if len(dates) > 1:
            columns["value_date"] = (header[dates[1]],)
        text = max(
            (at for at in range(min(len(row), len(header))) if at not in dates and at not in amounts),
            key=lambda at: len(row[at]),
            default=None,
        )
        if text is not None:
            columns["description"] = (header[text],)
        return Profile(
            name="suggestion", columns=columns, has_header=bool(headed or names), header_row=index - 1 if headed and not names else None
        )
    raise Unreadable("no row of the sample holds a date and an amount: is this the part of the file with the transactions?")
