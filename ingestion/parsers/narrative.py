"""What stands inside an MT940 `:86:` narrative: the German `?20` subfields, the Dutch `/EREF/` keys, or plain text.

Banks wrap the narrative at 65 characters, in the middle of words, so structured text is joined without a space;
plain text is joined without one only where the line before was full.
"""

from __future__ import annotations

import re

FULL_WIDTH = 65

_SUBFIELD = re.compile(r"[?>](?=\d\d)")
_GERMAN = re.compile(r"\d{0,3}\s*[?>]\d\d|\d{3}>")
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|DEBT|SVWZ|ABWA|ABWE|OAMT|COAM|PURP|IBAN|BIC)\+\s?")
_SLASH = re.compile(
    r"/(TRTP|TRCD|IBAN|BIC|NAME|REMI|EREF|PREF|MARF|CSID|ORDP|BENM|CNTP|ISDT|RTRN|RTYP|ADDR|ULTD|ULTC|ULTB|PURP|SVCL"
    r"|INIT|EXCH|CHGS|OCMT|ID)/"
)
_REFERENCE = {"EREF": "end_to_end", "KREF": "customer", "MREF": "mandate", "MARF": "mandate", "CRED": "creditor_id",
              "CSID": "creditor_id", "PREF": "instruction"}  # fmt: skip
_KINDS = {
    **{str(number): "text" for number in (*range(20, 30), *range(60, 64))}, "32": "name", "33": "name", "31": "account", "00": "label",
}  # fmt: skip
_NONE = frozenset(("", "NOTPROVIDED", "NONREF", "NICHT ANGEGEBEN", "NOT PROVIDED"))


class Narrative:
    """The parts of a narrative that matching needs."""

    __slots__ = ("account", "code", "counterparty", "references", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.counterparty = ""
        self.account = ""
        self.code = ""
        self.references: dict[str, str] = {}

    def refer(self, key: str, value: str) -> None:
        kind = _REFERENCE.get(key)
        if kind:
            value = value.strip(" /\n")
            if value.upper() not in _NONE:
                self.references.setdefault(kind, value)


def plain(lines: list[str]) -> str:
    """Lines joined as a person would read them; blank lines and padding are dropped."""
    if len(lines) == 1:
        return lines[0].strip()
    out = ""
    glue = ""
    for line in lines:
        bare = line.rstrip()
        if not bare:
            glue = " "
            continue
        out += glue + bare if out else bare
        glue = "" if len(line) >= FULL_WIDTH else " "
    return out.strip()


def read(lines: list[str]) -> Narrative:
    first = lines[0]
    if _GERMAN.match(first):
        return _german("".join(lines))
    if first.startswith("/"):
        joined = "".join(lines)
        if _SLASH.match(joined) or _SLASH.search(joined, 0, 200):
            return _slashes(joined)
    return Narrative(plain(lines))


def _german(joined: str) -> Narrative:
    parts = _SUBFIELD.split(joined)
    found = Narrative("")
    found.code = parts[0].strip()[:3]
    text = name = label = ""
    kinds = _KINDS
    for part in parts[1:]:
        kind = kinds.get(part[:2])
        if kind == "text":
            text += part[2:]
        elif kind == "name":
            name += part[2:]
        elif kind == "account":
            found.account = part[2:].strip()
        elif kind == "label":
            label = part[2:].strip()
    found.counterparty = name.strip()
    if "+" in text:
        pieces = _SEPA.split(text)
        purpose = pieces[0].strip()
        for at in range(1, len(pieces), 2):
            if pieces[at] == "SVWZ":
                purpose = f"{purpose} {pieces[at + 1].strip()}" if purpose else pieces[at + 1].strip()
            else:
                found.refer(pieces[at], pieces[at + 1])
        # Only the purpose is text when the bank marked it; otherwise everything is.
        text = purpose or text
    found.text = f"{label} {text.strip()}".strip() if label else text.strip()
    return found


def _slashes(joined: str) -> Narrative:
    found = Narrative(joined.strip())
    pieces = _SLASH.split(joined)
    remittance = ""
    for key, value in zip(pieces[1::2], pieces[2::2], strict=True):
        if key == "NAME":
            found.counterparty = found.counterparty or value.strip("/ ")
        elif key == "IBAN":
            found.account = found.account or value.strip("/ ")
        elif key == "CNTP":
            parts = [item.strip() for item in value.split("/")]
            found.account = found.account or parts[0]
            if len(parts) > 2:
                found.counterparty = found.counterparty or parts[2]
        elif key == "REMI":
            remittance = remittance or value.removeprefix("USTD//").removeprefix("STRD/").strip("/ ")
        else:
            found.refer(key, value)
    if remittance:
        found.text = remittance
    elif pieces[0].strip():
        found.text = pieces[0].strip()
    return found
