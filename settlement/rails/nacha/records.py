"""The tree of a NACHA file. A record is its 94 characters and the layout that names them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from settlement.rails.nacha.layouts import LAYOUTS, LENGTH


class FieldError(ValueError):
    """A value does not fit its field."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a file. Scope `entry` refuses that entry, `batch` and `file` refuse the file; a warning refuses nothing."""

    line: int
    code: str
    detail: str
    field: str = ""
    scope: str = "file"
    severity: str = "error"
    trace: str = ""

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else "file"
        return f"{place}{', ' + self.field if self.field else ''}: {self.detail} [{self.code}]"


class Record:
    """One line. `width` is how many characters it had on paper and `ending` what ended it; None is the file's own."""

    __slots__ = ("ending", "layout", "line", "text", "width")

    def __init__(self, layout: str, text: str, line: int = 0, width: int = LENGTH, ending: str | None = None) -> None:
        self.layout, self.text, self.line, self.width, self.ending = layout, text, line, width, ending

    @classmethod
    def make(cls, layout: str, **values: str | int) -> Record:
        """A record from field values; the fields not named are blank or zero."""
        fields = LAYOUTS[layout]
        unknown = set(values) - set(fields)
        if unknown:
            raise FieldError(f"{layout} has no field {', '.join(sorted(unknown))}.")
        return cls(layout, "".join([_fit(name, values.get(name), *place) for name, place in fields.items()]))

    def __getitem__(self, name: str) -> str:
        first, last, _ = LAYOUTS[self.layout][name]
        return self.text[first:last]

    def get(self, name: str) -> str:
        """The field without its filling blanks."""
        return self[name].strip()

    def number(self, name: str) -> int:
        """A numeric field; 0 when it holds anything else (the reader has reported that)."""
        text = self[name]
        return int(text) if text.isascii() and text.isdigit() else 0

    def __contains__(self, name: str) -> bool:
        return name in LAYOUTS[self.layout]

    def put(self, **values: str | int) -> None:
        text = self.text
        for name, value in values.items():
            first, last, numeric = LAYOUTS[self.layout][name]
            text = text[:first] + _fit(name, value, first, last, numeric) + text[last:]
        self.text, self.width = text, LENGTH

    def fields(self) -> dict[str, str]:
        return {name: self.text[first:last] for name, (first, last, _) in LAYOUTS[self.layout].items()}

    def __repr__(self) -> str:
        return f"<{self.layout} line {self.line}: {self.text!r}>"


def _fit(name: str, value: str | int | None, first: int, last: int, numeric: bool) -> str:
    size = last - first
    if value is None:
        return ("0" if numeric else " ") * size
    text = str(value)
    if not text.isascii() or not text.isprintable():
        raise FieldError(f"{name}: {text!r} holds characters that an ACH file cannot carry.")
    if len(text) > size:
        raise FieldError(f"{name}: {text!r} has {len(text)} characters, the field holds {size}.")
    if numeric and text:
        if not text.isdigit():
            raise FieldError(f"{name}: {text!r} is not a number.")
        return text.rjust(size, "0")
    return text.ljust(size)


@dataclass
class Entry:
    record: Record
    addenda: list[Record] = field(default_factory=list)

    @property
    def code(self) -> str:
        return self.record["code"]

    @property
    def amount(self) -> int:
        return self.record.number("amount")

    @property
    def trace(self) -> str:
        return self.record.text[79:94]

    @property
    def routing_number(self) -> str:
        return self.record.text[3:12]

    @property
    def account(self) -> str:
        return self.record.get("account")

    @property
    def name(self) -> str:
        return self.record.get("name") if "name" in self.record else ""

    @property
    def individual_id(self) -> str:
        return self.record.get("individual_id") if "individual_id" in self.record else ""

    def addendum(self, prefix: str) -> Record | None:
        return next((record for record in self.addenda if record.text[1:3] == prefix), None)


@dataclass
class Batch:
    header: Record
    entries: list[Entry] = field(default_factory=list)
    control: Record | None = None

    @property
    def sec(self) -> str:
        return self.header["sec"]

    @property
    def number(self) -> int:
        return self.header.number("batch_number")

    def records(self) -> Iterator[Record]:
        yield self.header
        for entry in self.entries:
            yield entry.record
            yield from entry.addenda
        if self.control is not None:
            yield self.control


@dataclass
class File:
    header: Record | None = None
    batches: list[Batch] = field(default_factory=list)
    control: Record | None = None
    padding: list[Record] = field(default_factory=list)
    # Records that have no place in the tree, with the index among all records where they stood.
    strays: list[tuple[int, Record]] = field(default_factory=list)
    errors: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    newline: str = "\n"
    final_newline: bool = True
    prefix: str = ""  # what stood before the first record: a byte order mark, blank lines

    @property
    def valid(self) -> bool:
        return not self.errors

    @property
    def usable(self) -> bool:
        """May its good entries be worked with? Not when the structure or a total is wrong."""
        return all(fault.scope == "entry" for fault in self.errors)

    @property
    def identity(self) -> tuple[str, str, str]:
        """Who sent it, when, which of the day: the same three mean the same file."""
        if self.header is None:
            return ("", "", "")
        return (self.header.get("origin"), self.header["date"], self.header["modifier"])

    def entries(self) -> Iterator[tuple[Batch, Entry]]:
        for batch in self.batches:
            for entry in batch.entries:
                yield batch, entry

    def bad_lines(self) -> set[int]:
        return {fault.line for fault in self.errors}

    def records(self) -> list[Record]:
        found = [] if self.header is None else [self.header]
        for batch in self.batches:
            found.extend(batch.records())
        if self.control is not None:
            found.append(self.control)
        found.extend(self.padding)
        for position, record in self.strays:  # ascending, so every index is right when its turn comes
            found.insert(position, record)
        return found
