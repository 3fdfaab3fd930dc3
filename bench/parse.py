"""How fast files become lines: 100,000 transactions a format, ours beside the best library, each in its own process.

What a library does differs: some give tokens or raw cells, ours gives checked canonical lines with references and raw text. The
ratio is processor seconds over processor seconds all the same (below 1 is faster than the library): wall time on a
shared machine measures the neighbours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FORMATS = ("bai2", "mt940", "camt", "ofx", "csv", "xlsx")
LIBRARIES = {
    "bai2": "bai2", "mt940": "mt-940", "camt": "lxml iterparse, amount, date and reference only", "ofx": "ofxparse (on a fiftieth of the rows)",
    "csv": "csv.DictReader with Decimal and date", "xlsx": "python-calamine, cells only",
}  # fmt: skip
#: Beside the fastest, which for workbooks hands over raw cells and leaves amounts and dates to others: what does part of that
#: work, and what most programs use. openpyxl gets a tenth of the rows.
ALSO = {
    "xlsx": {
        "xlsx-rows": ("python-calamine, each row with Decimal and date", 1),
        "xlsx-openpyxl": ("openpyxl read-only, cells only (on a tenth of the rows)", 10),
    }
}
#: ofxparse takes minutes on 100,000 transactions; it gets this share of them, and its time is counted per row.
OFX_SHARE = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=100_000, help="transactions per file")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved runs of each")
    parser.add_argument("--formats", default=",".join(FORMATS), help="comma-separated")


def run(options: dict[str, Any], progress: Any) -> Any:
    from payos.kernel.bench import Report

    report = Report("parse")
    rows = int(options.get("rows") or 100_000)
    with tempfile.TemporaryDirectory() as folder:
        for format in str(options.get("formats") or ",".join(FORMATS)).split(","):
            progress(f"{format}: writing {rows} transactions")
            path = Path(folder) / f"sample.{format}"
            write(format, path, rows)
            small = path
            if format == "ofx":
                small = Path(folder) / "small.ofx"
                write(format, small, max(1, rows // OFX_SHARE))
            ours: list[dict[str, float]] = []
            theirs: list[dict[str, float]] = []
            also: dict[str, list[float]] = {name: [] for name in ALSO.get(format, {})}
            parts = {name: Path(folder) / f"{name}.{format}" for name in also}
            for name, part in parts.items():
                write(format, part, max(1, rows // ALSO[format][name][1]))
            for number in range(int(options.get("rounds") or 3)):
                progress(f"{format}: round {number + 1}")
                ours.append(worker("ours", format, path))
                theirs.append(worker("library", format, small))
                for name, part in parts.items():
                    found = worker("library", name, part)
                    also[name].append(found["cpu"] * rows / max(1, found["rows"]))
            for found in ours:
                if found["rows"] != rows:
                    raise RuntimeError(f"{format}: read {found['rows']} of {rows} transactions")
            our_time = [found["cpu"] for found in ours]
            their_time = [found["cpu"] * rows / max(1, found["rows"]) for found in theirs]
            report.figure(f"{format}.rows_per_second", [rows / seconds for seconds in our_time], "rows/s")
            report.figure(f"{format}.seconds", our_time, "s")
            report.figure(f"{format}.wall_seconds", [found["seconds"] for found in ours], "s")
            report.figure(f"{format}.peak_memory", [found["peak_mb"] for found in ours], "MB")
            report.figure(f"{format}.library_seconds", their_time, "s")
            report.figure(f"{format}.library_peak_memory", [found["peak_mb"] for found in theirs], "MB")
            report.ratio(f"{format} seconds against {LIBRARIES[format]}", min(our_time), min(their_time), 1.0, at_most=True)
            for name, times in also.items():
                report.ratio(f"{format} seconds against {ALSO[format][name][0]}", min(our_time), min(times), 1.0, at_most=True)
    return report


def worker(who: str, format: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.parse", who, format, str(path)], capture_output=True, text=True, timeout=600,
        cwd=Path(__file__).resolve().parents[1], check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{who} {format}: {done.stderr.strip().splitlines()[-1:] or 'failed'}")
    return json.loads(done.stdout.splitlines()[-1])


def write(format: str, path: Path, rows: int) -> None:
    """A file of one account with a year of transactions, the same every time."""
    days = [f"{month:02d}{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    entries = ((number, days[number * len(days) // rows], (number * 7919) % 99_990 + 10, number % 3) for number in range(rows))
    if format == "xlsx":
        return _write_xlsx(path, entries)
    with path.open("w", encoding="utf-8", newline="") as out:
        if format == "bai2":
            out.write(
                "01,122099999,123456789,260101,0200,1,,,2/\n02,031001234,122099999,1,260101,2359,USD,2/\n03,0975312468,USD,010,500000,,/\n"
            )
            total = 500000
            for number, _, amount, kind in entries:
                total += amount
                out.write(f"16,{165 if kind else 475},{amount},Z,BANK{number},CUST{number},PAYMENT FROM CUSTOMER {number}/\n")
            out.write(f"49,{total},{rows + 2}/\n98,{total},1,{rows + 4}/\n99,{total},1,{rows + 6}/\n")
        elif format == "mt940":
            out.write(":20:START\r\n:25:DE89370400440532013000\r\n:28C:1/1\r\n:60F:C260101EUR0,00\r\n")
            total = 0
            for number, day, amount, kind in entries:
                total += amount if kind else -amount
                out.write(f":61:26{day}{day}{'C' if kind else 'D'}{amount // 100},{amount % 100:02d}NTRFREF{number}//BANK{number}\r\n"
                          f":86:166?00GUTSCHRIFT?20EREF+E{number}?21SVWZ+Rechnung {number}?32Kunde {number}\r\n")  # fmt: skip
            out.write(f":62F:{'C' if total >= 0 else 'D'}261228EUR{abs(total) // 100},{abs(total) % 100:02d}\r\n-\r\n")
        elif format == "camt":
            out.write('<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr>'
                      "<Stmt><Id>1</Id><Acct><Id><IBAN>NL26VAYB8060476890</IBAN></Id><Ccy>EUR</Ccy></Acct>\n")  # fmt: skip
            for number, day, amount, kind in entries:
                date = f"2026-{day[:2]}-{day[2:]}"
                out.write(f'<Ntry><Amt Ccy="EUR">{amount // 100}.{amount % 100:02d}</Amt><CdtDbtInd>{"CRDT" if kind else "DBIT"}</CdtDbtInd><Sts>BOOK</Sts>'
                          f"<BookgDt><Dt>{date}</Dt></BookgDt><ValDt><Dt>{date}</Dt></ValDt><AcctSvcrRef>SVC{number}</AcctSvcrRef><NtryDtls><TxDtls>"
                          f"<Refs><EndToEndId>E{number}</EndToEndId></Refs><RltdPties><Dbtr><Nm>Customer {number}</Nm></Dbtr></RltdPties>"
                          f"<RmtInf><Ustrd>Invoice {number}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n")  # fmt: skip
            out.write("</Stmt></BkToCstmrStmt></Document>")
        elif format == "ofx":
            out.write("OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n"
                      "<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260101<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1"
                      "<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>1<ACCTID>42<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>20260101<DTEND>20261228\n")  # fmt: skip
            for number, day, amount, kind in entries:
                out.write(f"<STMTTRN><TRNTYPE>{'CREDIT' if kind else 'DEBIT'}<DTPOSTED>2026{day}120000<TRNAMT>{'' if kind else '-'}{amount // 100}.{amount % 100:02d}"
                          f"<FITID>F{number}<NAME>Customer {number}<MEMO>Invoice {number}</STMTTRN>\n")  # fmt: skip
            out.write("</BANKTRANLIST><LEDGERBAL><BALAMT>1.00<DTASOF>20261228</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n")
        else:
            out.write("Date,Description,Reference,Counterparty,Amount,Currency\n")
            for number, day, amount, kind in entries:
                out.write(
                    f"2026-{day[:2]}-{day[2:]},Invoice {number},REF{number},Customer {number},{'' if kind else '-'}{amount // 100}.{amount % 100:02d},EUR\n"
                )


def _write_xlsx(path: Path, entries: Any) -> None:
    import datetime

    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["Date", "Description", "Reference", "Counterparty", "Amount", "Currency"])
    for number, day, amount, kind in entries:
        when = datetime.date(2026, int(day[:2]), int(day[2:]))
        sheet.append([when, f"Invoice {number}", f"REF{number}", f"Customer {number}", (amount if kind else -amount) / 100, "EUR"])
    book.save(path)


def _ours(path: Path) -> int:
    from ingestion.parsers.records import Line
    from ingestion.parsers.registry import open_file

    return sum(type(event) is Line for event in open_file(path).events)


def _library(format: str, path: Path) -> int:
    if format == "bai2":
        from bai2 import bai2

        with path.open() as file:
            return sum(len(account.children) for group in bai2.parse_from_file(file).children for account in group.children)
    if format == "mt940":
        import mt940

        return len(mt940.parse(str(path)))
    if format == "ofx":
        import warnings

        from ofxparse import OfxParser

        warnings.simplefilter("ignore")
        with path.open("rb") as file:
            return len(OfxParser.parse(file).account.statement.transactions)
    if format == "camt":
        return _lxml(path)
    if format == "csv":
        import csv
        from datetime import date
        from decimal import Decimal

        with path.open(encoding="utf-8", newline="") as file:
            return sum(1 for row in csv.DictReader(file) if (date.fromisoformat(row["Date"]), Decimal(row["Amount"])))
    if format == "xlsx-openpyxl":
        import openpyxl

        return sum(1 for _ in openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0].iter_rows(values_only=True)) - 1
    from python_calamine import load_workbook

    if format == "xlsx-rows":
        from datetime import date
        from decimal import Decimal

        header, *rows = load_workbook(str(path)).get_sheet_by_index(0).to_python()
        named = (dict(zip(header, row, strict=True)) for row in rows)
        return sum(1 for row in named if (isinstance(row["Date"], date), Decimal(str(row["Amount"])).quantize(Decimal("0.01"))))
    return len(load_workbook(str(path)).get_sheet_by_index(0).to_python()) - 1


def _lxml(path: Path) -> int:
    from lxml import etree

    space = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.02}"
    count = 0
    for _, entry in etree.iterparse(str(path), tag=space + "Ntry"):
        found = (
            entry.findtext(space + "Amt"),
            entry.findtext(f"{space}BookgDt/{space}Dt"),
            entry.findtext(f"{space}NtryDtls/{space}TxDtls/{space}Refs/{space}EndToEndId"),
        )
        count += found[0] is not None
        entry.clear()
        while entry.getprevious() is not None:
            del entry.getparent()[0]
    return count


def main() -> None:
    who, format, path = sys.argv[1:4]
    # Imports are not what is measured.
    if who == "ours":
        import ingestion.parsers.registry  # noqa: F401
    else:
        import importlib

        importlib.import_module(
            {
                "bai2": "bai2",
                "mt940": "mt940",
                "ofx": "ofxparse",
                "camt": "lxml.etree",
                "csv": "csv",
                "xlsx": "python_calamine",
                "xlsx-rows": "python_calamine",
                "xlsx-openpyxl": "openpyxl",
            }[format]
        )
    started, burnt = time.perf_counter(), time.process_time()
    rows = _ours(Path(path)) if who == "ours" else _library(format, Path(path))
    print(json.dumps({"rows": rows, "seconds": time.perf_counter() - started, "cpu": time.process_time() - burnt, "peak_mb": _peak()}))


def _peak() -> float:
    """The most memory this process held. `ru_maxrss` would also remember the process that started it."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
