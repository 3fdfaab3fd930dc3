"""Sheets read by the shape of their rows must have the cells that calamine has, to the type; where they cannot, calamine reads them."""

from __future__ import annotations

import datetime as dt
import io
import random
import zipfile
from decimal import Decimal
from html import escape

import openpyxl
import pytest

from ingestion.parsers import corpus, sheet_shapes, workbook_bounds, xlsxfile
from ingestion.parsers.records import Line, Unreadable
from ingestion.parsers.registry import open_file
from ingestion.parsers.sheet_cells import Sheet
from ingestion.parsers.workbook_parts import Parts

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="7"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd;@"/><numFmt numFmtId="165" formatCode="#,##0.00\\ [$€-407];[Red]\\-#,##0.00\\ [$€-407]"/>'
    '<numFmt numFmtId="166" formatCode="[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy"/><numFmt numFmtId="167" formatCode="&quot;d&quot;0.00"/><numFmt numFmtId="168" formatCode="[h]:mm:ss"/>'
    '<numFmt numFmtId="169" formatCode="dd/mm/yyyy hh:mm"/><numFmt numFmtId="170" formatCode="General"/></numFmts>'
    '<cellXfs count="13">'
    + "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 22, 4, 164, 165, 166, 167, 168, 169, 170, 46, 49))
    + "</cellXfs></styleSheet>"
)


def pack(
    sheets: dict[str, str],
    strings: str = "",
    styles: str = STYLES,
    properties: str = "",
    extra: dict[str, bytes] | None = None,
    encoding: str = "utf-8",
) -> bytes:
    """A workbook of sheets in XML."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        listed = "".join(f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>' for number, name in enumerate(sheets, 1))
        file.writestr("xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{relations}">{properties}<sheets>{listed}</sheets></workbook>')
        targets = "".join(
            f'<Relationship Id="rId{number}" Type="{relations}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            for number in range(1, len(sheets) + 1)
        )
        file.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{targets}</Relationships>')
        for number, sheet in enumerate(sheets.values(), 1):
            file.writestr(f"xl/worksheets/sheet{number}.xml", sheet.encode(encoding))
        if styles:
            file.writestr("xl/styles.xml", styles)
        if strings:
            file.writestr("xl/sharedStrings.xml", strings)
        for name, content in (extra or {}).items():
            file.writestr(name, content)
    return out.getvalue()


def sheet(rows: str, head: str = "", tail: str = "") -> str:
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<worksheet xmlns="{MAIN}">{head}<sheetData>{rows}</sheetData>{tail}</worksheet>'


def compare(data: bytes) -> int:
    """Both ways give the same cells of every sheet; how many sheets were read by their shape."""
    by_shape = 0
    book = xlsxfile.Workbook(io.BytesIO(data))
    names = list(book.names)
    for name in names:
        cells = book.cells(name)
        rows = book.rows(name)
        assert names == book._calamine().sheet_names
        if not isinstance(cells, Sheet):
            continue
        by_shape += 1
        found = cells.sample(10**9)
        assert [[type(cell) for cell in row] for row in found] == [[type(cell) for cell in row] for row in rows]
        assert repr(found) == repr(rows)  # 0.0 is not -0.0, and nan is nan
        assert repr(cells.sample(3)) == repr(rows[:3])
        for points in ([], [0, 2]):
            after = min(3, len(rows))
            wanted = [
                (number, row)
                for block in xlsxfile.Rows(rows).shown(after, points)
                for number, row in zip(block.numbers, block.rows(), strict=True)
                if any(row)
            ]
            shown = [
                (number, row)
                for block in cells.shown(after, points)
                for number, row in zip(block.numbers, block.rows(), strict=True)
                if any(row)
            ]
            assert shown == wanted
    return by_shape


TEXTS = [
    "Rent",
    "",
    " padded ",
    "a & b <c>",
    "ünïcode €",
    "_x0041_",
    "a_x000D_b",
    "tab\there",
    "two\nlines",
    "12.50",
    "1,5",
    "2.500,00",
    "]]>",
    "x" * 300,
    "\u00a0",
    "emoji 😀",
    "'quoted\"",
    "0012",
]
NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    12.5,
    100,
    1e-5,
    1.5e-7,
    79.29000000000001,
    0.1 + 0.2,
    1e15,
    123456789012345678,
    1e300,
    -1234.56,
    0.05,
    44197,
    7.0000000000000007e-2,
    1e21,
]
DAYS = [
    dt.date(2026, 1, 2),
    dt.datetime(2026, 1, 2, 10, 30, 15),
    dt.date(1900, 1, 1),
    dt.datetime(2026, 5, 17, 23, 59, 59, 500000),
    dt.time(12, 30),
    dt.timedelta(hours=30),
]


@pytest.mark.parametrize("number", range(24))
def test_workbooks_of_openpyxl(number: int) -> None:
    chance = random.Random(number)
    lean = chance.random() < 0.5
    book = openpyxl.Workbook(write_only=lean)
    if chance.random() < 0.2:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    kinds = [
        chance.choice([TEXTS[:2], TEXTS, NUMBERS[:5], NUMBERS, DAYS[:1], DAYS, [Decimal("1.10"), 5]]) for _ in range(chance.randrange(1, 9))
    ]
    for _ in range(chance.choice([1, 1, 3])):
        made = (
            book.create_sheet()
            if lean
            else (book.active if chance.random() < 0.5 and book.active is not None and book.active.max_row <= 1 else book.create_sheet())
        )
        made.append([f"Column {at}" for at in range(len(kinds))])
        odd = chance.choice([0.0, 0.01, 0.3])
        for _ in range(chance.choice([3, 60, 900])):
            row = [chance.choice(kind) for kind in kinds]
            if chance.random() < odd:
                row = chance.choice(
                    [[None] * len(row), [], row[:1], [*row, "more"], [chance.choice([None, cell, "other", 7, True]) for cell in row]]
                )
            made.append(row)
        if not lean and chance.random() < 0.5:
            made.cell(made.max_row + 3, len(kinds) + 2).number_format = "0.00"
            made.merge_cells("A1:B1")
            made["A2"].font = openpyxl.styles.Font(bold=True)
    out = io.BytesIO()
    book.save(out)
    compare(out.getvalue())


def excel(chance: random.Random, count: int, *, office: bool) -> tuple[str, str]:
    """Rows and shared strings as Excel writes them, or as LibreOffice does."""
    table: dict[str, int] = {}

    def shared(text: str) -> int:
        return table.setdefault(text, len(table))

    rows = []
    for number in range(1, count + 1):
        open_row = (
            f'<row r="{number}" customFormat="false" ht="12.8" hidden="false" customHeight="false" outlineLevel="0" collapsed="false">'
            if office
            else f'<row r="{number}" spans="1:6" x14ac:dyDescent="0.25">'
        )
        cells = []
        for column, kind in zip("ABCDEF", "dtntne", strict=True):
            place = f'r="{column}{number}"'
            if number == 1 or kind == "t":
                cells.append(
                    f'<c {place} s="{chance.choice("00007")}" t="s"><v>{shared(chance.choice(TEXTS) if chance.random() < 0.3 else f"text {number % 50}")}</v></c>'
                )
            elif kind == "d":
                cells.append(
                    f'<c {place} s="{chance.choice("1111149")}"><v>{chance.choice([46023, 46024.5, 46025.123456789, 60, 0.25])}</v></c>'
                )
            elif kind == "n":
                typed = ' t="n"' if office else ""
                cells.append(
                    f'<c {place} s="{chance.choice("33335")}"{typed}><v>{chance.choice(["12.5", "-0.1", "7.0000000000000007E-2", "100", "79.290000000000006", "1E-4", "0"])}</v></c>'
                )
            elif chance.random() < 0.7:
                cells.append(f'<c {place} s="3"/>')
        if chance.random() < 0.05:
            cells.pop(chance.randrange(len(cells)))
        rows.append(open_row + "".join(cells) + "</row>")
    keep = ' xml:space="preserve"'
    items = "".join(f"<si><t{keep if office or text != text.strip() else ''}>{escape(text, quote=False)}</t></si>" for text in table)
    return "".join(
        rows
    ), f'<?xml version="1.0" encoding="UTF-8"?>\n<sst xmlns="{MAIN}" count="{count}" uniqueCount="{len(table)}">{items}</sst>'


@pytest.mark.parametrize("number", range(16))
def test_workbooks_in_the_style_of_excel_and_of_libreoffice(number: int) -> None:
    chance = random.Random(number)
    office = number % 2 == 0
    rows, strings = excel(chance, chance.choice([4, 300, 2500]), office=office)
    head = '<dimension ref="A1:F9"/><sheetViews><sheetView workbookViewId="0"/></sheetViews><cols><col min="1" max="6" width="12"/></cols>'
    tail = '<mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells><pageMargins left="0.7"/>'
    assert (
        compare(
            pack(
                {"Umsätze": sheet(rows, head, tail)},
                strings,
                properties=chance.choice(["", '<workbookPr date1904="1"/>', '<workbookPr defaultThemeVersion="1"/>']),
            )
        )
        == 1
    )


def test_workbooks_of_exporters_without_shared_strings() -> None:
    rows = "".join(
        f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>2026-01-{number % 28 + 1:02}</t></is></c><c r="B{number}" t="str"><v>text {number}</v></c><c r="C{number}"><v>{number}.5</v></c>'
        f'<c r="D{number}" t="inlineStr"><is><t xml:space="preserve"> kept &amp; {number} </t></is></c><c r="E{number}" t="inlineStr"><is><t> not kept </t></is></c>'
        f'<c r="F{number}" t="inlineStr"><is><t></t></is></c></row>\n' for number in range(1, 700)
    )  # fmt: skip
    assert compare(pack({"S": sheet("\n" + rows)}, styles="")) == 1
    assert compare(pack({"S": sheet("\n" + rows.replace("<c ", "\n  <c ").replace("</row>", "\n</row>"))}, styles="")) == 1


CELL = '<c r="A{n}"><v>{n}</v></c>'
#: Sheets of which some are ordinary in a rare way and some are not ordinary: right either way.
ROWS = {
    "a gap": '<row r="2"><c r="B2"><v>1</v></c></row><row r="9"><c r="D9"><v>2</v></c></row>',
    "empty rows": '<row r="1"/><row r="2"></row><row r="3"><c r="A3"><v>1</v></c></row><row r="4" ht="15"/>',
    "styled nothing": '<row r="1"><c r="A1"><v>1</v></c><c r="B1" s="3"/></row><row r="2"><c r="A2" s="1"/><c r="C2" s="1"></c></row>',
    "a number that is none": "".join(f'<row r="{n}"><c r="A{n}"><v>{text}</v></c></row>' for n, text in enumerate(["1", " 2 ", "+3", ".5", "5.", "-.5", "1e5", "abc", "inf", "nan", "1_0", "--1", "0x10", "1,5", "1E400"], 1)),
    "formulas": '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c></row><row r="2"><c r="A2" t="str"><f>A1</f><v>x</v></c></row>',
    "truth and errors": '<row r="1"><c r="A1" t="b"><v>1</v></c><c r="B1" t="e"><v>#N/A</v></c><c r="C1" t="d"><v>2026-01-01</v></c></row>',
    "rich text": '<row r="1"><c r="A1" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c></row>',
    "no places": "<row><c><v>1</v></c><c><v>2</v></c></row>",
    "rows out of order": '<row r="3"><c r="A3"><v>3</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>',
    "a row twice": '<row r="2"><c r="A2"><v>3</v></c></row><row r="2"><c r="B2"><v>2</v></c></row>',
    "another row's cell": '<row r="2"><c r="A3"><v>3</v></c></row>',
    "cells out of order": '<row r="1"><c r="B1"><v>3</v></c><c r="A1"><v>2</v></c></row>',
    "a comment": '<row r="1"><c r="A1"><v>3</v></c></row><!-- x --><row r="2"><c r="A2"><v>2</v></c></row>',
    "cdata": '<row r="1"><c r="A1" t="str"><v><![CDATA[x]]></v></c></row>',
    "an empty value": '<row r="1"><c r="A1"><v></v></c><c r="B1"><v>2</v></c><c r="C1" t="str"><v></v></c></row>',
    "an empty text at the end": '<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="C2" t="inlineStr"><is><t></t></is></c></row>',
    "attributes before the place": "".join(f'<row r="{n}"><c s="1" r="A{n}" t="n"><v>4602{n}</v></c></row>' for n in range(1, 9)),
    "other attributes": '<row r="1"><c r="A1" cm="1"><v>1</v></c></row>',
    "a phonetic attribute": '<row r="1"><c r="A1" ph="1" t="str"><v>x</v></c></row>',
    "small letters": '<row r="1"><c r="a1"><v>1</v></c></row>',
    "a string that is missing": '<row r="1"><c r="A1" t="s"><v>7</v></c></row>',
    "a string number with zeros": '<row r="1"><c r="A1" t="s"><v>00</v></c></row>',
    "a style that is missing": '<row r="1"><c r="A1" s="77"><v>46000</v></c></row>',
    "entities": '<row r="1"><c r="A1" t="str"><v>a &amp; b &#65; &lt;x&gt; &quot;</v></c><c r="B1"><v>&#49;</v></c></row>',
    "an unknown entity": '<row r="1"><c r="A1" t="str"><v>&unknown;</v></c></row>',
    "one column and many rows": "".join(f"<row r=\"{n}\">{CELL.format(n=n)}</row>" for n in range(1, 5000)),
    "rows that differ": "".join(f'<row r="{n}">' + "".join(f'<c r="{chr(65 + at)}{n}" s="{(n * at) % 5}"><v>{46000 + at}.5</v></c>' for at in range(6) if (n * 7 + at) % 3) + "</row>" for n in range(1, 400)),
    "kinds by turns": "".join(f'<row r="{n}"><c r="A{n}"{kind[0]}>{kind[1]}</c></row>' for n in range(1, 300) for kind in [[("", "<v>1.5</v>"), (' t="str"', "<v>a</v>"), (' t="inlineStr"', "<is><t></t></is>"), (' s="1"', "<v>46000</v>"), (' t="s"', "<v>0</v>")][n % 5]]),
    "times of day": "".join(f'<row r="{n}"><c r="A{n}" s="9"><v>{46000 + n / 977}</v></c><c r="B{n}" s="8"><v>{n / 24}</v></c></row>' for n in range(1, 600)),
    "dates that are none": '<row r="1"><c r="A1" s="1"><v>-5</v></c><c r="B1" s="1"><v>99999999</v></c><c r="C1" s="1"><v>x</v></c><c r="D1" s="6"><v>0</v></c></row>',
    "a wide row": '<row r="1"><c r="A1"><v>1</v></c><c r="BZ1"><v>1</v></c></row>',
    "a second list of rows": '<row r="1"><c r="A1"><v>1</v></c></row></sheetData><sheetData><row r="2"><c r="A2"><v>2</v></c></row>',
    "cut off": '<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>',
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("chunk", [16, 1 << 17])
def test_sheets_of_all_kinds(name: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_bounds, "CHUNK", chunk if len(ROWS[name]) < 20_000 else 4096)
    monkeypatch.setattr(sheet_shapes, "WINDOW", 200 if chunk == 16 else 1 << 17)
    data = pack({"S": sheet(ROWS[name])}, f'<sst xmlns="{MAIN}"><si><t>zero</t></si></sst>')
    try:
        compare(data)
    except Unreadable:  # calamine cannot read it, and so nobody does
        book = xlsxfile.Workbook(io.BytesIO(data))
        assert not isinstance(book.cells("S") if name == "never" else None, Sheet)
        with pytest.raises(Unreadable):
            book.rows("S")


STRINGS = {
    "rich": "<si><r><rPr><b/></rPr><t>bold</t></r><r><t xml:space=\"preserve\"> and not</t></r></si>", "phonetic": "<si><t>漢字</t><rPh sb=\"0\" eb=\"1\"><t>かんじ</t></rPh></si>", "empty": "<si><t/></si>", "nothing": "<si/>",
    "plain": "<si><t>plain</t></si>", "kept": '<si><t xml:space="preserve"> kept </t></si>', "spaced": "<si><t> spaced </t></si>", "entity": "<si><t>a &amp; b</t></si>", "escaped": "<si><t>x_x0041_y</t></si>", "lines": "<si><t>a\r\nb\nc</t></si>",
}  # fmt: skip


@pytest.mark.parametrize("window", [40, 1 << 17])
@pytest.mark.parametrize("space", ["", "\n  "])
def test_shared_strings_of_all_kinds(window: int, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion.parsers import workbook_parts

    monkeypatch.setattr(workbook_parts, "WINDOW", window)
    chance = random.Random(window)
    items = [chance.choice(list(STRINGS.values())) for _ in range(300)] + [f"<si><t>text {number}</t></si>" for number in range(300)]
    rows = "".join(f'<row r="{number}"><c r="A{number}" t="s"><v>{number - 1}</v></c></row>' for number in range(1, len(items) + 1))
    data = pack({"S": sheet(rows)}, f'<sst xmlns="{MAIN}">{space.join(items)}{space}</sst>')
    assert compare(data) == 1


@pytest.mark.parametrize("number", range(120))
def test_changed_sheets_come_out_the_same(number: int) -> None:
    chance = random.Random(number)
    rows, strings = excel(chance, 30, office=number % 2 == 0)
    text = bytearray(sheet(rows).encode())
    for _ in range(chance.choice([1, 1, 4])):
        at = chance.randrange(len(text))
        text[at : at + chance.choice([0, 1, 5])] = chance.choice(
            [b"", b"<", b">", b"&", b'"', b" ", b"/", b"1", b"A", b"<v>", b"</c>", b"</row>", b"<!--", b"\xff", b' t="s"', b"<f>1</f>"]
        )
    try:
        compare(pack({"S": text.decode("latin-1")}, strings, encoding="latin-1"))
    except Unreadable as error:
        assert len(str(error)) > 15


def test_a_sheet_that_is_not_what_the_archive_says_is_left_to_calamine() -> None:
    data = bytearray(pack({"S": sheet('<row r="1"><c r="A1"><v>1</v></c></row>')}))
    assert compare(bytes(data)) == 1
    at = data.find(b"PK\x01\x02")
    while data[at + 46 : at + 70].find(b"sheet1.xml") < 0:
        at = data.find(b"PK\x01\x02", at + 4)
    data[at + 16] ^= 1  # its checksum
    assert not workbook_bounds.measure(io.BytesIO(bytes(data)))


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack({name: sheet("".join(f'<row r="{n}">{CELL.format(n=n)}</row>' for n in range(1, 900))) for name in "AB"})
    assert len(workbook_bounds.measure(io.BytesIO(data))) == 2
    monkeypatch.setattr(sheet_shapes, "MAX_HELD", 500)
    assert not workbook_bounds.measure(io.BytesIO(data))
    assert compare(data) == 0


def test_names_that_are_not_plain_leave_the_workbook_to_calamine() -> None:
    rows = sheet('<row r="1"><c r="A1"><v>1</v></c></row>')
    for name in ("a &amp; b", "x_x0041_"):
        assert compare(pack({name: rows})) == 0
    assert list(Parts(io.BytesIO(pack({"Umsätze 2026": rows, "B": rows}))).paths) == ["Umsätze 2026", "B"]


def test_bank_files_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same events whichever way the cells were read, of every workbook of the sample files and of one made here."""
    root = corpus.folder()
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in (".xlsx", ".xlsm")) if root else []
    book = openpyxl.Workbook()
    book.active.append(["Date", "Description", "Amount", "Balance", "Currency"])
    for number in range(1500):
        book.active.append(
            [
                dt.date(2026, 1, number % 28 + 1),
                f"Invoice {number} & more" if number % 9 else "  ",
                number / 100 if number % 70 else "1.234,50",
                number % 7,
                "EUR",
            ]
        )
    out = io.BytesIO()
    book.save(out)
    for data in [*(path.read_bytes() for path in paths), out.getvalue()]:
        ours = list(open_file(io.BytesIO(data), name="x.xlsx").events)
        with monkeypatch.context() as patch:
            patch.setattr(xlsxfile, "measure", lambda file: workbook_bounds.measure(file) and {})
            assert list(open_file(io.BytesIO(data), name="x.xlsx").events) == ours
        assert compare(data) >= 0 and any(isinstance(event, Line) for event in ours)
