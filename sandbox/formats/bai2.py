"""BAI2: one group for the day, one account record per currency; control totals add amounts without netting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.statements import Statement

SENDER, RECEIVER = "SANDBANK", "CUSTOMER"
CODES = {
    "transfer": "495", "return": "257", "ach": "466", "ach_in": "165", "ach_return": "257", "deposit": "301", "wire_in": "195",
    "lockbox": "115", "interest": "354", "fee": "698", "chargeback": "555", "check_paid": "475",
}  # fmt: skip
TEXT = 60  # characters of text a record carries before it goes on in an 88


def code_of(kind: str, amount: int) -> str:
    code = CODES.get(kind, "399" if amount >= 0 else "699")
    if kind == "ach" and amount >= 0:
        return "166"
    if kind == "ach_return" and amount < 0:
        return "557"
    return code


def _field(text: str) -> str:
    return " ".join(text.replace(",", " ").replace("/", " ").split())


def render(statements: list[Statement]) -> bytes:
    if not statements:
        return b""
    first = statements[0]
    day, made = first.day.strftime("%y%m%d"), first.made_at
    out = [f"01,{SENDER},{RECEIVER},{made:%y%m%d},{made:%H%M},{first.serial},80,1,2/"]
    group_total, group_start = 0, len(out)
    out.append(f"02,{RECEIVER},{SENDER},1,{day},2400,{first.currency},2/")
    for s in statements:
        start = len(out)
        credits = [line for line in s.lines if line.amount_minor > 0]
        debits = [line for line in s.lines if line.amount_minor < 0]
        credit_sum, debit_sum = sum(x.amount_minor for x in credits), -sum(x.amount_minor for x in debits)
        out.append(f"03,{s.number},{s.currency},010,{s.opening_minor},,,015,{s.closing_minor},,/")
        out.append(f"88,100,{credit_sum},{len(credits)},,400,{debit_sum},{len(debits)},/")
        total = s.opening_minor + s.closing_minor + credit_sum + debit_sum
        for line in s.lines:
            amount = abs(line.amount_minor)
            total += amount
            words = _field(f"{line.narrative} {line.counterparty}")
            pieces = [words[i : i + TEXT] for i in range(0, len(words), TEXT)] or [""]
            out.append(
                f"16,{code_of(line.kind, line.amount_minor)},{amount},0,{line.bank_reference},{_field(line.reference)},{pieces[0]}"
                + ("" if len(pieces) > 1 else "/")
            )
            out += [f"88,{piece}" for piece in pieces[1:-1]]
            out += [f"88,{pieces[-1]}/"] if len(pieces) > 1 else []
        out.append(f"49,{total},{len(out) - start + 1}/")
        group_total += total
    out.append(f"98,{group_total},{len(statements)},{len(out) - group_start + 1}/")
    out.append(f"99,{group_total},1,{len(out) + 1}/")
    return ("\n".join(out) + "\n").encode("ascii", "replace")
