"""The parts of a workbook beside its sheets, where they are plain: which sheet is which part, and the shared strings.

What a style means, and what an odd text becomes, is not decided here but asked of calamine: `Asked` makes a small workbook with
the same styles, in which each cell in question stands once, as it is written.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from lxml import etree
from python_calamine import CalamineError, load_workbook

from ingestion.parsers.records import Unreadable
from ingestion.parsers.sheet_texts import ODD, sort_out

MAX_PART = 4 << 20
WINDOW = 1 << 17
MAX_STRINGS = 2_000_000
MAX_ASKED = 200_000

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_STRING = re.compile(r'\s*+<si>(<t(?: xml:space="preserve")?>)([^<]*+)</t></si>|([\s\S]+)')
_ITEM = re.compile(r"\s*(<si>(?:(?!</si>)[\s\S])*+</si>|<si/>)")
_HEAD = re.compile(r'\s*(?:<\?xml version="1\.0"(?: encoding="(?i:utf-8)")?(?: standalone="(?:yes|no)")?\s*\?>\s*)?<sst(?: [^<>]*)?>')


class NotPlain(Exception):
    """A part is not as most programs write it; calamine reads the workbook."""


@contextmanager
def calm() -> Iterator[None]:
    """calamine's two ways of giving up (an error, or a panic on damaged parts) as one: `Unreadable`."""
    try:
        yield
    except (CalamineError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise Unreadable(f"the workbook cannot be read: {str(error)[:300]}") from None
    except BaseException as error:
        # A Rust panic arrives as a BaseException of pyo3 that cannot be imported by name.
        if type(error).__name__ != "PanicException":
            raise
        raise Unreadable("the workbook is damaged: its parts contradict each other") from None


class Parts:
    """A workbook as its parts say it is. Raises `NotPlain`."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self.archive = zipfile.ZipFile(file)
            self.names = set(self.archive.namelist())
            for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/sharedStrings.xml"):
                if name not in self.names and name.lower() in {other.lower() for other in self.names}:
                    raise NotPlain(name)
            self.paths = self._paths()
        except (
            KeyError,
            zipfile.BadZipFile,
            OSError,
            ValueError,
            EOFError,
            NotImplementedError,
            etree.XMLSyntaxError,
        ) as error:
            raise NotPlain(str(error)) from None

    def part(self, name: str, limit: int = MAX_PART) -> bytes:
        try:
            if self.archive.getinfo(name).file_size > limit:
                raise NotPlain(f"{name} is large")
            return self.archive.read(name)
        except (KeyError, zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            raise NotPlain(str(error)) from None

    def _tree(self, name: str) -> etree._Element:
        data = self.part(name)
        if b"<!" in data:
            raise NotPlain(f"{name} has a document type or a comment")
        return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))

    def _paths(self) -> dict[str, str]:
        """Sheets by name, in their order, with their parts."""
        targets: dict[str, str] = {}
        for relation in self._tree("xl/_rels/workbook.xml.rels").iterchildren(_PACKAGE + "Relationship"):
            if relation.get("Type", "") == _DOCUMENT + "/worksheet" and relation.get("TargetMode") in (
                None,
                "Internal",
            ):
                target = relation.get("Target", "")
                targets[relation.get("Id", "")] = target[1:] if target.startswith("/") else "xl/" + target
        tree = self._tree("xl/workbook.xml")
        paths: dict[str, str] = {}
        for sheet in tree.iterfind(f"{_MAIN}sheets/{_MAIN}sheet"):
            name = sheet.get("name") or ""
            path = targets.get(sheet.get(f"{{{_DOCUMENT}}}id") or "")
            if (
                not path
                or path not in self.names
                or not name
                or name in paths
                or ODD.search(name)
                or any(char in name for char in "<>\"'\n\t")
            ):
                raise NotPlain(f"sheet {name!r}")
            paths[name] = path
        if tree.tag != _MAIN + "workbook" or not paths or len(list(tree.iter(_MAIN + "sheet"))) != len(paths):
            raise NotPlain("no sheets")
        return paths

    def strings(self) -> tuple[list[str], dict[int, str]]:
        """The shared strings as written, and those that need to be asked for, as elements, by their number."""
        if "xl/sharedStrings.xml" not in self.names:
            return [], {}
        try:
            data = self.part("xl/sharedStrings.xml", 256 << 20)
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NotPlain(str(error)) from None
        del data
        text = text.removeprefix("\ufeff")
        head = _HEAD.match(text)
        end = text.rfind("</sst>")
        if head is None or end < 0 or "<!" in text:
            raise NotPlain("unusual shared strings")
        found: list[str] = []
        odd: dict[int, str] = {}
        at = head.end()
        while at < end:
            until = min(end, at + WINDOW)
            pieces = _STRING.findall(text, at, until)
            rest = pieces[-1][2]
            if rest:
                pieces.pop()
            self._take(pieces, found, odd)
            at = until - len(rest)
            while rest and at < end:
                item, plain = _ITEM.match(text, at, end), _STRING.match(text, at, end)
                if item is None or plain is None:
                    if text[at:end].strip():
                        raise NotPlain("unusual shared strings")
                    at = end
                elif plain[3] is None:  # only cut by the window
                    self._take([(plain[1], plain[2], "")], found, odd)
                    at = plain.end()
                    break
                else:
                    odd[len(found)] = item[1]
                    found.append("")
                    at = item.end()
            if len(odd) > MAX_ASKED or len(found) > MAX_STRINGS:
                raise NotPlain("too many shared strings")
        return found, odd

    @staticmethod
    def _take(pieces: list[tuple[str, str, str]], found: list[str], odd: dict[int, str]) -> None:
        count = len(found)
        texts = [piece[1] for piece in pieces]
        found += texts
        plain, unclear = sort_out(texts)
        if plain:
            found[count:] = [plain.get(text, text) for text in texts]
        if unclear:
            asked = set(unclear)
            odd |= {number: f"<si>{tag}{text}</t></si>" for number, (tag, text, _) in enumerate(pieces, count) if text in asked}


class Asked:
    """Cells in question, and what calamine makes of them in a workbook with the same styles."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def cells(self, cells: Iterable[tuple[str, str]]) -> list[object]:
        """The values of cells, each given as its opening tag without a place and the text after it."""
        rows = [f'<row r="{row}">{tag[:2]} r="A{row}"{tag[2:]}{rest}</row>' for row, (tag, rest) in enumerate(cells, 1)]
        return self._read(rows, "<sst></sst>") if rows else []

    def strings(self, elements: Iterable[str]) -> list[object]:
        """The values of elements of shared strings."""
        items = list(elements)
        return (
            self._read(
                [f'<row r="{row}"><c r="A{row}" t="s"><v>{row - 1}</v></c></row>' for row in range(1, len(items) + 1)],
                f"<sst>{''.join(items)}</sst>",
            )
            if items
            else []
        )

    def _read(self, rows: list[str], strings: str) -> list[object]:
        if len(rows) > MAX_ASKED:
            raise NotPlain("too many unusual cells")
        parts = self.parts
        name, path = next(iter(parts.paths.items()))
        made = {
            "xl/sharedStrings.xml": strings.encode(),
            path: f'<worksheet xmlns="{_MAIN[1:-1]}"><sheetData>{"".join(rows)}</sheetData></worksheet>'.encode(),
        }
        for same in (
            "[Content_Types].xml",
            "_rels/.rels",
            "xl/workbook.xml",
            "xl/_rels/workbook.xml.rels",
            "xl/styles.xml",
        ):
            if same in parts.names:
                made[same] = parts.part(same)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for part, content in made.items():
                archive.writestr(part, content)
        out.seek(0)
        with calm():
            found: list[object] = [row[0] for row in load_workbook(out).get_sheet_by_name(name).to_python(skip_empty_area=False)]
        if len(found) != len(rows):
            raise NotPlain("an answer is missing")
        return found
