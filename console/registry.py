"""What the console is made of. An app's panels and trace sources live in `console/panels` and `console/trace`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str
    note: str = ""
    tone: str = ""  # good, warn, bad


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    link: str = ""
    tone: str = ""  # a tag's tone: good, warn, bad, info
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    numbers: Sequence[int] = ()  # columns set to the right


@dataclass(frozen=True, slots=True)
class Body:
    """What a panel shows, from top to bottom. Nothing but `empty` when there is nothing yet."""

    figures: Sequence[Figure] = ()
    chart: SafeString | str = ""
    table: Table | None = None
    note: str = ""
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    name: str
    title: str
    page: str
    build: Callable[..., Body]
    permission: str
    size: str = ""  # small, half, wide, full; empty: a third
    order: int = 100
    link: str = ""  # a URL name for "more"


PANELS: dict[str, Panel] = {}


def panel(
    name: str, title: str, *, page: str, permission: str, size: str = "", order: int = 100, link: str = ""
) -> Callable[[Callable[..., Body]], Callable[..., Body]]:
    """Make a function of the request (or, on the branch page, of request and branch) a panel of a page."""

    def register(build: Callable[..., Body]) -> Callable[..., Body]:
        PANELS[name] = Panel(name, title, page, build, permission, size, order, link)
        return build

    return register


def leads(user: Any) -> tuple[str, ...]:
    """What a person comes for stands first on the home page; what that is follows from what the person may do."""
    if user.is_superuser:
        return ()
    if user.has_perm("operations.decide_approval"):
        return ("approvals",)
    if not user.has_perm("operations.work_case"):
        return ("health", "alerts") if user.has_perm("partners.change_user") else ("books_agree", "books", "match_rate")
    return ("settles_next", "transfers", "books_agree") if user.has_perm("settlement.manage_rail") else ()


def panels_of(page: str, user: Any) -> list[Panel]:
    found = [one for one in PANELS.values() if one.page == page and user.has_perm(one.permission)]
    first = leads(user) if page == "home" else ()
    return sorted(found, key=lambda one: (first.index(one.name) if one.name in first else len(first), one.order, one.name))


Key = tuple[str, str]  # (type, id)


@dataclass(slots=True)
class Node:
    """One thing in the life of a cent, and what it is tied to."""

    type: str
    id: str
    public_id: str
    title: str
    at: datetime | None
    state: str = ""
    amount_minor: int | None = None
    currency: str = ""
    link: str = ""  # its page in the console
    facts: list[tuple[str, str]] = field(default_factory=list)
    neighbours: list[tuple[str, Key]] = field(default_factory=list)  # (how they are tied, what)
    # What it holds many of (a batch its transfers). Followed only from what was asked for: the life of one transfer is not
    # the life of its neighbours in the batch.
    contents: list[tuple[str, Key]] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return (self.type, self.id)


class TraceSource(Protocol):
    """Knows some types of things. `find` looks a text up (ids are decoded already: `ids` holds the candidates by type),
    `load` reads things of its types, all of one step at once."""

    @property
    def types(self) -> Sequence[str]: ...

    def find(self, text: str) -> Iterable[Key]: ...

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]: ...


TRACE_SOURCES: list[TraceSource] = []


def trace_source(source: TraceSource) -> None:
    if source not in TRACE_SOURCES:
        TRACE_SOURCES.append(source)


# (type, ids) -> id -> ties: what a higher app knows about a lower app's things, such as the matches of a payment.
MORE_TIES: list[Callable[[str, Sequence[str]], dict[str, list[tuple[str, Key]]]]] = []


def more_ties(type: str, ids: Sequence[str]) -> dict[str, list[tuple[str, Key]]]:
    found: dict[str, list[tuple[str, Key]]] = {}
    for source in MORE_TIES:
        for key, ties in source(type, ids).items():
            found.setdefault(key, []).extend(ties)
    return found
