"""Files made to hurt: each ends in a clear error or in rejects, in bounded memory, and soon."""

from __future__ import annotations

import io
import os
import random
import resource
import struct
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.parsers import corpus, registry, workbook_bounds
from ingestion.parsers.records import MAX_MINOR, Line, Reject, StatementEnd, StatementStart, Unreadable
from tests.ingestion.parsers.helpers import Read

REPOSITORY = Path(__file__).resolve().parents[3]
LAUGHS = "".join(f'<!ENTITY lol{n} "{(f"&lol{n - 1};") * 10}">' for n in range(1, 10))
STATEMENT = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Id>{}</Id></Stmt></BkToCstmrStmt></Document>'
)


def read_all(data: bytes, format: str | None = None, name: str = "") -> tuple[int, int]:
    """Lines and rejects; checks what must hold for any file at all."""
    lines = rejects = 0
    inside = False
    try:
        for event in registry.open_file(io.BytesIO(data), format, name=name).events:
            kind = type(event)
            if kind is StatementStart:
                assert not inside
                inside = True
            elif kind is StatementEnd:
                assert inside
                inside = False
            elif kind is Line:
                assert inside and type(event.amount_minor) is int and abs(event.amount_minor) <= MAX_MINOR  # type: ignore[union-attr]
                lines += 1
            elif kind is Reject:
                assert event.reason  # type: ignore[union-attr]
                rejects += 1
        assert not inside
    except Unreadable as error:
        assert str(error)
    return lines, rejects


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [<!ENTITY lol0 "lol">{LAUGHS}]>' + STATEMENT.format("&lol9;")
    with pytest.raises(Unreadable, match="document type"):
        Read(text.encode(encoding), format="camt")
    late = '<?xml version="1.0"?><!--' + "x" * 300_000 + f'--><!DOCTYPE x [<!ENTITY lol0 "lol">{LAUGHS}]>' + STATEMENT.format("&lol9;")
    with pytest.raises(Unreadable):
        Read(late, format="camt")


def test_no_file_of_the_machine_is_read() -> None:
    with pytest.raises(Unreadable, match="document type"):
        Read('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + STATEMENT.format("&f;"), format="camt")


def archive(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return out.getvalue()


def test_zip_bombs_honest_and_lying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_bounds, "MAX_UNPACKED", 8 << 20)
    bomb = archive({"xl/workbook.xml": b"<workbook/>", **{f"xl/worksheets/sheet{n}.xml": bytes(1 << 20) for n in range(9)}})
    with pytest.raises(Unreadable, match="unpacks to more than"):
        Read(bomb)
    liar = bytearray(bomb)
    at = liar.find(b"PK\x01\x02")
    while at >= 0:  # the central directory claims a few bytes for each part
        liar[at + 24 : at + 28] = struct.pack("<I", 100)
        at = liar.find(b"PK\x01\x02", at + 4)
    with pytest.raises(Unreadable, match="unpacks to more than"):
        Read(bytes(liar))


def test_a_sheet_with_two_far_corners_is_refused() -> None:
    sheet = b'<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    with pytest.raises(Unreadable, match="columns"):
        Read(archive({"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": sheet}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"PK\x03\x04",
        b"PK\x03\x04" + b"x" * 500,
        b"\xd0\xcf\x11\xe0" + b"\0" * 600,
        b"%PDF-1.4",
        b"\x1f\x8b\x08",
        b"<html><body>Log in</body></html>",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"<Document/>",
    ],
)
def test_nothing_readable_says_why(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        Read(data)
    assert len(str(caught.value)) > 15


ENDLESS = {
    "bai2": b"01,1,2,060321,0829,001,80,1,2/\n02,1,2,1,060317,,CAD,/\n03,1,CAD,,/\n16,100,5,Z,,,",
    "mt940": b":20:X\n:25:1\n:60F:C200101EUR1,00\n:61:2001010101C1,00NTRFX\n:86:",
    "camt": b"<Document><BkToCstmrStmt><Stmt><Id>",
    "ofx": b"<OFX><STMTRS><CURDEF>USD<STMTTRN><NAME>",
    "csv": b"Date,Amount,Description\n2026-01-01,1.00,",
    "json": b'{"date":"2026-01-01","amount":"1.50"}\n{"date":"',
}


@pytest.mark.parametrize("format", sorted(ENDLESS))
def test_a_line_without_end_is_given_up_in_bounded_memory(format: str) -> None:
    """Two gigabytes of one line, made on the fly, in a process that may use 400 MB beyond its libraries."""
    script = textwrap.dedent(
        """
        import io, resource, sys
        from ingestion.parsers import registry
        from ingestion.parsers.records import Reject, Unreadable
        class Endless(io.RawIOBase):
            head, total, at = bytes.fromhex(sys.argv[2]), 2 << 30, 0
            def readable(self): return True
            def seekable(self): return True
            def seek(self, to, whence=0):
                self.at = to if whence == 0 else self.at + to if whence == 1 else self.total + to
                return self.at
            def tell(self): return self.at
            def readinto(self, into):
                count = min(len(into), self.total - self.at)
                part = self.head[self.at:self.at + count]
                into[:count] = part + b"A" * (count - len(part))
                self.at += count
                return count
            def read(self, count=-1):
                into = bytearray(self.total if count < 0 else count)
                return bytes(into[:self.readinto(into)])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            rejects = sum(isinstance(event, Reject) for event in registry.open_file(Endless(), sys.argv[1]).events)
        except Unreadable:
            rejects = 1
        print(rejects, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, format, ENDLESS[format].hex()],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
        check=True,
    )
    rejects, megabytes = map(int, done.stdout.split())
    assert rejects >= 1 and megabytes < 400


def test_memory_does_not_grow_with_the_file() -> None:
    def peak(entries: int) -> int:
        script = textwrap.dedent(
            """
            import io, resource, sys
            from ingestion.parsers import camt
            entry = b'<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><BookgDt><Dt>2026-01-02</Dt></BookgDt></Ntry>' * 1000
            class Many(io.RawIOBase):
                parts = iter([b"<Document><BkToCstmrStmt><Stmt>", *[entry] * int(sys.argv[1]), b"</Stmt></BkToCstmrStmt></Document>"])
                def read(self, count=-1): return next(self.parts, b"")
            lines = sum(1 for event in camt.parse(Many()))
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
            """
        )
        return int(
            subprocess.run(
                [sys.executable, "-c", script, str(entries)], capture_output=True, text=True, timeout=60, cwd=REPOSITORY, check=True
            ).stdout
        )

    small, large = peak(2), peak(40)
    assert large - small < 30


ROOT = corpus.folder()
SEEDS = {
    "bai2": ENDLESS["bai2"] + b"TEXT/\n88,MORE/\n49,5,4/\n98,5,1,6/\n99,5,1,8/\n",
    "mt940": ENDLESS["mt940"] + b"166?00GUT?20SVWZ+x?32Name\n:62F:C200102EUR2,00\n-}{5:}\n",
    "camt": b'<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>NL1</IBAN></Id><Ccy>EUR</Ccy></Acct><Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><NtryDtls><TxDtls><Refs><EndToEndId>1</EndToEndId></Refs></TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>',
    "ofx": b"OFXHEADER:100\n\n<OFX><STMTRS><CURDEF>USD<BANKACCTFROM><ACCTID>1</BANKACCTFROM><STMTTRN><DTPOSTED>20260101<TRNAMT>-1.00<FITID>1</STMTTRN><LEDGERBAL><BALAMT>1</LEDGERBAL></STMTRS></OFX>",
    "csv": b'Date;Description;Amount;Balance\n2026-01-01;"A ""b""";1,00;5,00\n2026-01-02;C;-2,00;3,00\nTotal;;;\n',
    "json": b'[{"date":"2026-01-01","amount":1.50,"currency":"EUR"},{"date":"2026-01-02","amount":-2.5,"currency":"EUR"}]',
    "paypal_stl": b'"RH",2026/01/01,"A","X",1\n"SB","1","","","","T0006",2026/01/02 00:01:17,2026/01/02 00:01:17,"CR",3000,"USD","DR",117,"USD"\n"SC",1\n',
}
PIECES = [b"/", b",", b"\n", b":61:", b"<", b">", b'"', b"\0", b"-}", b"88,", b"16,", b"&lol;", b"9" * 30, b"\xff\xfe", b"-", b"1e999", b"\xd9\xa1\xd9\xa2", b"{4:",
          b"<STMTTRN>", b"null", b"\r", b"0.001", b"NaN", b"<![CDATA[", b"\x1a", b"XXX", b":20:", b"]]>"]  # fmt: skip


def mutate(data: bytes, chance: random.Random) -> bytes:
    work = bytearray(data[:20_000])
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        if not work:
            break
        at, kind = chance.randrange(len(work)), chance.random()
        if kind < 0.3:
            work[at] = chance.randrange(256)
        elif kind < 0.5:
            del work[at : at + chance.randrange(1, 40)]
        elif kind < 0.6:
            del work[at:]
        elif kind < 0.75:
            source = chance.randrange(len(work))
            work[at:at] = work[source : source + chance.randrange(1, 200)]
        else:
            work[at:at] = chance.choice(PIECES)
    return bytes(work)


def seeds() -> list[tuple[str, bytes]]:
    found = list(SEEDS.items())
    if ROOT:
        found += [(sample.path, (ROOT / sample.path).read_bytes()) for sample in corpus.samples(ROOT) if sample.is_input]
    return found


def test_mutated_files_never_crash_a_reader() -> None:
    chance = random.Random(20261121)
    known = seeds()
    formats = list(registry.FORMATS)
    for _ in range(4000):
        name, data = chance.choice(known)
        forced = None if chance.random() < 0.7 else chance.choice(formats)
        read_all(mutate(data, chance), forced, name)


@pytest.mark.parametrize("format", sorted(SEEDS))
def test_cut_anywhere(format: str) -> None:
    data = SEEDS[format]
    for cut in range(0, len(data), 3):
        read_all(data[:cut], format)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=400), format=st.sampled_from([None, *registry.FORMATS]))
def test_random_bytes(data: bytes, format: str | None) -> None:
    read_all(data, format)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    cells=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12), min_size=3, max_size=5), min_size=1, max_size=6
    ),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_random_tables_lose_no_row(cells: list[list[str]], delimiter: str) -> None:
    """Every non-blank row under a header is a line, a reject or a flagged row."""
    import csv

    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["Date", "Description", "Amount"])
    rows = [["2026-01-01", row[0], "1.00"] for row in cells] + [["2026-01-02", "x", row[1][:3]] for row in cells]
    writer.writerows(rows)
    read = Read(out.getvalue())
    seen = len(read.lines) + len(read.rejects) + read.flags.count("totals_row") + read.flags.count("note_row")
    assert seen >= len(rows)
    assert len(read.lines) >= len(cells)


def test_workbooks_with_damaged_parts_never_crash() -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["Date", "Description", "Amount"], ["2026-01-01", "A", 1.5], ["2026-01-02", "B", -2]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    data = out.getvalue()
    with zipfile.ZipFile(out) as file:
        parts = {item.filename: file.read(item) for item in file.infolist()}
    chance = random.Random(7)
    assert read_all(data) == (2, 0)
    noise = os.dup(2)  # the Rust reader reports its panics on stderr; they are turned into errors
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)
    try:
        for turn in range(250):
            read_all(
                mutate(data, chance)
                if turn % 2
                else archive({name: mutate(part, chance) if chance.random() < 0.4 else part for name, part in parts.items()}),
                "xlsx",
            )
    finally:
        os.dup2(noise, 2)
        os.close(noise)
        os.close(quiet)


def test_this_file_used_little_memory() -> None:
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10 < 2000
