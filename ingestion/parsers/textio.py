"""Decoded lines from a binary file, in bounded memory.

Banks send UTF-8, Windows-1252 and now and then UTF-16, and say so nowhere. A block that is valid UTF-8 is read
as UTF-8; a block that is not is read line by line, each line falling back to Windows-1252. Nothing is dropped:
a byte without meaning in either becomes a visible replacement character.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

BLOCK = 1 << 18
MAX_LINE = 4 << 20

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes) -> str:
    """UTF-8 if it is that, else Windows-1252 with its five undefined bytes replaced."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def sniff_encoding(head: bytes) -> tuple[str, int]:
    """The encoding that a byte order mark or the pattern of zero bytes betrays, and the mark's length."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, len(bom)
    if len(head) >= 8 and head[1:8:2] == b"\0\0\0\0" and 0 not in head[0:8:2]:
        return "utf-16-le", 0
    if len(head) >= 8 and head[0:8:2] == b"\0\0\0\0" and 0 not in head[1:8:2]:
        return "utf-16-be", 0
    return "", 0


class LineBlocks:
    """Iterates lists of lines. `problem` is set when a line was longer than the limit and reading stopped."""

    def __init__(self, file: BinaryIO, max_line: int = MAX_LINE) -> None:
        self._file = file
        self._max_line = max_line
        self.problem = ""

    def blocks(self) -> Iterator[list[str]]:
        head = self._file.read(BLOCK)
        encoding, skip = sniff_encoding(head)
        if encoding.startswith("utf-16"):
            yield from self._wide(head[skip:], encoding)
            return
        rest = b""
        data = head[skip:]
        while data:
            cut = max(data.rfind(b"\n"), data.rfind(b"\r"))
            # A carriage return at the very end may belong to a line feed still to come.
            if cut == len(data) - 1 and data[cut:] == b"\r":
                more = self._file.read(1)
                data += more
                cut = len(data) - 1 if more == b"\n" else cut
            if cut < 0:
                rest += data
                if len(rest) > self._max_line:
                    self.problem = f"a line is longer than {self._max_line} bytes; reading stopped there"
                    return
            else:
                yield self._split(rest + data[: cut + 1])
                rest = data[cut + 1 :]
            data = self._file.read(BLOCK)
        if rest:
            yield self._split(rest)

    def _wide(self, head: bytes, encoding: str) -> Iterator[list[str]]:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        rest = ""
        data = head
        while data:
            text = rest + decoder.decode(data)
            text = text.replace("\r\n", "\n")
            held = "\r" if text.endswith("\r") else ""
            text = (text[:-1] if held else text).replace("\r", "\n")
            lines = text.split("\n")
            rest = lines.pop() + held
            if len(rest) > self._max_line:
                self.problem = f"a line is longer than {self._max_line} characters; reading stopped there"
                return
            yield lines
            data = self._file.read(BLOCK)
        if rest:
            yield [rest.rstrip("\r")]

    @staticmethod
    def _split(data: bytes) -> list[str]:
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        try:
            lines = data.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            lines = [decode(line) for line in data.split(b"\n")]
        if lines and not lines[-1]:
            lines.pop()
        return lines

    def __iter__(self) -> Iterator[str]:
        for block in self.blocks():
            yield from block
