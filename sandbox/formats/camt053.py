"""ISO 20022 camt.053.001.08: one Stmt an account, one Ntry a line."""

from __future__ import annotations

import xml.etree.ElementTree as ET  # nosec B405 # writes XML and reads none
from typing import TYPE_CHECKING

from sandbox.books import decimal
from sandbox.formats.bai2 import code_of

if TYPE_CHECKING:
    from sandbox.statements import Line, Statement

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
# Kind -> bank transaction code domain, family, sub-family.
CODES = {
    "transfer": ("PMNT", "ICDT", "OTHR"), "return": ("PMNT", "ICDT", "RRTN"), "ach": ("PMNT", "ICDT", "ACDT"), "ach_in": ("PMNT", "RCDT", "ACDT"),
    "ach_return": ("PMNT", "ICDT", "RRTN"), "deposit": ("PMNT", "RCDT", "OTHR"), "wire_in": ("PMNT", "RCDT", "XBCT"), "lockbox": ("PMNT", "LBOX", "LBCA"),
    "interest": ("ACMT", "MCOP", "INTR"), "fee": ("ACMT", "MDOP", "CHRG"), "chargeback": ("PMNT", "RDDT", "RRTN"), "check_paid": ("PMNT", "ICHQ", "CCHQ"),
}  # fmt: skip


def _add(parent: ET.Element, path: str, text: str | None = None, **attributes: str) -> ET.Element:
    node = parent
    for name in path.split("/"):
        node = ET.SubElement(node, name)
    node.text = _clean(text) if text is not None else None
    node.attrib.update(attributes)
    return node


def _clean(text: str) -> str:
    """XML 1.0 has no place for control characters."""
    return "".join(c for c in text if c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff")


def _sign(amount: int) -> str:
    return "CRDT" if amount >= 0 else "DBIT"


def _balance(statement: ET.Element, code: str, minor: int, s: Statement) -> None:
    balance = _add(statement, "Bal")
    _add(balance, "Tp/CdOrPrtry/Cd", code)
    _add(balance, "Amt", decimal(abs(minor), s.currency), Ccy=s.currency)
    _add(balance, "CdtDbtInd", _sign(minor))
    _add(balance, "Dt/Dt", s.day.isoformat())


def _entry(statement: ET.Element, s: Statement, line: Line) -> None:
    entry = _add(statement, "Ntry")
    _add(entry, "NtryRef", str(line.seq))
    _add(entry, "Amt", decimal(abs(line.amount_minor), s.currency), Ccy=s.currency)
    _add(entry, "CdtDbtInd", _sign(line.amount_minor))
    if line.kind in ("return", "ach_return"):
        _add(entry, "RvslInd", "true")
    _add(entry, "Sts/Cd", "BOOK")
    _add(entry, "BookgDt/Dt", line.day.isoformat())
    _add(entry, "ValDt/Dt", line.day.isoformat())
    _add(entry, "AcctSvcrRef", line.bank_reference)
    domain, family, sub = CODES.get(line.kind, ("PMNT", "OTHR", "OTHR"))
    code = _add(entry, "BkTxCd")
    node = _add(code, "Domn")
    _add(node, "Cd", domain)
    fmly = _add(node, "Fmly")
    _add(fmly, "Cd", family)
    _add(fmly, "SubFmlyCd", sub)
    proprietary = _add(code, "Prtry")
    _add(proprietary, "Cd", code_of(line.kind, line.amount_minor))
    _add(proprietary, "Issr", "BAI")
    details = _add(entry, "NtryDtls/TxDtls")
    _add(details, "Refs/EndToEndId", line.reference[:35] or "NOTPROVIDED")
    _add(details, "Amt", decimal(abs(line.amount_minor), s.currency), Ccy=s.currency)
    _add(details, "CdtDbtInd", _sign(line.amount_minor))
    if line.counterparty:
        _add(details, f"RltdPties/{'Cdtr' if line.amount_minor < 0 else 'Dbtr'}/Pty/Nm", line.counterparty[:140])
    _add(details, "RmtInf/Ustrd", line.narrative[:140])
    if line.kind in ("return", "ach_return"):
        words = line.narrative.split()
        _add(details, "RtrInf/Rsn/Prtry", words[1] if len(words) > 1 else "RETURN")


def render(statements: list[Statement]) -> bytes:
    document = ET.Element("Document", xmlns=NAMESPACE)
    root = _add(document, "BkToCstmrStmt")
    if statements:
        made = statements[0].made_at.isoformat(timespec="seconds")
        header = _add(root, "GrpHdr")
        _add(header, "MsgId", f"SB{statements[0].day:%Y%m%d}{int(statements[0].made_at.timestamp())}")
        _add(header, "CreDtTm", made)
    for s in statements:
        statement = _add(root, "Stmt")
        _add(statement, "Id", f"{s.number}-{s.day:%Y%m%d}")
        _add(statement, "ElctrncSeqNb", str(s.serial))
        _add(statement, "LglSeqNb", str(s.serial))
        _add(statement, "CreDtTm", made)
        period = _add(statement, "FrToDt")
        _add(period, "FrDtTm", f"{s.day}T00:00:00Z")
        _add(period, "ToDtTm", f"{s.day}T23:59:59Z")
        account = _add(statement, "Acct")
        _add(account, "Id/Othr/Id", s.number)
        _add(account, "Ccy", s.currency)
        _balance(statement, "OPBD", s.opening_minor, s)
        _balance(statement, "CLBD", s.closing_minor, s)
        _balance(statement, "CLAV", s.closing_minor, s)
        summary = _add(statement, "TxsSummry/TtlNtries")
        _add(summary, "NbOfNtries", str(len(s.lines)))
        _add(summary, "Sum", decimal(sum(abs(line.amount_minor) for line in s.lines), s.currency))
        for line in s.lines:
            _entry(statement, s, line)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(document, encoding="utf-8")
