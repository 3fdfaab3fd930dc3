"""The bank's own reading of NACHA files, and the returns and notices it answers with.

Kept deliberately apart from the application's package: two readers written from the same rules that must agree.
Strict where a bank is strict (94 characters, order of records, counts, hashes, totals), silent about the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

CREDITS, DEBITS = frozenset(["22", "32", "42", "52"]), frozenset(["27", "37", "47", "55"])
PRENOTES = frozenset(["23", "28", "33", "38", "43", "48", "53"])
# The code of the entry that carries a return or notice back.
BACK = {"2": ("21", "26"), "3": ("31", "36"), "4": ("41", "46"), "5": ("51", "56")}


class BadFile(ValueError):
    """Why a file was refused."""


@dataclass
class Entry:
    batch: int
    line: int
    text: str
    sec: str
    company: str
    addenda: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        return self.text[1:3]

    @property
    def routing(self) -> str:
        return self.text[3:12]

    @property
    def account(self) -> str:
        return (self.text[39:74] if self.sec == "IAT" else self.text[12:29]).strip()

    @property
    def amount(self) -> int:
        return int(self.text[29:39])

    @property
    def individual_id(self) -> str:
        return "" if self.sec == "IAT" else self.text[39:54].strip()

    @property
    def name(self) -> str:
        if self.sec == "IAT":
            return ""
        return self.text[58:74].strip() if self.sec == "CTX" else self.text[54:76].strip()

    @property
    def trace(self) -> str:
        return self.text[79:94]


@dataclass
class Batch:
    number: int
    header: str
    entries: list[Entry] = field(default_factory=list)


@dataclass
class Received:
    header: str
    batches: list[Batch]


def _number(text: str, line: int, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadFile(f"line {line}: {what} must be digits, not {text!r}")
    return int(text)


def complete(data: bytes) -> bool:
    """Does the file end as a finished file does? One that is still being written does not."""
    return any(line.startswith("9") for line in data.decode("latin-1").splitlines()[-10:])


def read(data: bytes) -> Received:
    try:
        lines = data.decode("ascii").replace("\r\n", "\n").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise BadFile(f"byte {error.start} is not ASCII") from None
    header, batches, batch, control = "", [], None, ""
    count = hash_total = debit = credit = 0
    all_count = all_hash = all_debit = all_credit = 0
    for n, raw in enumerate(lines, start=1):
        if len(raw) != 94:
            raise BadFile(f"line {n} has {len(raw)} characters, not 94")
        kind = raw[0]
        if control:
            if raw != "9" * 94:
                raise BadFile(f"line {n} follows the file control")
            continue
        if (n == 1) != (kind == "1"):
            raise BadFile(f"line {n} is a {kind} record; a file starts with its one file header")
        if kind == "1":
            header = raw
        elif kind == "5" and batch is None:
            batch = Batch(_number(raw[87:94], n, "the batch number"), raw)
            count = hash_total = debit = credit = 0
        elif kind == "6" and batch is not None:
            entry = Entry(batch.number, n, raw, batch.header[50:53], batch.header[4:20].strip())
            hash_total += _number(raw[3:11], n, "the routing number")
            _number(raw[11], n, "the check digit")
            amount = _number(raw[29:39], n, "the amount")
            _number(raw[79:94], n, "the trace number")
            if entry.code in CREDITS:
                credit += amount
            elif entry.code in DEBITS:
                debit += amount
            elif entry.code not in PRENOTES or amount:
                raise BadFile(f"line {n}: transaction code {entry.code} cannot be originated with {amount} cents")
            count += 1
            batch.entries.append(entry)
        elif kind == "7" and batch is not None and batch.entries:
            batch.entries[-1].addenda.append(raw)
            count += 1
        elif kind == "8" and batch is not None:
            said = tuple(_number(raw[a:b], n, "a total") for a, b in ((4, 10), (10, 20), (20, 32), (32, 44)))
            real = (count, hash_total % 10**10, debit, credit)
            if said != real:
                raise BadFile(f"line {n}: the batch control says count, hash, debits, credits {said}, the batch has {real}")
            batches.append(batch)
            all_count, all_hash, all_debit, all_credit = all_count + count, all_hash + real[1], all_debit + debit, all_credit + credit
            batch = None
        elif kind == "9" and batch is None:
            stated = tuple(_number(raw[a:b], n, "a total") for a, b in ((1, 7), (13, 21), (21, 31), (31, 43), (43, 55)))
            whole = (len(batches), all_count, all_hash % 10**10, all_debit, all_credit)
            if stated != whole:
                raise BadFile(f"line {n}: the file control says batches, count, hash, debits, credits {stated}, the file has {whole}")
            control = raw
        else:
            raise BadFile(f"line {n}: a {kind} record is out of place")
    if not control:
        raise BadFile("the file control is missing")
    return Received(header, batches)


def check_digit(eight: str) -> str:
    total = sum(int(c) * w for c, w in zip(eight, (3, 7, 1, 3, 7, 1, 3, 7), strict=True))
    return str(-total % 10)


def corrected(entry: Entry, code: str) -> str:
    """What a notice of change would put right, laid out as the code demands."""
    account = (entry.account[-16:] + "9")[:17] if len(entry.account) < 17 else entry.account[:16] + "9"
    routing, flipped = "091000019", {"2": "3", "3": "2"}.get(entry.code[0], "2") + entry.code[1]
    return {
        "C01": account, "C02": routing, "C03": f"{routing}   {account}", "C04": (entry.name or "CORRECTED NAME")[:22], "C05": flipped,
        "C06": f"{account:<17}   {flipped}", "C07": f"{routing}{account:<17}{flipped}", "C09": (entry.individual_id or "CORRECTED")[:15],
    }.get(code, account)  # fmt: skip


def answer_file(received: Received, answers: list[tuple[Entry, str]], made: datetime, modifier: str, notices: bool) -> bytes:
    """A return file (addenda 99) or a file of notices of change (addenda 98) for these entries."""
    head = received.header
    out = [
        f"101{head[13:23]}{head[3:13]}{made:%y%m%d%H%M}{modifier}094101{head[63:86]}{head[40:63]}{'':8}",
    ]
    totals = [0, 0, 0, 0]
    groups: dict[int, list[tuple[Entry, str]]] = {}
    for entry, code in answers:
        groups.setdefault(entry.batch, []).append((entry, code))
    for number, (original, rows) in enumerate(sorted(groups.items()), start=1):
        header = next(batch.header for batch in received.batches if batch.number == original)
        odfi, sec = header[79:87], "COR" if notices else header[50:53]
        returning = rows[0][0].routing[:8]
        body, sums = [], [0, 0, 0, 0]
        for sequence, (entry, code) in enumerate(rows, start=1):
            credit = entry.code[1] in "234"
            amount = 0 if notices else entry.amount
            back = BACK[entry.code[0]][0 if credit else 1]
            trace = f"{returning}{sequence:07d}"
            body.append(f"6{back}{odfi}{check_digit(odfi)}{entry.text[12:29]}{amount:010d}{entry.text[39:78]}1{trace}")
            if notices:
                body.append(f"798{code}{entry.trace}{'':6}{entry.routing[:8]}{corrected(entry, code):<29}{'':15}{trace}")
            else:
                body.append(f"799{code}{entry.trace}{'':6}{entry.routing[:8]}{'':44}{trace}")
            sums[0] += 2
            sums[1] += int(odfi)
            sums[3 if credit else 2] += amount
        sums[1] %= 10**10
        service = "200" if (sums[2] and sums[3]) or notices else "220" if sums[3] else "225"
        out.append(f"5{service}{header[4:50]}{sec}{header[53:69]}{made:%y%m%d}   1{returning}{number:07d}")
        out += body
        out.append(f"8{service}{sums[0]:06d}{sums[1]:010d}{sums[2]:012d}{sums[3]:012d}{header[40:50]}{'':25}{returning}{number:07d}")
        totals = [a + b for a, b in zip(totals, sums, strict=True)]
    lines = len(out) + 1
    blocks = -(-lines // 10)
    out.append(f"9{len(groups):06d}{blocks:06d}{totals[0]:08d}{totals[1] % 10**10:010d}{totals[2]:012d}{totals[3]:012d}{'':39}")
    out += ["9" * 94] * (blocks * 10 - lines)
    return ("\n".join(out) + "\n").encode("ascii")
