"""JSON and NDJSON by path: a list of records somewhere in a document, or one record to a line.

Numbers never become floats: they are read as exact decimals from their text. A document is read whole and is
bounded; NDJSON is read line by line. Without a profile the shapes of the built-in processors are recognised, and
otherwise the first list of objects that has a date and an amount.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from ingestion.parsers import processors
from ingestion.parsers.layout import SAMPLE_ROWS, Layout, find
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Flag, Pieces, Reject, StatementEnd, StatementStart, Unreadable, clip
from ingestion.parsers.tabular import Row, Table
from ingestion.parsers.textio import LineBlocks, decode, sniff_encoding

VERSION = "4"
MAX_DOCUMENT = 64 << 20
MAX_FIELDS = 400
MAX_DEPTH = 8


def _number(text: str) -> object:
    """A JSON number as its own text: exact, and bounded. One that no amount can be stays as it is written, so that only
    its own record is refused."""
    if len(text) > 60:
        return f"{text[:40]}…"
    if "e" in text or "E" in text:
        value = Decimal(text)
        if not -60 < int(value.as_tuple().exponent) < 60:
            return text
        return format(value, "f")
    return text


def load(text: str) -> Any:
    """JSON with numbers as text; refuses NaN, and nesting that Python cannot hold."""
    try:
        return json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def flatten(record: Any, prefix: str = "", into: dict[str, str] | None = None, depth: int = 0) -> dict[str, str]:
    """A record as path -> text. Lists are numbered; nothing deeper than `MAX_DEPTH` is looked at."""
    into = {} if into is None else into
    if len(into) >= MAX_FIELDS or depth > MAX_DEPTH:
        return into
    if isinstance(record, dict):
        for key, value in record.items():
            flatten(value, f"{prefix}.{key}" if prefix else str(key), into, depth + 1)
    elif isinstance(record, list):
        for index, value in enumerate(record[:50]):
            flatten(value, f"{prefix}.{index}", into, depth + 1)
    elif record is not None:
        into[prefix] = record if isinstance(record, str) else ("true" if record else "false")
    return into


def at_path(document: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for part in path.split(".") if path else ():
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def _lists(document: Any, depth: int = 0) -> Iterator[list[Any]]:
    """Every list of objects in a document, outermost first."""
    if depth > 4:
        return
    if isinstance(document, list):
        if document and isinstance(document[0], dict):
            yield document
    elif isinstance(document, dict):
        for value in document.values():
            yield from _lists(value, depth + 1)


def parse(file: BinaryIO, profile: Profile | None = None) -> Pieces:
    """Events of a JSON document or of NDJSON."""
    head = file.read(1 << 16)
    file.seek(0)
    if _is_lines(head):
        yield from _parse_lines(file, profile)
        return
    data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise Unreadable(f"the JSON document is larger than {MAX_DOCUMENT >> 20} MiB: send one record to a line (NDJSON)")
    encoding, skip = sniff_encoding(data[:16])
    text = data[skip:].decode(encoding, "replace") if encoding else decode(data)
    try:
        document = load(text)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    yield from _parse_document(document, profile)


def sample(file: BinaryIO) -> tuple[str, list[Any]]:
    """The records of a sample and their path: the longest list of objects, the lines of NDJSON, or the document itself."""
    head = file.read(1 << 16)
    file.seek(0)
    if _is_lines(head):
        records: list[Any] = []
        for line in LineBlocks(file, 1 << 20):
            if len(records) >= SAMPLE_ROWS:
                break
            try:
                records.append(load(line))
            except ValueError:
                continue
        return "", records
    data = file.read(MAX_DOCUMENT)
    encoding, skip = sniff_encoding(data[:16])
    try:
        document = load(data[skip:].decode(encoding, "replace") if encoding else decode(data))
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    found = _paths(document)
    if found:
        return max(found, key=lambda item: len(item[1]))
    if isinstance(document, dict):
        return "", [document]
    raise Unreadable("the JSON holds no list of objects")


def _paths(document: Any, path: str = "", depth: int = 0) -> list[tuple[str, list[Any]]]:
    """Every list of objects with its path."""
    if isinstance(document, list):
        return [(path, document)] if document and isinstance(document[0], dict) else []
    if not isinstance(document, dict) or depth > 4:
        return []
    return [item for key, value in document.items() for item in _paths(value, f"{path}.{key}" if path else str(key), depth + 1)]


def _is_lines(head: bytes) -> bool:
    """One object to a line: the first line is a whole document and something follows."""
    lines = [line.strip() for line in head.split(b"\n") if line.strip()]
    if not lines or not lines[0].startswith(b"{") or not lines[0].endswith(b"}"):
        return False
    try:
        load(decode(lines[0]))
    except ValueError:
        return False
    return len(lines) > 1


def _parse_document(document: Any, profile: Profile | None) -> Pieces:
    if profile is not None:
        records = at_path(document, profile.records)
        if isinstance(records, dict):
            records = [records]
        if not isinstance(records, list):
            raise Unreadable(f"no list of records at path {profile.records or '(the document itself)'!r} of the JSON")
        yield from _table(records, profile)
        return
    found = processors.recognise_json(document)
    if found is not None:
        records, known, note = found
        if known is None:
            yield StatementStart()
            yield Flag("document", "no_movement", note)
            yield StatementEnd("", "", None, None, None, 0, 0)
            return
        yield from _table(records, known)
        return
    problem = ""
    for records in [[document]] if isinstance(document, dict) and not any(_lists(document)) else _lists(document):
        try:
            yield from _table(records, None)
            return
        except Unreadable as error:
            problem = problem or str(error)
    raise Unreadable(f"the JSON holds no list of transactions that is known: {problem or 'give a mapping profile'}")


def _table(records: Iterable[Any], profile: Profile | None) -> Pieces:
    flat: list[dict[str, str]] = []
    bad: list[Reject] = []
    for number, record in enumerate(records, 1):
        if isinstance(record, dict):
            flat.append(flatten(record))
        else:
            bad.append(Reject(f"record {number}", "not an object", clip(str(record))))
            flat.append({})
    layout, names = _layout(flat[:SAMPLE_ROWS], profile)

    def rows() -> Iterable[Row]:
        return ((number, [_value(record.get(name, "")) for name in names]) for number, record in enumerate(flat, 1))

    yield from Table(layout, rows).events()
    yield from bad


def _layout(flat: list[dict[str, str]], profile: Profile | None) -> tuple[Layout, list[str]]:
    names: dict[str, None] = {}
    for record in flat:
        names.update(dict.fromkeys(record))
        if len(names) > MAX_FIELDS:
            break
    header = list(names)
    shown: list[Any] = header
    if profile is None:
        # The last part of a path is what names the column, unless two paths share it.
        shown = [words(name.rsplit(".", 1)[-1]) for name in header]
    body = [[_value(record.get(name, "")) for name in header] for record in flat]
    layout = find([shown, *body], profile)
    if profile is None:
        places = [at for name in ("amount", "credit", "debit") if (at := layout.columns.get(name)) is not None]
        amounts = [str(row[at]) for row in body for at in places if row[at]]
        if not any("." in text or "," in text for text in amounts):
            raise Unreadable("the amounts are whole numbers: major or minor units? give a mapping profile that says so")
    return layout, header


def words(name: str) -> str:
    """camelCase and snake_case as words."""
    return "".join(" " + char if char.isupper() and index and name[index - 1].islower() else char for index, char in enumerate(name))


def _value(text: str) -> str:
    """Unix times (10 or 13 digits) as dates, in UTC as the processors mean them; anything else as it is."""
    if len(text) in (10, 13) and text.isascii() and text.isdigit() and text[0] == "1":
        return _Moment(text)
    return text


class _Moment(str):
    """A text of digits that may be an instant: read as a date where a date is wanted, as digits elsewhere."""

    __slots__ = ()

    def strip(self, chars: str | None = None, /) -> str:
        return self

    @property
    def day(self) -> datetime:
        return datetime.fromtimestamp(int(self[:10]), UTC)


def _parse_lines(file: BinaryIO, profile: Profile | None) -> Pieces:
    source = LineBlocks(file, 1 << 20)
    sample: list[dict[str, str]] = []
    known = profile
    for number, line in enumerate(source):
        if number >= SAMPLE_ROWS:
            break
        try:
            record = load(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            if known is None and not sample:
                recognised = processors.recognise_json(record)
                known = recognised[1] if recognised else None
            sample.append(flatten(record))
    layout, names = _layout(sample, known)
    rejects: list[Reject] = []

    def rows() -> Iterable[Row]:
        rejects.clear()
        file.seek(0)
        lines = LineBlocks(file, 1 << 20)
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = load(line)
            except ValueError as error:
                if len(rejects) < 10_000:
                    rejects.append(Reject(number, f"not JSON: {error}", clip(line)))
                continue
            if not isinstance(record, dict):
                rejects.append(Reject(number, "not an object", clip(line)))
                continue
            flat = flatten(record)
            yield number, [_value(flat.get(name, "")) for name in names]
        if lines.problem:
            rejects.append(Reject("end", lines.problem))

    for event in Table(layout, rows).events():
        yield event
        if rejects:
            yield from rejects
            rejects.clear()
    yield from rejects
