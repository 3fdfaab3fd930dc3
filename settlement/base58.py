"""Base58 as Bitcoin and Solana write addresses: no 0, O, I, l; each leading 1 is a zero byte."""

from __future__ import annotations

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE = {c: i for i, c in enumerate(ALPHABET)}
LIMIT = 128  # addresses are short; the conversion is quadratic, so longer text is refused unread


def decode(text: str) -> bytes | None:
    """The bytes, or None when the text is not base58."""
    if not text or len(text) > LIMIT:
        return None
    number = 0
    for character in text:
        value = _VALUE.get(character)
        if value is None:
            return None
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return b"\x00" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def encode(data: bytes) -> str:
    number, out = int.from_bytes(data, "big"), []
    while number:
        number, digit = divmod(number, 58)
        out.append(ALPHABET[digit])
    return "1" * (len(data) - len(data.lstrip(b"\x00"))) + "".join(reversed(out))
