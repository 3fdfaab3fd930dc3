"""OFX 1.02 (SGML), the form most US banks hand out: one STMTTRNRS an account."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape  # nosec B406 # writes text and parses none

from sandbox.books import decimal

if TYPE_CHECKING:
    from sandbox.statements import Statement

ROUTING = "091000019"
TYPES = {
    "transfer": "XFER", "return": "CREDIT", "ach": "DIRECTDEBIT", "ach_in": "DIRECTDEP", "ach_return": "CREDIT", "deposit": "DEP", "wire_in": "CREDIT",
    "lockbox": "DEP", "interest": "INT", "fee": "FEE", "chargeback": "DEBIT", "check_paid": "CHECK",
}  # fmt: skip
HEADER = (
    "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:UTF-8\r\nCHARSET:NONE\r\n"
    "COMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
)


def _text(value: str, limit: int) -> str:
    return escape(" ".join(value.split())[:limit])


def render(statements: list[Statement]) -> bytes:
    out = ["<OFX>"]
    if statements:
        made = statements[0].made_at.strftime("%Y%m%d%H%M%S")
        out += [
            "<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>",
            f"<DTSERVER>{made}<LANGUAGE>ENG<FI><ORG>SANDBANK<FID>10000</FI></SONRS></SIGNONMSGSRSV1>",
            "<BANKMSGSRSV1>",
        ]
    for s in statements:
        out += [
            f"<STMTTRNRS><TRNUID>{s.day:%Y%m%d}{s.currency}<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>{s.currency}",
            f"<BANKACCTFROM><BANKID>{ROUTING}<ACCTID>{s.number}<ACCTTYPE>CHECKING</BANKACCTFROM>",
            f"<BANKTRANLIST><DTSTART>{s.day:%Y%m%d}000000<DTEND>{s.day:%Y%m%d}235959",
        ]
        for line in s.lines:
            kind = TYPES.get(line.kind, "CREDIT" if line.amount_minor >= 0 else "DEBIT")
            if kind == "CREDIT" and line.amount_minor < 0:
                kind = "DEBIT"
            out.append(
                f"<STMTTRN><TRNTYPE>{kind}<DTPOSTED>{s.day:%Y%m%d}120000<TRNAMT>{decimal(line.amount_minor, s.currency)}"
                f"<FITID>{line.bank_reference}<REFNUM>{_text(line.reference, 32)}"
                f"<NAME>{_text(line.counterparty or line.kind.upper(), 32)}<MEMO>{_text(line.narrative, 255)}</STMTTRN>"
            )
        balance = decimal(s.closing_minor, s.currency)
        out.append(
            f"</BANKTRANLIST><LEDGERBAL><BALAMT>{balance}<DTASOF>{s.day:%Y%m%d}235959</LEDGERBAL>"
            f"<AVAILBAL><BALAMT>{balance}<DTASOF>{s.day:%Y%m%d}235959</AVAILBAL></STMTRS></STMTTRNRS>"
        )
    out += ["</BANKMSGSRSV1></OFX>" if statements else "</OFX>"]
    return (HEADER + "\r\n".join(out) + "\r\n").encode("utf-8", "replace")
