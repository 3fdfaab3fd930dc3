"""CSV and other delimited text: encoding, delimiter and header are found out unless a profile says them.

Read with the csv module over bounded lines. Encodings tried are UTF-8, then Windows-1252, 1250, 1251, 1257, 1254 and 1253,
Shift-JIS and GB18030, by which of them makes more known header words; UTF-16 is recognised by its mark.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import BinaryIO

from ingestion.parsers import headers
from ingestion.parsers.layout import SAMPLE_ROWS, find
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Pieces, Reject, Unreadable
from ingestion.parsers.tabular import Row, Table
from ingestion.parsers.tabular_bulk import Block
from ingestion.parsers.textio import sniff_encoding

VERSION = "4"
HEAD = 1 << 18
MAX_LINE = 1 << 20
BLOCK = 1 << 14
DELIMITERS = ",;\t|"

_KEPT_AS_TEXT = re.compile(r'(?<![^,;\t|\r\n])="')
_LINE_END = re.compile(r"[\r\n]")

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
    for candidate in ("cp1252", "cp1250", "cp1251", "cp1257", "cp1254", "cp1253", "cp932", "gb18030"):
        text = head[: 1 << 15].decode(candidate, "replace")
        hits = max((_hits(line, delimiter) for line in text.splitlines()[:40] for delimiter in DELIMITERS), default=0)
        if hits > most:
            best, most = candidate, hits
    return best


def _hits(line: str, delimiter: str) -> int:
    cells = line.split(delimiter)
    return sum([headers.known(headers.plain(cell.strip(' "'))) for cell in cells]) if len(cells) > 1 else 0


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
    """Text lines for the csv module, handed over in blocks; `problem` says where reading stopped.

    The blocks of the row that is being read stay in `kept`, so that a row swallowed by a stray quote can be read again.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
        self.problem = ""
        self.done = 0  # lines that belong to rows that are complete
        self.kept: deque[tuple[int, str]] = deque()

    def blocks(self) -> Iterator[str]:
        """Text in blocks of whole lines."""
        read = self.text.read
        rest = ""
        while True:
            data = read(BLOCK)
            if data[-1:] == "\r":  # its line feed may still come
                data += read(1)
            if "\0" in data:
                data = data.replace("\0", "")
            block, rest = self._cut(rest + data, last=not data)
            if self.problem or (not block and not data):
                return
            if block:
                # ="00012" keeps a spreadsheet from dropping the zeros
                yield _KEPT_AS_TEXT.sub('"', block) if '="' in block else block

    def keep(self, blocks: Iterable[str], done: int) -> Iterator[Iterator[str]]:
        """The lines of blocks, which stay at hand until their rows are complete."""
        count = self.done = done
        for block in blocks:
            while len(self.kept) > 1 and self.kept[1][0] <= self.done:
                self.kept.popleft()
            self.kept.append((count, block))
            yield iter(io.StringIO(block, newline=""))
            count += _line_count(block)

    def _cut(self, text: str, *, last: bool) -> tuple[str, str]:
        """The whole lines of a text, and the beginning of one that goes on."""
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        if not end or len(text) > MAX_LINE:
            first = _LINE_END.search(text)
            if (first.start() if first else len(text)) >= MAX_LINE:
                self.problem = f"a line is longer than {MAX_LINE} characters; reading stopped there"
                return "", ""
        return (text, "") if last else (text[:end], text[end:])

    def between(self, start: int, end: int) -> list[str]:
        """The lines from number `start` up to `end`, counted from 0, of the row read last."""
        found: list[str] = []
        for first, block in self.kept:
            if first >= end:
                break
            lines = islice(io.StringIO(block, newline=""), max(0, start - first), end - first)
            found.extend(lines)
        return found


def _line_count(block: str) -> int:
    """As the csv module counts: a line ends with either mark or both."""
    ends = block.count("\n")
    if "\r" in block:
        ends += block.count("\r") - block.count("\r\n")
    return ends + (block[-1] not in "\r\n")


class _Source:
    """The rows of a file, as often as they are asked for."""

    def __init__(self, file: BinaryIO, encoding: str, delimiter: str) -> None:
        self.file, self.encoding, self.delimiter = file, encoding, delimiter
        self.splits = delimiter in DELIMITERS
        self.start = 0
        self.width = 0
        self.problem = ""

    def rows(self) -> Iterable[Row]:
        """Rows with the number of their first physical line, those after the line `start`."""
        return ((number, row) for block in self.blocks() for number, row in zip(block.numbers, block.rows(), strict=True))

    def blocks(self) -> Iterator[Block]:
        """Blocks in which every line is a row, all at once; from the first that is not so, row by row."""
        self.file.seek(0)
        lines = _Lines(self.file, self.encoding)
        blocks = lines.blocks()
        start = self.start
        done = 0
        try:
            for text in blocks:
                block = self._columns(text, done) or self._rows(text, done)
                if block is None:
                    for number, row in self._one_by_one(lines, chain([text], blocks), done):
                        yield Block((number,), [row])
                    break
                done += len(block.numbers)
                if done > start:
                    yield block.after(start)
        finally:
            with suppress(ValueError):  # whoever asked gave up and closed the file
                lines.text.detach()
        self.problem = lines.problem

    def _columns(self, text: str, done: int) -> Block | None:
        """The columns of a text in which every line has as many cells, all of them in quotes or none, and nothing that the csv module would skip."""
        if not self.splits:
            return None
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        if text[-1:] == "\n":
            text = text[:-1]
        between, end, raw = self.delimiter, "\n", None
        quotes = text.count('"')
        if quotes:
            if text[0] != '"' or text[-1] != '"':
                return None
            text, between, end = text[1:-1], f'"{between}"', '"\n"'
        width = text.count(between, 0, text.find(end)) + 1
        marked = text.replace(end, f"{between}\n{between}")
        if width < 2 or "\r" in text or (not quotes and (text[0] == " " or between + " " in marked)):
            return None
        cells = marked.split(between)
        count, rest = divmod(len(cells) + 1, width + 1)
        if (
            rest
            or cells[width :: width + 1].count("\n") != count - 1
            or text.count("\n") != count - 1
            or (quotes and quotes != 2 * count * width)
        ):
            return None
        if not quotes:
            raw = text.replace(between, "\t").split("\n")
        return Block(range(done + 1, done + count + 1), columns=[cells[at :: width + 1] for at in range(width)], raw=raw)

    def _rows(self, text: str, done: int) -> Block | None:
        """The rows of a text, if each is one line and none goes on after it."""
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, skipinitialspace=True)
        try:
            rows = list(reader)
        except csv.Error:
            return None
        if '"' in text:
            last = max(text.rfind("\n", 0, -2), text.rfind("\r", 0, -2)) + 1
            if len(rows) != reader.line_num or text.count('"', last) % 2:
                return None
        return Block(range(done + 1, done + len(rows) + 1), rows)

    def _one_by_one(self, lines: _Lines, blocks: Iterable[str], done: int) -> Iterator[Row]:
        source = chain.from_iterable(lines.keep(blocks, done))
        start = self.start
        before = done  # lines that earlier readers took
        reader = csv.reader(source, delimiter=self.delimiter, skipinitialspace=True)
        while True:
            try:
                for row in reader:
                    end = before + reader.line_num
                    if end - done > 1 and self._swallowed(row, taken := lines.between(done, end)):
                        yield from self._apart(taken, done, start)
                    elif done >= start:
                        yield done + 1, row
                    done = lines.done = end
                return
            except csv.Error:
                end = before + reader.line_num
                yield from self._apart(lines.between(done, end), done, start)
                done = lines.done = before = end
                reader = csv.reader(source, delimiter=self.delimiter, skipinitialspace=True)

    def _apart(self, taken: list[str], done: int, start: int) -> Iterator[Row]:
        for number, text in enumerate(taken, done + 1):
            if number > start:
                yield number, self._unquoted(text)

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


def parse(file: BinaryIO, profile: Profile | None = None) -> Pieces:
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
    yield from Table(layout, source.rows, source.blocks).events()
    if source.problem:
        yield Reject("end", source.problem)
