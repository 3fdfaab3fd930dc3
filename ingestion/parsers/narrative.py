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
        value = value.strip().strip("/").strip()
        kind = _REFERENCE.get(key)
        if kind and value.upper() not in _NONE:
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
    purpose: list[str] = []
    name: list[str] = []
    label = ""
    for part in parts[1:]:
        key, value = part[:2], part[2:]
        if "20" <= key <= "29" or "60" <= key <= "63":
            purpose.append(value)
        elif key in ("32", "33"):
            name.append(value)
        elif key == "31":
            found.account = value.strip()
        elif key == "00":
            label = value.strip()
    found.counterparty = "".join(name).strip()
    text = "".join(purpose)
    if "+" in text:
        pieces = _SEPA.split(text)
        plain_text = [pieces[0].strip()]
        for key, value in zip(pieces[1::2], pieces[2::2], strict=True):
            if key == "SVWZ":
                plain_text.append(value.strip())
            else:
                found.refer(key, value)
        # Only the purpose is text when the bank marked it; otherwise everything is.
        found.text = " ".join(item for item in plain_text if item) or text.strip()
    else:
        found.text = text.strip()
    if label:
        found.text = f"{label} {found.text}".strip()
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
