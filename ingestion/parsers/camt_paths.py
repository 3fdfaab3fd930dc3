"""The paths that are read from a camt document, and the machine that follows them over expat's events.

A table of paths per scope (statement, balance, entry, transaction, summary) is compiled into a small tree. While
expat walks the document the machine walks the tree: an element that is on no path costs one counter, and no
document tree is ever built, so neither speed nor memory depends on what else a bank puts in. Names are compared
without their prefix. Document type declarations are refused, which ends every entity attack before it starts.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from ingestion.parsers.camt_shapes import RAW_LIMIT, Shapes, raw, raw_text, unwrapped
from ingestion.parsers.textio import decode, sniff_encoding

CHUNK = 1 << 16
MAX_TEXT = 1 << 20
MAX_DEPTH = 200
#: Bytes that may pass without a statement, balance, entry or transaction completing.
MAX_IDLE = 16 << 20
MAX_DOCUMENTS = 10_000
# Something stands behind the end of a document: another one, when files were joined.
_AFTER_END = (
    expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT], expat.errors.codes[expat.errors.XML_ERROR_MISPLACED_XML_PI],
)  # fmt: skip

#: path -> key; a key ending in + collects every occurrence, one ending in @ also keeps the currency.
STATEMENT = {
    "Id": "number", "CreDtTm": "created", "FrToDt/ToDtTm": "until", "FrToDt/ToDt": "until", "Acct/Ccy": "currency",
    "Acct/Id/IBAN": "account", "Acct/Id/Othr/Id": "account", "Acct/Id/PrtryAcct/Id": "account", "Acct/Id/BBAN": "account",
}  # fmt: skip
BALANCE = {"Tp/CdOrPrtry/Cd": "code", "Tp/Cd": "code", "Amt": "amount@", "CdtDbtInd": "direction"}
SUMMARY = {f"{name}/{part}": f"{name}.{part}" for name in ("TtlNtries", "TtlCdtNtries", "TtlDbtNtries") for part in ("NbOfNtries", "Sum")}
ENTRY = {
    "Amt": "amount@", "CdtDbtInd": "direction", "Sts": "status", "Sts/Cd": "status", "BookgDt": "booked", "BookgDt/Dt": "booked",
    "BookgDt/DtTm": "booked", "ValDt": "value", "ValDt/Dt": "value", "ValDt/DtTm": "value", "AcctSvcrRef": "ref:bank", "NtryRef": "ref:entry",
    "BkTxCd/Domn/Cd": "domain", "BkTxCd/Domn/Fmly/Cd": "family", "BkTxCd/Domn/Fmly/SubFmlyCd": "subfamily", "BkTxCd/Prtry/Cd": "proprietary",
    "AddtlNtryInf": "info", "NtryDtls/Btch/MsgId": "ref:batch", "NtryDtls/Btch/PmtInfId": "ref:batch",
}  # fmt: skip
TRANSACTION = {
    "Refs/EndToEndId": "ref:end_to_end", "Refs/TxId": "ref:transaction", "Refs/InstrId": "ref:instruction", "Refs/MsgId": "ref:message",
    "Refs/PmtInfId": "ref:payment_information", "Refs/UETR": "ref:uetr", "Refs/MndtId": "ref:mandate", "Refs/ChqNb": "ref:check",
    "Refs/AcctSvcrRef": "ref:bank", "Refs/ClrSysRef": "ref:clearing", "Refs/AcctOwnrTxId": "ref:customer", "Refs/Prtry/Ref": "ref:proprietary",
    "RmtInf/Strd/CdtrRefInf/Ref": "ref:remittance", "RmtInf/Strd/CdtrRefInf/CdtrRef": "ref:remittance", "RmtInf/Strd/RfrdDocInf/Nb": "ref:document",
    "RtrInf/Rsn/Cd": "ref:return_reason", "RtrInf/RtrRsn/Cd": "ref:return_reason",
    "RmtInf/Ustrd": "text+", "RmtInf/Strd/AddtlRmtInf": "text+", "AddtlTxInf": "info", "Amt": "amount@", "AmtDtls/TxAmt/Amt": "amount@", "CdtDbtInd": "direction",
    **{f"RltdPties/{party}{path}": party for party in ("Dbtr", "Cdtr", "UltmtDbtr", "UltmtCdtr") for path in ("/Nm", "/Pty/Nm", "/Agt/FinInstnId/Nm")},
    **{f"RltdPties/{party}Acct/Id/{path}": f"{party}Acct" for party in ("Dbtr", "Cdtr") for path in ("IBAN", "Othr/Id")},
}  # fmt: skip
SCOPES = {"Bal": BALANCE, "TxsSummry": SUMMARY, "Ntry": ENTRY}
STATEMENTS = ("Stmt", "Rpt", "Ntfctn")


class Node:
    """One element on a path: what may follow, and what to do with its text or its end."""

    __slots__ = ("currency", "key", "many", "next", "scope")

    def __init__(self) -> None:
        self.next: dict[str, Node] = {}
        self.key = ""
        self.many = False
        self.currency = ""
        self.scope = ""

    def at(self, path: str) -> Node:
        node = self
        for name in path.split("/"):
            node = node.next.setdefault(name, Node())
        return node

    def add(self, paths: dict[str, str]) -> Node:
        for path, key in paths.items():
            node = self.at(path)
            node.key = key.rstrip("+@")
            node.many = key.endswith("+")
            node.currency = "currency" if key.endswith("@") else ""
        return self


def _compile() -> Node:
    root = Node()
    entry = Node().add(ENTRY)
    entry.scope = "Ntry"
    transaction = entry.at("NtryDtls/TxDtls").add(TRANSACTION)
    transaction.scope = "TxDtls"
    for name in STATEMENTS:
        statement = root.at(name).add(STATEMENT)
        statement.scope = name
        statement.next["Ntry"] = entry
        for scope in ("Bal", "TxsSummry"):
            statement.at(scope).add(SCOPES[scope]).scope = scope
    root.next["Ntry"] = entry  # an entry outside of any statement is still an entry
    return root


ROOT = _compile()
ENTRY_NODE = ROOT.next["Ntry"]
_OPEN = re.compile(r"<(?:[A-Za-z_][\w.\-]*:)?Ntry>")
_CONTROL = bytes({*range(32)} - {9, 10, 13})


class Refused(Exception):
    """The document is hostile or broken; what was read before stands."""


#: What the machine reports: the scope that began or ended, and what it holds.
Item = tuple[str, dict[str, Any]]


class Machine:
    """Feeds a file to expat and yields scopes as they begin ("+Stmt") and end ("Stmt", "Bal", "TxDtls", "Ntry")."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.window = b""
        self.base = self.fed = self.documents = 0
        self.entry_start = -1
        self.shapes = Shapes(ENTRY_NODE)
        self.opening = ""  # the tag that entries of this file begin with, once one was seen
        self.usual = True
        self.skipped = False
        self.items: list[Item] = []
        self.parser = self._parser()

    def _parser(self) -> Any:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        items = self.items
        node = root = ROOT
        stack: list[Node] = []
        push, pop = stack.append, stack.pop
        scopes: list[dict[str, Any]] = []
        scope: dict[str, Any] = {}
        value: str | None = None  # the text of the element being read, None where nobody wants it
        dead = depth = 0

        def at_entries() -> bool:
            """An entry may begin here, and nothing is open but its statement."""
            return not dead and value is None and node.next.get("Ntry") is ENTRY_NODE

        self.at_entries = at_entries

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal node, dead, depth, value, scope
            if dead:
                dead += 1
                if dead > MAX_DEPTH:
                    raise Refused("elements are nested too deep")
                return
            following = node.next.get(name)
            if following is None:
                if ":" in name:
                    following = node.next.get(name.rpartition(":")[2])
                if following is None:
                    if node is root:
                        # Containers around the statements have many names; none of them matters.
                        depth += 1
                        if depth > MAX_DEPTH:
                            raise Refused("elements are nested too deep")
                        push(node)
                    else:
                        dead = 1
                        value = None
                    return
            push(node)
            node = following
            if node.key:
                value = ""
                if attributes and node.currency:
                    scope.setdefault("currency", attributes.get("Ccy") or "")
            else:
                value = None
                if node.scope:
                    scopes.append(scope)
                    scope = {}
                    if node.scope == "Ntry":
                        self.entry_start = parser.CurrentByteIndex
                    elif node.scope in STATEMENTS:
                        items.append(("+" + node.scope, scope))

        def end(name: str) -> None:
            nonlocal node, dead, depth, value, scope
            if dead:
                dead -= 1
                return
            if value is not None:
                found = value.strip()
                value = None
                if found:
                    key = node.key
                    if node.many:
                        scope.setdefault(key, []).append(found)
                    elif key not in scope:
                        scope[key] = found
            elif node.scope:
                kind = node.scope
                finished, scope = scope, scopes.pop()
                if kind == "Ntry":
                    finished["raw"] = self._raw(parser.CurrentByteIndex)
                elif kind == "Bal":
                    scope.setdefault("balances", []).append(finished)
                items.append((kind, finished))
            elif node is root:
                depth -= 1
            node = pop()

        def text(data: str) -> None:
            nonlocal value
            if value is not None:
                value += data
                if len(value) > MAX_TEXT:
                    raise Refused(f"a text is longer than {MAX_TEXT} characters")

        def doctype(*_: Any) -> None:
            raise Refused("the XML declares a document type or entities; bank files have none, so it is refused")

        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = doctype
        parser.EntityDeclHandler = doctype
        return parser

    def _raw(self, end: int) -> str:
        start, self.entry_start = self.entry_start, -1
        return raw_text(self.window[start - self.base : end - self.base])

    def __iter__(self) -> Iterator[Item]:
        """Raises `Refused` after everything before the trouble was yielded."""
        items = self.items
        idle = 0
        problem = ""
        for number, piece in enumerate(self._pieces()):
            if self.usual and (
                b"<!" in piece
                or piece.find(b"<?", 0 if number else 5) >= 0
                or b"]]>" in piece
                or len(piece.translate(None, _CONTROL)) != len(piece)
            ):
                self.usual = False  # the XML parser reads everything from here on
            problem = self._by_shape(piece) if self.usual else self._by_parser(piece)
            idle = 0 if items else idle + len(piece)
            yield from items
            items.clear()
            if idle > MAX_IDLE:
                problem = f"more than {MAX_IDLE >> 20} MiB without a complete entry; reading stopped there"
            if problem:
                raise Refused(problem)
        try:
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            problem = self._said(error)
        yield from items
        items.clear()
        if problem:
            raise Refused(problem)

    def _by_shape(self, piece: bytes) -> str:
        """Whole entries by their shape, what is between them by the XML parser."""
        text = piece.decode("utf-8")
        wrapped = "\r" in text
        at = 0

        def add(entry: str, values: dict[str, Any], transactions: list[dict[str, Any]]) -> None:
            for item in transactions:
                self.items.append(("TxDtls", unwrapped(item) if wrapped else item))
            if wrapped:
                values = unwrapped(values)
            values["raw"] = raw(entry)
            self.skipped = True
            self.items.append(("Ntry", values))

        while True:
            opening = self.opening
            if self.entry_start >= 0:  # an entry that the parser began, it ends
                end = text.find("</" + opening[1:], at) if opening else -1
                end = end + len(opening) + 1 if end >= 0 else len(text)
                problem = self._by_parser(text[at:end].encode())
                if problem or end == len(text):
                    return problem
                at = end
                continue
            if not opening:
                found = _OPEN.search(text, at)
                opening = self.opening = found[0] if found else ""
            start = text.find(opening, at) if opening else -1
            if start > at and not text[at:start].isspace():
                problem = self._by_parser(text[at:start].encode())
                if problem:
                    return problem
                at = start
                continue
            usual = start >= 0 and self.at_entries()
            while usual and (match := self.shapes.match(text, start)) is not None:
                start = at = match[0].end()
                add(match[0][0].rstrip(), match[1], match[2])
            if at == start and not text.startswith(opening or "<", at):
                continue
            close = text.find("</" + opening[1:], start) if start >= 0 else -1
            if close < 0:
                return self._by_parser(text[at:].encode()) if at < len(text) else ""
            at = close + len(opening) + 1
            read = self.shapes.read(text[start + len(opening) : close], opening) if usual else None
            if read is None:
                problem = self._by_parser(text[start:at].encode())
                if problem:
                    return problem
                continue
            add(text[start:at], *read)

    def _said(self, error: expat.ExpatError) -> str:
        """What the parser says; where it is, in lines and columns, only if it saw every one of them."""
        return expat.ErrorString(error.code) if self.skipped else str(error)

    def _by_parser(self, piece: bytes) -> str:
        if self.entry_start >= 0:
            # The beginning of the open entry is kept for its raw text, up to a bound.
            kept = self.window[self.entry_start - self.base :]
            self.window = kept + piece if len(kept) <= RAW_LIMIT else kept
            self.base = self.entry_start
        else:
            self.window, self.base = piece, self.fed
        self.fed += len(piece)
        return self._feed(piece)

    def _feed(self, piece: bytes) -> str:
        """Parse a piece; what went wrong, or nothing. Documents joined end to end are read one after the other."""
        while True:
            try:
                self.parser.Parse(piece, False)
            except Refused as error:
                return str(error)
            except expat.ExpatError as error:
                if error.code not in _AFTER_END:
                    return self._said(error)
                start = self.fed - len(piece)
                piece = piece[self.parser.ErrorByteIndex - start :].lstrip(b" \t\r\n\xef\xbb\xbf")
                if piece and not piece.startswith(b"<"):
                    return self._said(error)
                self.documents += 1
                if self.documents > MAX_DOCUMENTS:
                    return f"more than {MAX_DOCUMENTS} documents in one file"
                self.parser = self._parser()
                self.window, self.base, self.fed = piece, 0, len(piece)
                if not piece:
                    self.parser.Parse(b"<end>", False)  # so that what follows may be nothing
                    self.parser.Parse(b"</end>", False)
                    self.base = self.fed = len(b"<end></end>")
                    return ""
            else:
                return ""

    def _pieces(self) -> Iterator[bytes]:
        """The file as UTF-8, whatever it was and whatever it claimed, cut after a tag."""
        read = self.file.read
        data = read(CHUNK)
        name, skip = sniff_encoding(data)
        data = data[skip:].lstrip(b" \t\r\n") if not name.startswith("utf-16") else data[skip:]
        if not name:
            declared = re.match(rb"<\?xml[^>]{0,100}encoding\s*=\s*[\"']([\w.:-]{1,40})", data)
            name = declared[1].decode("ascii").lower() if declared else "utf-8"
        try:
            codec = codecs.lookup(name).name
        except LookupError:
            codec = "utf-8"
        if codec not in ("utf-8", "ascii"):
            # A multi-byte declaration on single-byte content would not have been readable up to here.
            decoder = codecs.getincrementaldecoder("utf-8" if codec.startswith("utf-16") and not skip and b"\0" not in data[:8] else codec)(
                "replace"
            )
            while data:
                text = decoder.decode(data)
                yield text.encode("utf-8", "replace")
                data = read(CHUNK)
            return
        rest = b""
        padding = 0
        while data:
            data = rest + data
            cut = data.rfind(b">") + 1 or len(data) if len(data) < MAX_TEXT else len(data)
            if cut == len(data) and data[-1] >= 0x80 and len(data) < MAX_TEXT:
                cut = max(data.rfind(b"<"), 0)
            piece, rest = data[:cut], data[cut:]
            if b"\x1a" in piece or b"\0" in piece:  # marks of old systems and padding, no XML
                padded, piece = len(piece), piece.translate(None, b"\x1a\0")
                padding = padding + padded if not piece else 0
                if padding > MAX_IDLE:
                    return  # nothing but padding follows, or what follows it is not worth the wait
            if piece:
                if not piece.isascii():
                    try:
                        piece.decode("utf-8")
                    except UnicodeDecodeError:  # labelled UTF-8, and it is not
                        piece = b"\n".join(decode(line).encode() for line in piece.split(b"\n"))
                yield piece
            data = read(CHUNK)
        rest = rest.strip(b"\x1a\0")
        if rest:
            yield decode(rest).encode()
