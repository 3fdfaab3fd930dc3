"""Bytes to tree. Nothing raises and nothing is dropped: what does not fit is kept aside and reported."""

from __future__ import annotations

import re

from settlement.rails.nacha.codes import CONTESTED, DISHONORED, REFUSED_CHANGE_CODES
from settlement.rails.nacha.layouts import ENTRY_LAYOUT, LAYOUTS, LENGTH
from settlement.rails.nacha.records import Batch, Entry, Fault, File, Record

MAX_BYTES = 128 * 1024 * 1024
_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
NINES = "9" * LENGTH


def read(data: str | bytes) -> File:
    """The file, with everything that is wrong with it in `errors` and everything odd in `warnings`."""
    from settlement.rails.nacha.checks import check

    file = File()
    if len(data) > MAX_BYTES:
        file.errors.append(Fault(0, "too_large", f"The file is over {MAX_BYTES} bytes; split it."))
        return file
    text = data.decode("latin-1") if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass").decode("latin-1")
    if not text.strip():
        file.prefix = text
        file.errors.append(Fault(0, "empty", "The file is empty."))
        return file
    lines = _split(file, text)
    _assemble(file, lines)
    if file.header is None and file.control is None and not file.batches:
        first = lines[0].text.strip()[:20]
        file.errors.insert(
            0, Fault(0, "not_nacha", f"This is no NACHA file: it has no header, batch or control record and starts with {first!r}.")
        )
        return file
    check(file)
    file.errors.sort(key=lambda fault: fault.line)
    file.warnings.sort(key=lambda fault: fault.line)
    return file


def _split(file: File, text: str) -> list[Record]:
    """Lines as records that remember their width and ending; a file without line ends is cut every 94 characters."""
    start = 0
    if text.startswith("\xef\xbb\xbf"):  # a UTF-8 byte order mark, seen as latin-1
        start = 3
        file.warnings.append(Fault(1, "byte_order_mark", "The file starts with a byte order mark.", severity="warning"))
    pieces: list[tuple[str, str]] = []
    for match in _LINE.finditer(text, start):
        body, ending = match.group(1), match.group(2)
        if not body and not ending:
            break
        pieces.append((body, ending))
    endings = [ending for _, ending in pieces if ending]
    file.newline = max(set(endings), key=endings.count) if endings else "\n"
    file.final_newline = bool(pieces[-1][1])
    file.prefix = text[:start]
    records: list[Record] = []
    number = 0
    for body, ending in pieces:
        number += 1
        if not body.strip():  # a blank line belongs to the ending of the line before it
            if records:
                previous = records[-1]
                previous.ending = (previous.ending if previous.ending is not None else file.newline) + body + ending
            else:
                file.prefix += body + ending
            file.warnings.append(
                Fault(number, "blank_line", "A blank line has no place in the file; it is passed over.", severity="warning")
            )
            continue
        kept = None if ending == file.newline else ending
        if len(body) > LENGTH and not body[LENGTH:].strip():
            file.warnings.append(
                Fault(number, "trailing_blanks", f"The line has {len(body)} characters, blanks after 94.", severity="warning")
            )
        elif len(body) > LENGTH and len(body) % LENGTH == 0:  # several records without a line end between them
            for at in range(0, len(body) - LENGTH, LENGTH):
                records.append(_record(body[at : at + LENGTH], number, LENGTH, ""))
            body = body[-LENGTH:]
        elif len(body) > LENGTH:
            file.errors.append(Fault(number, "line_too_long", f"The line has {len(body)} characters; a record has 94.", "record"))
        elif len(body) < LENGTH:
            file.warnings.append(
                Fault(
                    number,
                    "line_too_short",
                    f"The line has {len(body)} characters; it is read as filled up with blanks.",
                    severity="warning",
                )
            )
        if body.isascii() is False or not body.isprintable():
            column = next(i for i, c in enumerate(body, 1) if ord(c) < 32 or ord(c) > 126)
            file.errors.append(
                Fault(number, "not_ascii", f"Column {column} holds a character outside printable ASCII.", "record", _scope(body))
            )
        records.append(_record(body, number, len(body), kept))
    if records:
        # the last record's ending is the file's own business
        records[-1].ending = None if records[-1].ending in (None, "") else records[-1].ending
    return records


def _scope(body: str) -> str:
    return "entry" if body[:1] in ("6", "7") else "file"


def _record(body: str, line: int, width: int, ending: str | None) -> Record:
    if len(body) > LENGTH and not body[LENGTH:].strip():
        body = body[:LENGTH]
    return Record("unknown", body.ljust(LENGTH), line, width, ending)


def _assemble(file: File, records: list[Record]) -> None:
    batch: Batch | None = None
    entry: Entry | None = None
    for index, record in enumerate(records):
        kind = record.text[0]
        problem = ""
        if file.control is not None:
            if record.text == NINES:
                file.padding.append(record)
                continue
            problem = "follows the file control, after which only padding may stand"
        elif kind == "1":
            if file.header is None and index == 0:
                record.layout, file.header = "file_header", record
            else:
                problem = "is a file header, which only the first line may be"
        elif kind == "5":
            if batch is not None:
                file.errors.append(Fault(record.line, "batch_not_closed", "A batch starts before the one above it has its control record."))
            record.layout = "batch_header_iat" if record.text[50:53] == "IAT" or record.text[4:20] == "IATCOR          " else "batch_header"
            batch, entry = Batch(record), None
            file.batches.append(batch)
        elif kind == "6" and batch is not None:
            iat = batch.header.layout == "batch_header_iat"
            record.layout = "entry_iat" if iat else ENTRY_LAYOUT.get(batch.sec, "entry")
            entry = Entry(record)
            batch.entries.append(entry)
        elif kind == "7" and entry is not None:
            record.layout = _addenda_layout(record, batch)
            entry.addenda.append(record)
        elif kind == "8" and batch is not None:
            record.layout = "batch_control_adv" if batch.sec == "ADV" else "batch_control"
            batch.control, batch, entry = record, None, None
        elif record.text == NINES:
            problem = "is padding before the file control"
        elif kind == "9":
            if batch is not None:
                file.errors.append(Fault(record.line, "batch_not_closed", "The file ends before its last batch has its control record."))
                batch, entry = None, None
            adv = bool(file.batches) and all(b.sec == "ADV" for b in file.batches)
            record.layout, file.control = "file_control_adv" if adv else "file_control", record
        elif kind in "678":
            what = {"6": "an entry", "7": "an addenda record", "8": "a batch control"}[kind]
            problem = f"is {what} outside of {'an entry' if kind == '7' else 'a batch'}"
        else:
            problem = f"starts with {kind!r}, which is no record type"
        if problem:
            file.strays.append((index, record))
            file.errors.append(Fault(record.line, "out_of_order", f"The line {problem}.", "record"))
    if batch is not None:
        file.errors.append(Fault(batch.header.line, "batch_not_closed", "The batch has no control record."))


def _addenda_layout(record: Record, batch: Batch | None) -> str:
    kind = record.text[1:3]
    if kind == "99":
        reason = record.text[3:6]
        if reason in DISHONORED:
            return "addenda_99_dishonored"
        if reason in CONTESTED:
            return "addenda_99_contested"
        return "addenda_99_iat" if batch is not None and batch.sec == "IAT" else "addenda_99"
    if kind == "98" and record.text[3:6] in REFUSED_CHANGE_CODES:
        return "addenda_98_refused"
    return f"addenda_{kind}" if f"addenda_{kind}" in LAYOUTS else "unknown"
