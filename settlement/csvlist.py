"""A list of transfers as a CSV file, and every fault of it by the line and the column that a person sees in it.

`destination.routing_number` becomes a field of the destination, `metadata.x` of the metadata. Lines are counted as an editor
counts them: from 1, the header included, blank ones too; `row` and `pointer` of a fault count the transfers from 0, as in JSON.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from payos.kernel.api import field_error
from payos.kernel.errors import Problem

POINTER = "/transfers"
NUMBERS = frozenset({"within_minutes"})  # JSON has a number there, a file only text
MOST_FAULTS = 1000


@dataclass(frozen=True, slots=True)
class CsvList:
    items: list[dict[str, Any]]
    lines: list[int]  # of each item

    @contextmanager
    def placing(self) -> Iterator[None]:
        """What is refused in here names the line of the file, and the column where it is about one."""
        try:
            yield
        except Problem as problem:
            for fault in problem.errors:
                _, _, rest = str(fault.get("pointer", "")).partition(f"{POINTER}/")
                number, _, column = rest.partition("/")
                if number.isdigit() and int(number) < len(self.lines):
                    fault |= {"row": int(number), "line": self.lines[int(number)]}
                    if column:
                        fault["column"] = column.replace("/", ".")
            for refused in problem.extra.get("rows", ()):
                refused["line"] = self.lines[refused["row"]]
            raise


def read(raw: bytes) -> CsvList:
    """The items of a file. Raises a Problem with every fault of its form at once."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Problem("malformed_body", f"Line {line} of the file is not UTF-8: save it as UTF-8.",
                      errors=[_fault(None, line, "", "encoding", f"holds the byte {raw[error.start]:#04x}, which is not UTF-8")]) from None  # fmt: skip
    header: list[str] | None = None
    items: list[dict[str, Any]] = []
    lines: list[int] = []
    faults: list[dict[str, Any]] = []
    for line, cells in _rows(text):
        if header is None:
            header = [cell.strip() for cell in cells]
            faults += _of_header(header, line)
            if not any(header):
                break
        elif any(cell.strip() for cell in cells):
            faults += _of_row(header, cells, len(items), line)
            items.append(_item(header, cells))
            lines.append(line)
    if header is None:
        faults.append(_fault(None, 1, "", "empty", "is missing: the first line names the columns"))
    if faults:
        raise Problem("transfer_invalid", f"Nothing was accepted: {len(faults)} faults.", errors=faults[:MOST_FAULTS])
    return CsvList(items, lines)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each begins; a quoted cell may hold line breaks."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:  # a blank line has none
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise Problem("malformed_body", f"Line {begins} of the file cannot be read as CSV: {error}.",
                      errors=[_fault(None, begins, "", "csv", f"cannot be read: {error}")]) from None  # fmt: skip


def _delimiter(text: str) -> str:
    """Spreadsheets in countries with a decimal comma write semicolons; the header tells, for none of its names holds either."""
    first = text.lstrip("\r\n").partition("\n")[0]
    return max(",;\t", key=first.count)


def _of_header(header: list[str], line: int) -> list[dict[str, Any]]:
    faults = []
    if not any(header):
        return [_fault(None, line, "", "empty", "is empty: the first line names the columns")]
    outer = {name for name in header if name and "." not in name}
    for place, name in enumerate(header):
        if not name:
            if any(header[place:]):
                faults.append(_fault(None, line, "", "unnamed", f"column {place + 1} has no name"))
        elif "\x00" in name:
            faults.append(_fault(None, line, name.replace("\x00", ""), "characters", "holds a NUL character"))
        elif header.index(name) != place:
            faults.append(_fault(None, line, name, "twice", f"column {place + 1} has the name of column {header.index(name) + 1}"))
        elif "." in name and name.partition(".")[0] in outer:
            faults.append(_fault(None, line, name, "twice", f"{name.partition('.')[0]} is a column of its own already"))
    return faults


def _of_row(header: list[str], cells: list[str], number: int, line: int) -> list[dict[str, Any]]:
    faults = []
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        faults.append(
            _fault(
                number,
                line,
                "",
                "too_many_cells",
                f"has {len(cells)} cells, the header {len(header)}: quote a cell that holds the separator",
            )
        )
    for name, cell in zip(header, cells, strict=False):
        if "\x00" in cell:
            faults.append(_fault(number, line, name, "characters", "holds a NUL character"))
        elif not name and cell.strip():
            faults.append(_fault(number, line, "", "unnamed", "has a value in a column without a name"))
    return faults


def _item(header: list[str], cells: list[str]) -> dict[str, Any]:
    item: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=False):
        value: Any = cell.strip()
        if not value or not name:
            continue
        outer, dot, inner = name.partition(".")
        if not dot:
            item[outer] = int(value) if outer in NUMBERS and value.isascii() and value.isdigit() and len(value) < 12 else value
        elif isinstance(item.setdefault(outer, {}), dict):
            item[outer][inner] = value
    return item


def _fault(number: int | None, line: int, column: str, code: str, detail: str) -> dict[str, Any]:
    pointer = POINTER if number is None else f"{POINTER}/{number}"
    fault: dict[str, Any] = field_error(
        f"{pointer}/{column.replace('.', '/')}" if column and number is not None else pointer, code, detail
    ) | {"line": line}
    if number is not None:
        fault["row"] = number
    if column:
        fault["column"] = column
    return fault
