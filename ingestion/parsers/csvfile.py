"""CSV and other delimited text: encoding, delimiter and header are found out unless a profile says them.

Read with the csv module over bounded lines. Encodings tried are UTF-8, then Windows-1252, 1250, 1251 and 1257,
Shift-JIS and GB18030, by which of them makes more known header words; UTF-16 is recognised by its mark.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

from ingestion.parsers import headers
from ingestion.parsers.layout import SAMPLE_ROWS, find
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Events, Reject, Unreadable
from ingestion.parsers.tabular import Row, Table
from ingestion.parsers.textio import sniff_encoding

VERSION = "3"
HEAD = 1 << 18
MAX_LINE = 1 << 20
DELIMITERS = ",;\t|"

_KEPT_AS_TEXT = re.compile(r'(?<![^,;\t|])="')

csv.field_size_limit(MAX_LINE)


def encoding_of(head: bytes, profile: Profile | None = None) -> str:
    """The encoding to read the whole file with."""
    if profile is not None and profile.encoding:
        return profile.encoding
    name, skip = sniff_encoding(head)
    if name:
        return "utf-8-sig" if name == "utf-8" else "utf-16" if skip else name
    for cut in range(4):  # the head may end inside a character
        try:
            head[: len(head) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return "utf-8"
    best, most = "cp1252", -1
    for candidate in ("cp1252", "cp1250", "cp1251", "cp1257", "cp932", "gb18030"):
        text = head[: 1 << 15].decode(candidate, "replace")
        hits = max((_hits(line, delimiter) for line in text.splitlines()[:40] for delimiter in DELIMITERS), default=0)
        if hits > most:
            best, most = candidate, hits
    return best


def _hits(line: str, delimiter: str) -> int:
    cells = [cell.strip(' "') for cell in line.split(delimiter)]
    return sum(headers.known(headers.plain(cell)) for cell in cells) if len(cells) > 1 else 0


def delimiter_of(text: str) -> str:
    """The delimiter that most rows agree on."""
    lines = [line for line in text.splitlines()[:200] if line.strip()]
    best, best_score = "", 0.0
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines[:100], delimiter=delimiter) if row)
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1] * min(item[0], 8)), default=(0, 0))
        header = max((_hits(line, delimiter) for line in lines[:60]), default=0)
        points = (count * min(width, 8) / max(1, len(lines)) + header * 3) if width > 1 else 0
        if points > best_score:
            best, best_score = delimiter, points
    return best


class _Lines:
    """Text lines for the csv module, each bounded; `problem` says where reading stopped.

    `taken` holds the lines since it was last cleared, so that a row swallowed by a stray quote can be read again.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
        self.problem = ""
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        read, taken = self.text.readline, self.taken
        while True:
            line = read(MAX_LINE)
            if not line:
                return
            if len(line) >= MAX_LINE and line[-1:] not in "\r\n":
                self.problem = f"a line is longer than {MAX_LINE} characters; reading stopped there"
                return
            if "\0" in line:
                line = line.replace("\0", "")
            if '="' in line:  # ="00012" keeps a spreadsheet from dropping the zeros
                line = _KEPT_AS_TEXT.sub('"', line)
            taken.append(line)
            yield line


class _Source:
    """The rows of a file, as often as they are asked for."""

    def __init__(self, file: BinaryIO, encoding: str, delimiter: str) -> None:
        self.file, self.encoding, self.delimiter = file, encoding, delimiter
        self.start = 0
        self.width = 0
        self.problem = ""

    def rows(self) -> Iterable[Row]:
        """Rows with the number of their first physical line, those after the line `start`."""
        self.file.seek(0)
        lines = _Lines(self.file, self.encoding)
        taken = lines.taken
        source = iter(lines)
        start, line_number = self.start, 1
        try:
            reader = csv.reader(source, delimiter=self.delimiter, skipinitialspace=True)
            while True:
                try:
                    row = next(reader)
                except StopIteration:
                    break
                except csv.Error:
                    row = None
                if row is None or (len(taken) > 1 and self._swallowed(row, taken)):
                    for text in taken:
                        if line_number > start:
                            yield line_number, self._unquoted(text)
                        line_number += 1
                    reader = csv.reader(source, delimiter=self.delimiter, skipinitialspace=True)
                else:
                    if line_number > start:
                        yield line_number, row
                    line_number += len(taken)
                taken.clear()
        finally:
            with suppress(ValueError):  # whoever asked gave up and closed the file
                lines.text.detach()
        self.problem = lines.problem

    def _swallowed(self, row: list[str], taken: list[str]) -> bool:
        """A quote that never closed: the lines after the first are rows of their own, not the rest of a cell.

        Rows of their own have as many delimiters as a row, and begin with what rows begin with (a date, a number).
        """
        width = max(self.width - 1, 2)
        first = _shape(row[0]) if row else ""
        full = [text for text in taken[1:] if text.count(self.delimiter) >= width]
        if any(char == "9" for char in first):
            full = [text for text in full if _shape(text.partition(self.delimiter)[0]) == first]
        return len(full) * 2 >= len(taken) - 1

    def _unquoted(self, text: str) -> list[str]:
        cells = text.rstrip("\r\n").split(self.delimiter)
        return [cell.strip().strip('"') for cell in cells]


def _shape(cell: str) -> str:
    """What a cell looks like: 9 for digits, a for letters, each as long as it is."""
    return "".join("9" if char.isdigit() else "a" if char.isalpha() else char for char in cell.strip(' "')[:40])


def parse(file: BinaryIO, profile: Profile | None = None) -> Events:
    """Events of a delimited text file."""
    head = file.read(HEAD)
    if not head.strip(b"\0 \t\r\n"):
        raise Unreadable("the file is empty")
    encoding = encoding_of(head, profile)
    try:
        text = head.decode(encoding, "replace")
    except LookupError:
        raise Unreadable(f"the profile names an unknown encoding: {encoding}") from None
    if "\ufeff" in text[:1]:
        text = text[1:]
    delimiter = (profile.delimiter if profile else "") or delimiter_of(text)
    if not delimiter:
        raise Unreadable("no delimiter found: a table has commas, semicolons, tabs or bars between its columns")
    source = _Source(file, encoding, delimiter)
    sample: list[list[str]] = []
    places: list[int] = []
    for line_number, row in source.rows():
        sample.append(row)
        places.append(line_number)
        if len(sample) >= SAMPLE_ROWS:
            break
    if not sample and source.problem:
        raise Unreadable(source.problem)
    layout = find(sample, profile, delimiter)
    source.start = places[layout.header_row] if layout.header_row >= 0 else 0
    source.width = layout.width()
    yield from Table(layout, source.rows).events()
    if source.problem:
        yield Reject("end", source.problem)
