"""Which reader takes which file: one table of formats and versions, sniffing, and `parse`.

A reader is never asked to be certain: `sniff` looks at content first and at the name last, and an operator may
always force a format or give a mapping profile.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from ingestion.parsers import bai2, camt, csvfile, jsonfile, mt940, ofx, processors, xlsxfile
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Events, Line, Lines, Pieces, Reject, StatementEnd, StatementStart, Unreadable
from ingestion.parsers.textio import sniff_encoding

HEAD = 1 << 16
#: A file whose first pieces are all unreadable is not what it was taken for.
MAX_REJECTS_BEFORE_LINE = 1000
SPOOL = 8 << 20
#: Larger files are refused when they come from a stream that must be kept to be read twice.
MAX_STREAM = 2 << 30


@dataclass(frozen=True)
class Format:
    """One format: its reader, the version of that reader, and whether mapping profiles apply."""

    name: str
    read: Callable[..., Pieces]
    version: str
    title: str
    mapped: bool = False


FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        Format("bai2", bai2.parse, bai2.VERSION, "BAI2 cash management"),
        Format("mt940", mt940.parse, mt940.VERSION, "SWIFT MT940 customer statement"),
        Format("mt942", mt940.parse, mt940.VERSION, "SWIFT MT942 interim report"),
        Format("camt", camt.parse, camt.VERSION, "ISO 20022 camt.052, camt.053, camt.054"),
        Format("ofx", ofx.parse, ofx.VERSION, "OFX and QFX"),
        Format("csv", csvfile.parse, csvfile.VERSION, "CSV and other delimited text", mapped=True),
        Format("xlsx", xlsxfile.parse, xlsxfile.VERSION, "Excel workbook", mapped=True),
        Format("json", jsonfile.parse, jsonfile.VERSION, "JSON and NDJSON", mapped=True),
        Format("paypal_stl", processors.parse_paypal, processors.VERSION, "PayPal settlement and transaction reports"),
    )
}

#: Other names that people and file extensions use. Processor names read as their table with their profile.
ALIASES = {
    "bai": "bai2", "sta": "mt940", "swift": "mt940", "940": "mt940", "942": "mt942", "camt.052": "camt", "camt.053": "camt",
    "camt.054": "camt", "camt052": "camt", "camt053": "camt", "camt054": "camt", "xml": "camt", "qfx": "ofx", "bankcsv": "csv",
    "tsv": "csv", "txt": "csv", "xls": "xlsx", "xlsm": "xlsx", "ndjson": "json", "jsonl": "json",
}  # fmt: skip


def formats() -> list[str]:
    return sorted({*FORMATS, *ALIASES, *processors.FAMILIES})


def sniff(head: bytes, name: str = "") -> str:
    """The format of a file from its first bytes and its name; `Unreadable` where it is none of them."""
    if not head.strip(b"\0 \t\r\n\x1a"):
        raise Unreadable("the file is empty")
    encoding, skip = sniff_encoding(head)
    if encoding.startswith("utf-16"):
        head = head[skip:].decode(encoding, "ignore").encode()
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "xlsx"
    if head.startswith((b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\xff\xd8\xff", b"7z\xbc\xaf", b"Rar!")):
        raise Unreadable("this is a document, image or archive, not a statement: extract or export it first")
    if ofx.sniff(head):
        return "ofx"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n\0\xff\xfe")
    if text[:1] == b"<":
        if camt.sniff(head):
            return "camt"
        if re.search(rb"<(!doctype )?html", head, re.IGNORECASE):
            raise Unreadable("this is a web page, not a statement: export the file again, or log in first")
        return "camt"
    if bai2.sniff(head):
        return "bai2"
    swift = mt940.sniff(head)
    if swift:
        return swift
    if processors.sniff_paypal(head):
        return "paypal_stl"
    if text[:1] in (b"{", b"["):
        return "json"
    extension = os.path.splitext(name)[1].lower().lstrip(".")
    by_name = ALIASES.get(extension, extension)
    if by_name in ("bai2", "mt940", "mt942"):
        return by_name
    sample = head[:4096]
    if sum(byte < 9 or 13 < byte < 32 for byte in sample) > len(sample) // 50:
        raise Unreadable("the file is binary and no known format")
    return "csv"


def resolve(name: str) -> tuple[Format, str]:
    """A format by any of its names, and the processor family if the name was one."""
    key = name.strip().lower()
    if key in processors.FAMILIES:
        return FORMATS["csv"], key
    key = ALIASES.get(key, "camt" if key.startswith("camt") else key)
    if key not in FORMATS:
        raise Unreadable(f"{name!r} is no format; choose from {', '.join(formats())}")
    return FORMATS[key], ""


class Parsed:
    """A file being read: what it is, and the events of its content."""

    def __init__(self, format_name: str, version: str, events: Events, profile: str = "") -> None:
        self.format = format_name
        self.version = version
        self.profile = profile
        self.events = events

    def readable_without_statements(self) -> bool:
        """OFX answers may hold a sign-on and no statement, and be complete."""
        return self.format == "ofx"


def open_file(
    source: str | os.PathLike[str] | BinaryIO, format: str | None = None, profile: Profile | dict[str, Any] | None = None, name: str = ""
) -> Parsed:
    """Decide who reads a file and start reading it. Raises `Unreadable` where nobody can."""
    file, name = _open(source, name)
    head = file.read(HEAD)
    file.seek(0)
    mapping = Profile.from_dict(profile) if isinstance(profile, dict) else profile
    family = ""
    if format:
        chosen, family = resolve(format)
        content = "" if not family else sniff(head, name)
        if family and content in ("json", "xlsx", "paypal_stl"):
            chosen = FORMATS[content]
    else:
        chosen = FORMATS[sniff(head, name)]
    if chosen.mapped:
        if mapping is None and chosen.name == "csv":
            mapping = processors.recognise(head, family)
        events = chosen.read(file, mapping)
    else:
        events = chosen.read(file)
    return Parsed(chosen.name, chosen.version, _guard(events), mapping.name if mapping else "")


def parse(source: str | os.PathLike[str] | BinaryIO, format: str | None = None, profile: Profile | dict[str, Any] | None = None) -> Events:
    """The events of a file. Raises `Unreadable` where nothing in it can be read."""
    yield from open_file(source, format, profile).events


def _open(source: str | os.PathLike[str] | BinaryIO, name: str) -> tuple[BinaryIO, str]:
    if isinstance(source, str | os.PathLike):
        return open(source, "rb"), name or os.fspath(source)
    name = name or str(getattr(source, "name", ""))
    if source.seekable():
        return source, name
    spool = tempfile.SpooledTemporaryFile(SPOOL)  # noqa: SIM115 - closed by the garbage collector with its reader
    total = 0
    while chunk := source.read(1 << 20):
        total += len(chunk)
        if total > MAX_STREAM:
            raise Unreadable(f"the stream is longer than {MAX_STREAM >> 20} MiB; hand it over as a file")
        spool.write(chunk)
    spool.seek(0)
    return cast(BinaryIO, spool), name


def _guard(events: Pieces) -> Events:
    """Every statement that starts ends, and a file of nothing but rejects is given up in bounded time."""
    rejects = 0
    started: StatementStart | None = None
    seen_line = False
    lines = total = 0
    reason = ""
    try:
        for event in events:
            if type(event) is Line:
                lines += 1
                total += event.amount_minor
                yield event
                continue
            if isinstance(event, Lines):
                lines += len(event)
                total += event.total
                yield from event
                continue
            seen_line = seen_line or lines > 0
            if type(event) is StatementStart:
                started, lines, total = event, 0, 0
            elif type(event) is StatementEnd:
                started = None
                seen_line = True
            elif type(event) is Reject and not seen_line:
                rejects += 1
                reason = reason or event.reason
                if rejects > MAX_REJECTS_BEFORE_LINE:
                    raise Unreadable(f"the first {MAX_REJECTS_BEFORE_LINE} pieces are all unreadable, for example: {reason}")
            yield event
    except (RecursionError, MemoryError) as error:
        seen_line = seen_line or lines > 0
        problem = f"reading stopped: {type(error).__name__}, the file is nested too deep or too large"
        if not seen_line:
            raise Unreadable(problem) from None
        yield Reject("end", problem)
    except Unreadable as error:
        if started is None and not seen_line and not lines:
            raise
        yield Reject("end", str(error))
    if started is not None:
        yield StatementEnd(started.account, started.currency, started.opening_minor, None, None, lines, total,
                           started.number, started.date, started.position)  # fmt: skip
