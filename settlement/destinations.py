"""Where money can go: each destination type checked with its own check digits, normalised, and masked for display.

Pure: no database, no network. `validate` answers either the normalised dict that is stored and handed to the rail, or
the list of everything wrong with it, each with a JSON pointer, a code and what to do. `validate_many` does a whole
batch (and hashes all its wallet addresses in one pass). Fields that a type does not know are refused: a misspelt
field must not be lost silently on its way to a bank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException
from stdnum.br import cnpj, cpf
from stdnum.exceptions import ValidationError
from stdnum.mx import curp, rfc

from settlement.base58 import decode as base58_decode
from settlement.keccak import eip55, eip55_many

FieldError = dict[str, str]
Outcome = dict[str, Any] | list[FieldError]

EVM_NETWORKS = ("base", "ethereum", "polygon", "arbitrum", "optimism", "avalanche")
NETWORKS = (*EVM_NETWORKS, "solana")
WALLET_CURRENCIES = frozenset({"USDC", "USDT", "EURC", "ETH", "SOL"})
# None: any currency but the tokens (accounts behind an IBAN exist in every currency).
CURRENCIES: dict[str, frozenset[str] | None] = {
    "us_bank": frozenset({"USD"}),
    "clabe": frozenset({"MXN"}),
    "pix_key": frozenset({"BRL"}),
    "iban": None,
    "wallet": WALLET_CURRENCIES,
    "mpesa_msisdn": frozenset({"KES"}),
}
TYPES = tuple(CURRENCIES)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SEPARATORS = re.compile(r"[ \-.]")
_DIGITS = re.compile(r"\d+", re.ASCII)
_US_ACCOUNT = re.compile(r"[0-9A-Za-z]{1,17}")
_EMAIL = re.compile(r"[a-z0-9.!#$&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BR_PHONE = re.compile(r"\+55[1-9][0-9](?:9[0-9]{8}|[2-8][0-9]{7})")
_KE_MOBILE = re.compile(r"(?:\+?254|0)?([17][0-9]{8})")
_EVM = re.compile(r"0[xX][0-9a-fA-F]{40}")
# Routing numbers the Federal Reserve hands out: 00 government, 01-12 districts, 21-32 thrifts, 61-72 electronic, 80 traveller's cheques.
_ABA_PREFIXES = frozenset([*range(13), *range(21, 33), *range(61, 73), 80])


class _Fields:
    """One destination being read: collects every error instead of stopping at the first."""

    def __init__(self, data: dict[str, Any], pointer: str, known_evm: dict[str, str] | None = None) -> None:
        self.data, self.pointer, self.known_evm = data, pointer, known_evm
        self.errors: list[FieldError] = []
        self.read: set[str] = set()

    def fail(self, field: str, code: str, detail: str) -> None:
        self.errors.append({"pointer": f"{self.pointer}/{field}" if field else self.pointer, "code": code, "detail": detail})

    def text(self, field: str, *, required: bool = True, limit: int = 140) -> str | None:
        self.read.add(field)
        value = self.data.get(field)
        if value is None or value == "":
            if required:
                self.fail(field, "required", f"{field} is required for this type of destination.")
            return None
        if not isinstance(value, str):
            self.fail(field, "not_text", f"{field} must be a string, so that leading zeros survive; it is a {type(value).__name__}.")
            return None
        value = value.strip()
        if not value:
            if required:
                self.fail(field, "required", f"{field} is only blanks.")
            return None
        if _CONTROL.search(value):
            self.fail(field, "control_character", f"{field} holds a control character or line break; remove it.")
            return None
        if len(value) > limit:
            self.fail(field, "too_long", f"{field} has {len(value)} characters; at most {limit} are allowed.")
            return None
        return value

    def choice(self, field: str, choices: Sequence[str], default: str | None = None) -> str | None:
        value = self.text(field, required=default is None, limit=40)
        if value is None:
            return default if not self.data.get(field) else None
        if value.lower() not in choices:
            self.fail(field, "unknown_choice", f"{field} is {value!r}; it must be one of {', '.join(choices)}.")
            return None
        return value.lower()

    def holder(self, *, required: bool = True) -> str | None:
        return self.text("holder_name", required=required)


def aba_check_digit_ok(routing: str) -> bool:
    """Weights 3, 7, 1 over all nine digits make a multiple of ten."""
    d = [ord(c) - 48 for c in routing]
    return (3 * (d[0] + d[3] + d[6]) + 7 * (d[1] + d[4] + d[7]) + d[2] + d[5] + d[8]) % 10 == 0


def _us_bank(f: _Fields) -> dict[str, Any]:
    routing = f.text("routing_number", limit=20)
    if routing is not None:
        routing = _SEPARATORS.sub("", routing)
        if len(routing) != 9 or not _DIGITS.fullmatch(routing):
            f.fail("routing_number", "format", "A US routing number has exactly nine digits.")
        elif int(routing[:2]) not in _ABA_PREFIXES or routing == "000000000":
            f.fail("routing_number", "unknown_range", f"No US bank has a routing number that starts with {routing[:2]}.")
        elif not aba_check_digit_ok(routing):
            f.fail("routing_number", "checksum", "The check digit of the routing number is wrong: a digit was mistyped.")
    account = f.text("account_number", limit=34)
    if account is not None:
        account = _SEPARATORS.sub("", account)
        if not _US_ACCOUNT.fullmatch(account):
            f.fail("account_number", "format", "A US account number has 1 to 17 letters or digits.")
        elif not account.strip("0"):
            f.fail("account_number", "format", "An account number of only zeros belongs to nobody.")
    return {
        "routing_number": routing,
        "account_number": account,
        "account_type": f.choice("account_type", ("checking", "savings"), "checking"),
        "holder_name": f.holder(),
        "bank_name": f.text("bank_name", required=False),
    }


def clabe_check_digit(first17: str) -> str:
    total = sum((int(c) * w) % 10 for c, w in zip(first17, (3, 7, 1) * 6, strict=False))
    return str((10 - total % 10) % 10)


def _clabe(f: _Fields) -> dict[str, Any]:
    clabe = f.text("clabe", limit=30)
    if clabe is not None:
        clabe = _SEPARATORS.sub("", clabe)
        if len(clabe) != 18 or not _DIGITS.fullmatch(clabe):
            f.fail("clabe", "format", "A CLABE has exactly 18 digits.")
        elif clabe[:3] == "000":
            f.fail("clabe", "unknown_bank", "A CLABE starts with its bank's code; 000 is none.")
        elif clabe_check_digit(clabe[:17]) != clabe[17]:
            f.fail("clabe", "checksum", "The check digit of the CLABE is wrong: a digit was mistyped.")
    tax_id = f.text("tax_id", required=False, limit=18)
    if tax_id is not None:
        tax_id = _SEPARATORS.sub("", tax_id).upper()
        try:
            tax_id = curp.validate(tax_id) if len(tax_id) == 18 else rfc.validate(tax_id)
        except ValidationError:
            f.fail("tax_id", "checksum", "tax_id must be a valid RFC (12 or 13 characters) or CURP (18).")
    return {"clabe": clabe, "holder_name": f.holder(), "tax_id": tax_id}


PIX_KEY_TYPES = ("cpf", "cnpj", "email", "phone", "evp")


def _pix_kind(key: str) -> str | None:
    """The kind a key shows by its form. A phone always carries +55 in Pix, so eleven bare digits are a CPF."""
    if "@" in key:
        return "email"
    if key.startswith("+"):
        return "phone"
    if _UUID.fullmatch(key.lower()):
        return "evp"
    bare = re.sub(r"[ \-./]", "", key)
    return {11: "cpf", 14: "cnpj"}.get(len(bare))


def _pix(f: _Fields) -> dict[str, Any]:
    key = f.text("key", limit=77)
    kind = f.choice("key_type", PIX_KEY_TYPES, "auto")
    if key is not None and kind is not None:
        if kind == "auto":
            kind = _pix_kind(key)
        if kind is None:
            f.fail("key", "format", "The Pix key is neither a CPF, CNPJ, e-mail, +55 phone nor a random key (UUID).")
        elif kind in ("cpf", "cnpj"):
            try:
                key = cpf.validate(key) if kind == "cpf" else cnpj.validate(key)
            except ValidationError:
                f.fail("key", "checksum", f"The {kind.upper()} in the Pix key is wrong: its check digits do not fit.")
        elif kind == "email":
            key = key.lower()
            if not _EMAIL.fullmatch(key) or ".." in key:
                f.fail("key", "format", "The Pix key is not a complete e-mail address.")
        elif kind == "phone":
            digits = re.sub(r"[ ()\-.]", "", key)
            key = digits if digits.startswith("+") else "+" + digits if digits.startswith("55") and len(digits) > 11 else "+55" + digits
            if not _BR_PHONE.fullmatch(key):
                f.fail("key", "format", "A Pix phone key is +55, the two-digit area code and the number.")
        else:
            key = key.lower()
            if not _UUID.fullmatch(key):
                f.fail("key", "format", "A random Pix key is a UUID of 36 characters.")
    return {"key": key, "key_type": kind, "holder_name": f.holder(required=False)}


def _iban(f: _Fields) -> dict[str, Any]:
    iban = f.text("iban", limit=50)
    if iban is not None:
        try:
            iban = str(IBAN(iban))
        except (SchwiftyException, ValueError) as error:
            f.fail("iban", "checksum" if "check" in str(error).lower() else "format", f"The IBAN is not valid: {error}.")
    bic = f.text("bic", required=False, limit=11)
    if bic is not None:
        try:
            bic = str(BIC(bic.upper()))
        except (SchwiftyException, ValueError) as error:
            f.fail("bic", "format", f"The BIC is not valid: {error}.")
    return {"iban": iban, "bic": bic, "holder_name": f.holder()}


def _wallet(f: _Fields) -> dict[str, Any]:
    address = f.text("address", limit=64)
    network = f.choice("network", NETWORKS)
    if address is not None and network == "solana":
        decoded = base58_decode(address)
        if decoded is None or len(decoded) != 32:
            f.fail("address", "format", "A Solana address is 32 bytes in base58 (32 to 44 characters).")
    elif address is not None and network is not None:
        if not _EVM.fullmatch(address):
            f.fail("address", "format", f"An address on {network} is 0x and 40 hexadecimal digits.")
        elif not address[2:].strip("0"):
            f.fail("address", "burn_address", "Money sent to the zero address is destroyed.")
        else:
            body = address[2:]
            lower = body.lower()
            correct = (f.known_evm or {}).get(lower) or eip55(lower)
            # One case throughout carries no checksum; mixed case is one, and must fit.
            if body not in (lower, body.upper()) and body != correct:
                f.fail("address", "checksum", "The upper and lower case of the address (EIP-55) does not fit: a character was mistyped.")
            address = "0x" + correct
    return {"address": address, "network": network, "holder_name": f.holder(required=False)}


def _mpesa(f: _Fields) -> dict[str, Any]:
    msisdn = f.text("msisdn", limit=24)
    if msisdn is not None:
        # Numbers move between operators in Kenya, so the prefix says mobile, not M-Pesa; the rail answers the rest.
        match = _KE_MOBILE.fullmatch(re.sub(r"[ ()\-.]", "", msisdn))
        if match:
            msisdn = "254" + match.group(1)
        else:
            f.fail("msisdn", "format", "A Kenyan mobile number is 07... or 01... with ten digits, or 254 and nine digits.")
    return {"msisdn": msisdn, "holder_name": f.holder(required=False)}


_VALIDATORS: dict[str, Callable[[_Fields], dict[str, Any]]] = {
    "us_bank": _us_bank, "clabe": _clabe, "pix_key": _pix, "iban": _iban, "wallet": _wallet, "mpesa_msisdn": _mpesa,
}  # fmt: skip


def validate(type: str, data: Any, currency: str, *, pointer: str = "/destination", _known_evm: dict[str, str] | None = None) -> Outcome:
    """The normalised destination (with its `type`), or the list of all its errors."""
    check = _VALIDATORS.get(type) if isinstance(type, str) else None
    if check is None:
        return [
            {
                "pointer": f"{pointer}/type",
                "code": "unknown_type",
                "detail": f"Destination type {type!r} is unknown; use one of {', '.join(TYPES)}.",
            }
        ]
    if not isinstance(data, dict):
        return [{"pointer": pointer, "code": "not_an_object", "detail": "The destination must be an object with the fields of its type."}]
    f = _Fields(data, pointer, _known_evm)
    allowed = CURRENCIES[type]
    if currency and ((allowed is not None and currency not in allowed) or (allowed is None and currency in WALLET_CURRENCIES)):
        takes = ", ".join(sorted(allowed)) if allowed else "bank currencies"
        f.fail("type", "currency_mismatch", f"A {type} destination takes {takes}, not {currency}.")
    result = check(f)
    for field in data:
        if field not in f.read and field != "type":
            f.fail(str(field), "unknown_field", f"{field} is not a field of a {type} destination; it knows {', '.join(sorted(f.read))}.")
    if f.errors:
        return f.errors
    return {"type": type, **{name: value for name, value in result.items() if value is not None}}


def validate_many(items: Iterable[tuple[str, Any, str, str]]) -> list[Outcome]:
    """Many (type, data, currency, pointer) at once, in order; the wallet checksums are computed in one pass."""
    rows = list(items)
    bodies = [
        address[2:]
        for type_, data, _, _ in rows
        if type_ == "wallet"
        and isinstance(data, dict)
        and isinstance(address := data.get("address"), str)
        and _EVM.fullmatch(address := address.strip())
    ]
    known = eip55_many(bodies)
    return [validate(type_, data, currency, pointer=pointer, _known_evm=known) for type_, data, currency, pointer in rows]


# What identifies the account of each type; everything else is description.
IDENTITY_FIELD = {
    "us_bank": "account_number", "clabe": "clabe", "pix_key": "key", "iban": "iban", "wallet": "address", "mpesa_msisdn": "msisdn",
}  # fmt: skip


def identity(destination: dict[str, Any]) -> str:
    """One canonical text per account, for duplicate detection and blind indexes."""
    kind = destination["type"]
    parts = [kind, str(destination.get(IDENTITY_FIELD[kind], ""))]
    if kind == "us_bank":
        parts.insert(1, str(destination.get("routing_number", "")))
    if kind == "wallet":
        parts.insert(1, str(destination.get("network", "")))
        parts[2] = parts[2].lower() if parts[1] != "solana" else parts[2]
    return ":".join(parts)


def _dots(value: str, keep_end: int = 4, keep_start: int = 0) -> str:
    if len(value) <= keep_end + keep_start:
        return "•" * len(value)
    return f"{value[:keep_start]}••••{value[-keep_end:]}"


def mask(destination: dict[str, Any]) -> dict[str, Any]:
    """The destination as it may be shown and logged: enough to recognise, not enough to use. Names are initials."""
    kind = destination.get("type", "")
    field = IDENTITY_FIELD.get(kind)
    shown = dict(destination)
    if field and isinstance(shown.get(field), str):
        value: str = shown[field]
        if kind == "pix_key" and "@" in value:
            local, _, domain = value.partition("@")
            shown[field] = f"{local[:1]}•••@{domain}"
        elif kind == "wallet":
            shown[field] = _dots(value, 4, 6)
        elif kind == "iban":
            shown[field] = _dots(value, 4, 4)
        else:
            shown[field] = _dots(value)
    if shown.get("tax_id"):
        shown["tax_id"] = _dots(shown["tax_id"], 3)
    if shown.get("holder_name"):
        shown["holder_name"] = " ".join(word[0] + "." for word in shown["holder_name"].split())
    return shown


def label(destination: dict[str, Any]) -> str:
    """One line for tables: `us_bank 091000019 ••••5678`."""
    shown = mask(destination)
    kind = shown.get("type", "unknown")
    parts = [kind, shown.get("routing_number") or shown.get("network") or "", str(shown.get(IDENTITY_FIELD.get(kind, ""), ""))]
    return " ".join(part for part in parts if part)
