"""The texts of one column of a sheet while it is read: what comes again and again is kept once, what is odd is noted.

A text is odd where calamine might make something else of it than what is written: an entity, an escape, a space at either
end, a number that is none. Those few are asked for later (`workbook_parts.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Texts = Sequence[str]
#: A column with more different texts than this, and than a quarter of its cells, is no longer looked up.
FEW = 200

ODD = re.compile(r"[&\r]|_x|\A\s|\s\Z")
_ODD_BESIDE = re.compile(r"\r|_x|\A\s|\s\Z")
_NO_NUMBER = re.compile(r"[^0-9.eE+\-\n]")
_EXPONENT = re.compile(r"[eE+]")


def any_odd(texts: Texts) -> bool:
    """Some text may be odd; quick to say no."""
    return "&" in "".join(texts) or _odd_beside(texts)


def _odd_beside(texts: Texts) -> bool:
    """Some text may be odd for something else than an entity."""
    joined = "\n" + "\n".join(texts) + "\n"
    if "_x" in joined or "\r" in joined or joined.count("\n") != len(texts) + 1:
        return True
    if joined.isascii():
        return " \n" in joined or "\n " in joined or any(mark in joined for mark in "\t\x0b\x0c\x1c\x1d\x1e\x1f")
    return any(map(str.__ne__, map(str.strip, texts), texts))


def sort_out(texts: Texts) -> tuple[dict[str, str], list[str]]:
    """What the texts are that have nothing but the five entities of XML itself, and those that are odd for more."""
    if not any_odd(texts):
        return {}, []
    if not _odd_beside(texts):
        joined = "\n".join(texts)
        bare = _without_entities(joined)
        if bare is not None:
            return dict(zip(texts, bare.split("\n"), strict=True)), []
    plain: dict[str, str] = {}
    odd = []
    for text in texts:
        if ODD.search(text):
            bare = None if _ODD_BESIDE.search(text) else _without_entities(text)
            if bare is None:
                odd.append(text)
            else:
                plain[text] = bare
    return plain, odd


def _without_entities(text: str) -> str | None:
    bare = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&apos;", "'")
    return bare.replace("&amp;", "&") if bare.count("&") == text.count("&amp;") else None


def odd_numbers(texts: Texts) -> list[str]:
    """Those that are no plain decimal number."""
    joined = "\n".join(texts)
    if _NO_NUMBER.search(joined) is None and _EXPONENT.search(joined) is None:
        try:
            list(map(float, texts))
            return []
        except ValueError:
            pass
    return [text for text in texts if _NO_NUMBER.search(text) or "\n" in text or _EXPONENT.search(text) or not _is_number(text)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Group:
    """One text that an expression takes: its column, and the kind and tag of the cell."""

    column: int
    kind: str
    tag: str  # without its place
    opening: str
    marked: bool  # it may be absent, so that one that is there begins with ">"


class Kept:
    """The texts of one group."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.few: dict[str, str] | None = {}
        self.many: list[Texts] = []
        self.plain: dict[str, str] = {}
        self.odd: set[str] = set()
        self.count = 0

    def take(self, texts: Texts) -> Texts:
        few = self.few
        if few is None:
            self._note(texts)
            self.many.append(texts)
            return texts
        self.count += len(texts)
        texts = list(map(few.setdefault, texts, texts))
        if len(few) > FEW and len(few) * 4 > self.count:
            self._note(list(few))
            self.many.append(list(few))
            self.few = None
        return texts

    def _note(self, texts: Texts) -> None:
        if self.group.kind == "V":
            self.odd.update(odd_numbers(self._bare(texts)))
        elif self.group.kind != "S":
            plain, odd = sort_out(self._bare(texts))
            self.plain.update(plain)
            self.odd.update(odd)

    def _bare(self, texts: Iterable[str]) -> Texts:
        if not self.group.marked:
            return texts if isinstance(texts, list | tuple) else list(texts)
        return [text[1:] for text in texts if text]

    def different(self) -> set[str]:
        """All texts there are, each once."""
        return set(self._bare(self.few)) if self.few is not None else {text for texts in self.many for text in self._bare(texts)}

    def noted(self) -> set[str]:
        """The odd ones."""
        if self.few is not None:
            self._note(list(self.few))
        return self.odd
