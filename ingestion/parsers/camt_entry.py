"""One camt entry (`Ntry`) as a line, its transactions (`TxDtls`) as references or details."""

from __future__ import annotations

from lxml import etree

from ingestion.parsers.amounts import currency_exponent, date_iso, minor
from ingestion.parsers.records import AmountError, Detail, Flag, Line, Reject, clip

#: Transactions of one entry that are kept as details; of more, the rest is counted only.
MAX_DETAILS = 200_000
#: From here on the XML of a transaction is dropped as soon as it is read.
KEEP_XML = 50
RAW_LIMIT = 16_000

_REFERENCES = {"EndToEndId": "end_to_end", "TxId": "transaction", "InstrId": "instruction", "MsgId": "message",
               "PmtInfId": "payment_information", "UETR": "uetr", "MndtId": "mandate", "ChqNb": "check",
               "AcctSvcrRef": "bank", "ClrSysRef": "clearing", "AcctOwnrTxId": "customer"}  # fmt: skip
_NONE = frozenset(("", "NOTPROVIDED", "NONREF"))


class _Locals(dict[object, str]):
    """Tag to local name, remembered: there are few tags and many elements."""

    def __missing__(self, tag: object) -> str:
        name = tag.rpartition("}")[2] if isinstance(tag, str) else ""
        if len(self) < 10_000:
            self[tag] = name
        return name


LOCAL = _Locals()


def text_at(element: etree._Element, *path: str) -> str:
    """The text at a path of local names, or an empty text."""
    for name in path:
        for child in element:
            if LOCAL[child.tag] == name:
                element = child
                break
        else:
            return ""
    return (element.text or "").strip()


def _day(element: etree._Element) -> object:
    for child in element:
        found = date_iso(child.text or "")
        if found:
            return found
    return date_iso(element.text or "")


def _code(element: etree._Element) -> str:
    """PMNT-ICDT-DMCT, or the bank's own code."""
    for child in element:
        if LOCAL[child.tag] == "Domn":
            parts = [text_at(child, "Cd"), text_at(child, "Fmly", "Cd"), text_at(child, "Fmly", "SubFmlyCd")]
            return "-".join(part for part in parts if part)
    return text_at(element, "Prtry", "Cd")


class _Transaction:
    """What a TxDtls says."""

    __slots__ = ("accounts", "amount", "credit", "currency", "info", "names", "references", "remittance")

    def __init__(self) -> None:
        self.references: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.accounts: dict[str, str] = {}
        self.remittance: list[str] = []
        self.amount = ""
        self.currency = ""
        self.credit = ""
        self.info = ""

    def party(self, credit: bool) -> tuple[str, str]:
        """The other side: the debtor of a credit, the creditor of a debit."""
        first, second = ("Dbtr", "Cdtr") if credit else ("Cdtr", "Dbtr")
        names, accounts = self.names, self.accounts
        if first in names or first in accounts:
            return names.get(first, ""), accounts.get(first, "")
        name = names.get("Ultmt" + first, "")
        return name or names.get(second, ""), "" if name else accounts.get(second, "")


def _parties(element: etree._Element, found: _Transaction) -> None:
    for party in element:
        name = LOCAL[party.tag]
        if name in ("Dbtr", "Cdtr", "UltmtDbtr", "UltmtCdtr"):
            text = text_at(party, "Nm") or text_at(party, "Pty", "Nm") or text_at(party, "Agt", "FinInstnId", "Nm")
            if text:
                found.names[name] = text
        elif name in ("DbtrAcct", "CdtrAcct"):
            text = text_at(party, "Id", "IBAN") or text_at(party, "Id", "Othr", "Id")
            if text:
                found.accounts[name[:4]] = text


def _remittance(element: etree._Element, found: _Transaction) -> None:
    for part in element:
        name = LOCAL[part.tag]
        if name == "Ustrd":
            if part.text:
                found.remittance.append(part.text.strip())
        elif name == "Strd":
            reference = text_at(part, "CdtrRefInf", "Ref") or text_at(part, "CdtrRefInf", "CdtrRef")
            if reference:
                found.references.setdefault("remittance", reference)
            number = text_at(part, "RfrdDocInf", "Nb")
            if number:
                found.references.setdefault("document", number)
            for child in part:
                if LOCAL[child.tag] == "AddtlRmtInf" and child.text:
                    found.remittance.append(child.text.strip())


def _transaction(element: etree._Element) -> _Transaction:
    found = _Transaction()
    references = found.references
    for child in element:
        name = LOCAL[child.tag]
        if name == "Refs":
            for reference in child:
                kind = _REFERENCES.get(LOCAL[reference.tag])
                text = reference.text
                if kind and text:
                    text = text.strip()
                    if text not in _NONE:
                        references[kind] = text
        elif name == "RltdPties":
            _parties(child, found)
        elif name == "RmtInf":
            _remittance(child, found)
        elif name == "Amt":
            found.amount, found.currency = child.text or "", child.get("Ccy") or ""
        elif name == "AmtDtls":
            if not found.amount:
                amount = next((item for part in child if LOCAL[part.tag] == "TxAmt"
                               for item in part if LOCAL[item.tag] == "Amt"), None)  # fmt: skip
                if amount is not None:
                    found.amount, found.currency = amount.text or "", amount.get("Ccy") or ""
        elif name == "CdtDbtInd":
            found.credit = (child.text or "").strip()
        elif name == "AddtlTxInf":
            found.info = (child.text or "").strip()
        elif name == "RtrInf":
            reason = text_at(child, "Rsn", "Cd") or text_at(child, "RtrRsn", "Cd")
            if reason:
                references["return_reason"] = reason
    return found


class Entries:
    """Reads entries one after the other; remembers the transactions of the one that is still open."""

    def __init__(self) -> None:
        self.number = 0
        self.transactions: list[_Transaction] = []
        self.dropped = 0
        self.flags: list[Flag] = []

    def detail(self, element: etree._Element) -> None:
        if len(self.transactions) < MAX_DETAILS:
            self.transactions.append(_transaction(element))
        else:
            self.dropped += 1
        if len(self.transactions) > KEEP_XML:
            element.clear()
            before = element.getprevious()
            if before is not None and LOCAL[before.tag] == "TxDtls":
                element.getparent().remove(before)  # type: ignore[union-attr]

    def read(self, element: etree._Element, account_currency: str) -> Line | Reject:
        transactions, self.transactions = self.transactions, []
        dropped, self.dropped = self.dropped, 0
        self.number += 1
        position = self.number
        references: dict[str, str] = {}
        amount_text = currency = direction = code = info = status = ""
        value_date = booking_date = None
        for child in element:
            name = LOCAL[child.tag]
            if name == "Amt":
                amount_text, currency = child.text or "", (child.get("Ccy") or "").strip()
            elif name == "CdtDbtInd":
                direction = (child.text or "").strip()
            elif name == "BookgDt":
                booking_date = _day(child)
            elif name == "ValDt":
                value_date = _day(child)
            elif name == "Sts":
                status = (child.text or "").strip() or text_at(child, "Cd")
            elif name == "AcctSvcrRef":
                references["bank"] = (child.text or "").strip()
            elif name == "NtryRef":
                references["entry"] = (child.text or "").strip()
            elif name == "BkTxCd":
                code = _code(child)
            elif name == "AddtlNtryInf":
                info = (child.text or "").strip()
            elif name == "NtryDtls" and len(transactions) != 1:
                batch = text_at(child, "Btch", "MsgId") or text_at(child, "Btch", "PmtInfId")
                if batch:
                    references["batch"] = batch
        currency = currency or account_currency
        raw = clip(etree.tostring(element, encoding="unicode", with_tail=False), RAW_LIMIT)
        try:
            if not amount_text.strip():
                raise AmountError("the entry has no amount")
            amount = minor(amount_text, currency_exponent(currency))
            if direction not in ("CRDT", "DBIT"):
                raise AmountError(f"the entry says neither credit nor debit ({direction[:20]!r})")
        except AmountError as error:
            return Reject(f"entry {position}", str(error), clip(raw))
        credit = direction == "CRDT"
        party = account = ""
        details: tuple[Detail, ...] = ()
        if len(transactions) == 1:
            only = transactions[0]
            for kind, text in only.references.items():
                references.setdefault(kind, text)
            party, account = only.party(credit)
            text = " ".join(only.remittance) or only.info
            info = f"{text} {info}".strip() if text else info
        elif transactions:
            details = tuple(self._details(transactions, credit, currency, position))
            info = info or next((" ".join(item.remittance) for item in transactions if item.remittance), "")
        if dropped:
            self.flags.append(Flag(f"entry {position}", "details", f"{dropped} transactions beyond {MAX_DETAILS} not kept"))
        extra: dict[str, object] | None = {"status": status} if status and status != "BOOK" else None
        return Line(amount if credit else -amount, currency, value_date or booking_date, booking_date, references,  # type: ignore[arg-type]
                    party, info, code, raw, position, account, details, extra)  # fmt: skip

    def _details(self, transactions: list[_Transaction], credit: bool, currency: str, position: int) -> list[Detail]:
        details = []
        for item in transactions:
            own = item.credit == "CRDT" if item.credit else credit
            amount: int | None = None
            if item.amount.strip():
                try:
                    amount = minor(item.amount, currency_exponent(item.currency or currency))
                    amount = amount if own else -amount
                except AmountError as error:
                    self.flags.append(Flag(f"entry {position}", "detail_amount", str(error)))
            details.append(Detail(amount, item.currency or currency, item.references, item.party(own)[0],
                                  " ".join(item.remittance) or item.info))  # fmt: skip
        return details
