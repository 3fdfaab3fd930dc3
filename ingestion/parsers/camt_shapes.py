"""Entries read by their shape: a bank writes the same tags in the same order for every entry, so the work is done once.

An entry's row of tags is its shape. A new shape is checked to be well formed and walked along the same tree of paths
that the slow way follows; one that comes again becomes a regular expression of its tags, which finds the whole of the
next entry and the texts that matter in one step. Whatever is out of the ordinary (entities, comments, CDATA, processing
instructions, tags that do not match, very many tags) is left alone: then the XML parser reads the entry, and its verdict
stands. The two ways give the same values; a test holds them against each other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.parsers.camt_paths import Node

MAX_TAGS = 400
#: Tags of all shapes that are kept together; a file in which every entry looks different gains nothing from them.
MAX_KEPT = 100_000
#: Shapes with an expression of their own, how often one must have come before, and how many are tried on an entry.
MAX_EXPRESSIONS = 40
OFTEN = 3
TRIED = 6
MAX_DEPTH = 150
RAW_LIMIT = 16_000

_TAGS = re.compile(r"<([^<>]*)>")
_TAG = re.compile(
    r"""/?([A-Za-z_][\w.\-]*(?::[A-Za-z_][\w.\-]*)?)((?:\s+[A-Za-z_][\w.\-]*(?::[\w.\-]+)?\s*=\s*(?:"[^"&]*"|'[^'&]*'))*)\s*/?\Z"""
)
_ATTRIBUTE = re.compile(r"""([\w.\-:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_PREFIXED = re.compile(r"\s(?!xmlns)[\w.\-]+:")

#: What one scope takes: its currency, then (place of the text, key), (place, kind of reference), (place, key that collects).
Plan = tuple[str | None, tuple[tuple[int, str], ...], tuple[tuple[int, str], ...], tuple[tuple[int, str], ...]]
Values = dict[str, Any]


class Shape:
    """One row of tags, and what to take from the texts between them."""

    __slots__ = ("expression", "seen", "tags", "takes", "transactions", "values")

    def __init__(self, tags: tuple[str, ...], values: Plan, transactions: tuple[Plan, ...]) -> None:
        self.tags = tags
        self.values, self.transactions = values, transactions
        self.seen = 0
        self.expression: re.Pattern[str] | None = None
        self.takes: tuple[Plan, tuple[Plan, ...]] = (values, transactions)

    def compile(self, opening: str) -> None:
        """An expression for the whole entry; the places of the plans become the numbers of its groups."""
        wanted = sorted({place for plan in (self.values, *self.transactions) for part in plan[1:] for place, _ in part})  # type: ignore[misc]
        group = {place: number for number, place in enumerate(wanted)}
        pieces = [re.escape(opening), "[^<&]*"]
        for index, tag in enumerate(self.tags):
            pieces += [re.escape(f"<{tag}>"), "([^<&]*)" if 2 * index + 2 in group else "[^<&]*"]
        pieces += [re.escape("</" + opening[1:]), r"\s*"]
        self.expression = re.compile("".join(pieces))

        def moved(plan: Plan) -> Plan:
            currency, *parts = plan
            return (currency, *(tuple((group[place], key) for place, key in part) for part in parts))  # type: ignore[return-value]

        self.takes = moved(self.values), tuple(map(moved, self.transactions))


class Shapes:
    """The shapes of one document."""

    def __init__(self, entry: Node) -> None:
        self.entry = entry
        self.known: dict[tuple[str, ...], Shape | None] = {}
        self.kept = 0
        self.often: list[Shape] = []

    def match(self, text: str, at: int) -> tuple[re.Match[str], Values, list[Values]] | None:
        """The entry that begins at `at`, if it has one of the shapes that came often."""
        for number, shape in enumerate(self.often[:TRIED]):
            found = shape.expression.match(text, at)  # type: ignore[union-attr]
            if found is not None:
                if number:
                    self.often.remove(shape)
                    self.often.insert(0, shape)
                groups = found.groups()
                values, transactions = shape.takes
                return found, take(values, groups), [take(item, groups) for item in transactions]
        return None

    def read(self, text: str, opening: str) -> tuple[Values, list[Values]] | None:
        """The values of an entry and those of its transactions, or None where the XML parser must read it.

        `text` is everything between the entry's tags, without `<!`, `<?`, `]]>` and control characters.
        """
        if "&" in text:
            return None
        parts = _TAGS.split(text)
        tags = tuple(parts[1::2])
        try:
            shape = self.known[tags]
        except KeyError:
            shape = self._learn(tags)
        if shape is None or any("<" in part for part in parts[::2]):
            return None
        shape.seen += 1
        if shape.seen >= OFTEN and shape.expression is None and len(self.often) < MAX_EXPRESSIONS:
            shape.compile(opening)
            self.often.insert(0, shape)
        return take(shape.values, parts), [take(item, parts) for item in shape.transactions]

    def _learn(self, tags: tuple[str, ...]) -> Shape | None:
        shape = _shape(self.entry, tags) if len(tags) <= MAX_TAGS else None
        self.kept += len(tags) + 1
        if self.kept <= MAX_KEPT:
            self.known[tags] = shape
        return shape


def take(plan: Plan, texts: Any) -> Values:
    """The values of one scope; references are gathered apart, as `camt_entry` wants them."""
    currency, single, referred, many = plan
    values: Values = {} if currency is None else {"currency": currency}
    for place, key in single:
        text = texts[place].strip()
        if text and key not in values:
            values[key] = text
    references = values["references"] = {}
    for place, key in referred:
        text = texts[place].strip()
        if text and key not in references:
            references[key] = text
    for place, key in many:
        text = texts[place].strip()
        if text:
            values.setdefault(key, []).append(text)
    return values


def unwrapped(values: dict[str, Any]) -> dict[str, Any]:
    """Line ends inside of texts as XML has them, where the file has others."""

    def one(text: str) -> str:
        return text.replace("\r\n", "\n").replace("\r", "\n")

    return {
        key: one(value) if isinstance(value, str) else list(map(one, value)) if isinstance(value, list) else {kind: one(text) for kind, text in value.items()}
        for key, value in values.items()
    }  # fmt: skip


def raw(entry: str) -> str:
    """An entry with both its tags, or the beginning of a long one."""
    return entry if len(entry) * 4 <= RAW_LIMIT else raw_text(entry[: entry.rfind("<")].encode())


def raw_text(piece: bytes) -> str:
    """An entry as it stands in the file, closed again."""
    if len(piece) > RAW_LIMIT:
        return piece[:RAW_LIMIT].decode("utf-8", "ignore") + "…"
    tag = piece[1 : piece.find(b">")].split(None, 1)[0]
    return (piece + b"</" + tag + b">").decode("utf-8", "replace")


def _shape(entry: Node, tags: tuple[str, ...]) -> Shape | None:
    """Walk the tags of one entry along the paths; None where they do not nest, or an attribute is unusual."""
    open_names: list[str] = []
    nodes: list[Node | None] = []
    node: Node | None = entry
    scopes: list[_Scope] = [_Scope()]
    finished: list[_Scope] = []
    for index, tag in enumerate(tags):
        match = _TAG.match(tag)
        if match is None or len(open_names) > MAX_DEPTH:
            return None
        if tag[0] == "/":
            if not open_names or open_names.pop() != match[1] or match[2] or tag[-1] == "/":
                return None
            if node is not None and node.scope and len(scopes) > 1:
                finished.append(scopes.pop())
            node = nodes.pop()
            continue
        attributes = match[2]
        if attributes and (_PREFIXED.search(attributes) or "xmlns" in attributes):
            return None
        child = node.next.get(match[1].rpartition(":")[2]) if node is not None else None
        found = {name: one or other for name, one, other in _ATTRIBUTE.findall(attributes)}
        if len(found) != attributes.count("="):
            return None  # the same attribute twice, or an = inside of a value
        scope = scopes[-1]
        if child is not None:
            if child.key:
                if attributes and child.currency and scope.currency is None:
                    scope.currency = found.get("Ccy") or ""
                # Only an element without children has a text of its own.
                if tag[-1] != "/" and index + 1 < len(tags) and tags[index + 1].rstrip() == "/" + match[1]:
                    place = 2 * index + 2
                    if child.many:
                        scope.many.append((place, child.key))
                    elif child.key[:4] == "ref:":
                        scope.referred.append((place, child.key[4:]))
                    else:
                        scope.single.append((place, child.key))
            elif child.scope:
                scopes.append(_Scope())
        if tag[-1] == "/":
            if child is not None and child.scope and not child.key:
                finished.append(scopes.pop())
            continue
        open_names.append(match[1])
        nodes.append(node)
        node = child
    if open_names or len(scopes) != 1:
        return None
    return Shape(tags, scopes[0].plan(), tuple(scope.plan() for scope in finished))


class _Scope:
    def __init__(self) -> None:
        self.currency: str | None = None
        self.single: list[tuple[int, str]] = []
        self.referred: list[tuple[int, str]] = []
        self.many: list[tuple[int, str]] = []

    def plan(self) -> Plan:
        return self.currency, tuple(self.single), tuple(self.referred), tuple(self.many)
