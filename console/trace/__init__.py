"""The whole life of a cent: from any id or reference to everything that is tied to it.

Each app's source knows how its things are found (`find`), read (`load`, a set at a time) and tied to others
(`Node.neighbours`). The walk goes outward step by step, a bounded number of things and steps, and shows what it found in
the order of time. Row-level security holds: a partner's key sees that partner's things and walks no further.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from console.registry import TRACE_SOURCES, Key, Node, TraceSource
from payos.kernel import ids

MOST_NODES = 200
MOST_STEPS = 6
MOST_FOUND = 20


@dataclass(slots=True)
class Trace:
    asked: str
    nodes: list[Node] = field(default_factory=list)
    starts: list[Key] = field(default_factory=list)
    complete: bool = True  # False: the walk met its bound

    @property
    def ties(self) -> list[tuple[Key, str, Key]]:
        """Every tie between two things that are shown, each once."""
        shown = {node.key for node in self.nodes}
        seen: set[frozenset[Key]] = set()
        found = []
        for node in self.nodes:
            for how, other in node.neighbours:
                pair = frozenset((node.key, other))
                if other in shown and other != node.key and pair not in seen:
                    seen.add(pair)
                    found.append((node.key, how, other))
        return found


def decoded(text: str) -> tuple[str, uuid.UUID] | None:
    """(prefix, id) of a public id."""
    prefix, _, rest = text.partition("_")
    if not rest:
        return None
    try:
        return prefix, ids.decode(prefix, text)
    except (ids.InvalidId, KeyError, ValueError):
        return None


def trace(text: str) -> Trace:
    """Everything tied to an id or reference that the current scope may see."""
    text = text.replace("\x00", "").strip()[:200]
    result = Trace(text)
    if not text:
        return result
    owner = _owners()
    result.starts = list(dict.fromkeys(key for source in TRACE_SOURCES for key in source.find(text)))[:MOST_FOUND]
    known: dict[Key, Node] = {}
    frontier = list(result.starts)
    for _ in range(MOST_STEPS):
        if not frontier:
            break
        if len(known) + len(frontier) > MOST_NODES:
            result.complete = False
            frontier = frontier[: MOST_NODES - len(known)]
        fresh = _load(frontier, owner)
        for node in fresh:
            if node.key in result.starts:
                node.neighbours = node.neighbours + node.contents
            node.neighbours = _once(node.neighbours)
        known.update((node.key, node) for node in fresh)
        frontier = list(dict.fromkeys(key for node in fresh for _, key in node.neighbours if key not in known and key[0] in owner))
    else:
        result.complete = result.complete and not frontier
    # What has no time of its own (an account, a branch) comes last.
    result.nodes = sorted(known.values(), key=lambda node: (node.at is None, node.at, node.type, node.id))
    result.starts = [key for key in result.starts if key in known]
    return result


def _once(ties: list[tuple[str, Key]]) -> list[tuple[str, Key]]:
    """The first tie to each thing: it is the most telling one."""
    found: dict[Key, str] = {}
    for how, key in ties:
        found.setdefault(key, how)
    return [(how, key) for key, how in found.items()]


def _owners() -> dict[str, TraceSource]:
    return {kind: source for source in TRACE_SOURCES for kind in source.types}


def _load(keys: Iterable[Key], owner: dict[str, TraceSource]) -> list[Node]:
    by_type: dict[str, list[str]] = defaultdict(list)
    for kind, key in keys:
        by_type[kind].append(key)
    return [node for kind, wanted in by_type.items() for node in owner[kind].load(kind, wanted)]


def is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return len(text) == 36


def uuids(keys: Iterable[str]) -> list[uuid.UUID]:
    return [uuid.UUID(key) for key in keys if is_uuid(key)]
