"""Keccak-256 as Ethereum uses it (not the later SHA3-256, whose padding differs), and the EIP-55 checksum made of it.

Neither the standard library nor OpenSSL before 3.2 offers it. The permutation here works on whole batches: each of
the 25 lanes is one Python integer that holds the 64-bit lane of every message side by side, so one XOR of big
integers does the work of a thousand. A batch of 1,000 wallet addresses costs about as much as 30 hashed singly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

RATE = 136  # bytes absorbed per permutation for a 256-bit digest

_ROUND_CONSTANTS = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000A, 0x000000008000808B, 0x800000000000008B, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)  # fmt: skip


def _rotations() -> list[int]:
    """Rho's rotation offsets, lane index x + 5y, from the walk that defines them."""
    offsets = [0] * 25
    x, y = 1, 0
    for t in range(24):
        offsets[x + 5 * y] = ((t + 1) * (t + 2) // 2) % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


_RHO = _rotations()
# Pi: lane (x, y) moves to (y, 2x + 3y).
_PI_TARGET = [(y + 5 * ((2 * x + 3 * y) % 5)) for y in range(5) for x in range(5)]


def _permute(lanes: list[int], count: int) -> list[int]:
    ones = int.from_bytes(b"\x01" + b"\x00" * 7, "little")
    repeat = int.from_bytes(ones.to_bytes(8, "little") * count, "little")  # bit 0 of every lane
    full = (1 << (64 * count)) - 1
    low_masks = [repeat * ((1 << r) - 1) for r in range(64)]

    def rotate(value: int, r: int) -> int:
        if not r:
            return value
        low = low_masks[r]
        return ((value << r) & (full ^ low)) & full | ((value >> (64 - r)) & low)

    for constant in _ROUND_CONSTANTS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mix = [columns[(x - 1) % 5] ^ rotate(columns[(x + 1) % 5], 1) for x in range(5)]
        moved = [0] * 25
        for i in range(25):
            moved[_PI_TARGET[i]] = rotate(lanes[i] ^ mix[i % 5], _RHO[i])
        for row in range(0, 25, 5):
            a, b, c, d, e = moved[row : row + 5]
            lanes[row] = a ^ ((b ^ full) & c)
            lanes[row + 1] = b ^ ((c ^ full) & d)
            lanes[row + 2] = c ^ ((d ^ full) & e)
            lanes[row + 3] = d ^ ((e ^ full) & a)
            lanes[row + 4] = e ^ ((a ^ full) & b)
        lanes[0] ^= repeat * constant
    return lanes


def keccak256_many(messages: Sequence[bytes]) -> list[bytes]:
    """The digests of messages that all pad to the same number of blocks (addresses do)."""
    if not messages:
        return []
    padded = []
    for message in messages:
        fill = RATE - len(message) % RATE
        padded.append(message + (b"\x81" if fill == 1 else b"\x01" + b"\x00" * (fill - 2) + b"\x80"))
    size, count = len(padded[0]), len(padded)
    if any(len(p) != size for p in padded):
        raise ValueError("keccak256_many takes messages of the same number of 136-byte blocks; hash them in groups.")
    lanes = [0] * 25
    for block in range(0, size, RATE):
        for i in range(RATE // 8):
            at = block + 8 * i
            lanes[i] ^= int.from_bytes(b"".join([p[at : at + 8] for p in padded]), "little")
        lanes = _permute(lanes, count)
    columns = [lanes[i].to_bytes(8 * count, "little") for i in range(4)]
    return [b"".join([column[8 * n : 8 * n + 8] for column in columns]) for n in range(count)]


def keccak256(message: bytes) -> bytes:
    return keccak256_many([message])[0]


def eip55_many(addresses: Sequence[str]) -> dict[str, str]:
    """lower-case 40-hex-digit body -> the body in EIP-55 case."""
    bodies = list(dict.fromkeys(address.lower() for address in addresses))
    digests = keccak256_many([body.encode("ascii") for body in bodies])
    return {
        body: "".join([c.upper() if h in "89abcdef" else c for c, h in zip(body, digest.hex(), strict=False)])
        for body, digest in zip(bodies, digests, strict=True)
    }


@lru_cache(maxsize=4096)
def eip55(body: str) -> str:
    """One address body (40 lower-case hex digits) in EIP-55 case."""
    return eip55_many([body])[body]
