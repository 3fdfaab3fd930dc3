"""The business acts of the reconciliation bench, one function each: rows on both sides and the truth about them."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import timedelta

from bench.recon_generator import Row, Truth, World, banking_days_later


def _pair(world: World, event: str, mine: Row, **kwargs: object) -> Truth:
    theirs = world.theirs(mine, **kwargs)
    return Truth(event, [([mine.id], [theirs.id])])


def exact(world: World) -> Truth:
    return _pair(world, "exact", world.usual())


def reformatted(world: World) -> Truth:
    mine = world.usual()
    style = world.random.randrange(4)
    reference = mine.reference
    if style == 0:
        reference = reference.lower() if reference.upper() == reference else reference.upper()
    elif style == 1:
        reference = "".join(c for c in reference if c.isalnum())
    elif style == 2:
        reference = reference.replace("-", " ").replace("/", "-")
    else:
        reference = f"REF:{reference}"
    return _pair(world, "reformatted", mine, reference=reference)


def padded(world: World) -> Truth:
    mine = world.usual()
    return _pair(world, "padded", mine, reference=mine.reference.zfill(len(mine.reference) + world.random.randrange(2, 7)))


def truncated(world: World) -> Truth:
    mine = world.usual()
    keep = max(8, len(mine.reference) * 2 // 3)
    reference = mine.reference[:keep] if world.random.random() < 0.6 else mine.reference[-keep:]
    return _pair(world, "truncated", mine, reference=reference)


def mistyped(world: World) -> Truth:
    mine = world.usual()
    text = list(mine.reference)
    at = world.random.randrange(len(text) - 1)
    style = world.random.randrange(3)
    if style == 0:
        text[at], text[at + 1] = text[at + 1], text[at]
    elif style == 1:
        text[at] = world.random.choice([c for c in string.digits if c != text[at]])
    else:
        del text[at]
    return _pair(world, "mistyped", mine, reference="".join(text))


def narrative(world: World) -> Truth:
    mine = world.usual()
    reference = mine.reference if world.random.random() < 0.7 else mine.reference.replace("-", " ").replace("/", " ")
    text = world.random.choice(
        ["PAYMENT {r} {c}", "WIRE IN FROM {c} REF {r} THANK YOU", "{c}/INVOICE {r}/SETTLEMENT", "TRF REF: {r}; {c}"]
    ).format(r=reference, c=mine.counterparty.upper())
    return _pair(world, "narrative", mine, reference="", counterparty="", description=text)


def net_of_fee(world: World) -> Truth:
    mine = world.usual()
    fee = max(1, mine.minor * 29 // 1000)
    style = world.random.randrange(3)
    if style == 0:
        mine.fee = fee
        return _pair(world, "net_of_fee", mine, minor=mine.minor - fee)
    if style == 1:
        return _pair(world, "net_of_fee", mine, minor=mine.minor - fee, fee=fee)
    theirs = world.theirs(mine)
    charge = world.theirs(mine, minor=-fee, type="fee", day=theirs.day)
    mine.minor -= fee
    return Truth("net_of_fee", [([mine.id], [theirs.id, charge.id])])


def fx_rounding(world: World) -> Truth:
    mine = world.usual()
    return _pair(world, "fx_rounding", mine, minor=mine.minor + world.random.choice([-2, -1, 1, 2]))


def no_reference(world: World) -> Truth:
    return _pair(world, "no_reference", world.usual(), reference="")


def duplicate_internal(world: World) -> Truth:
    mine = world.usual()
    truth = _pair(world, "duplicate_internal", mine)
    twin = world.mine(**_same(mine))
    truth.discrepancies.append(("duplicate", [twin.id], []))
    return truth


def duplicate_external(world: World) -> Truth:
    mine = world.usual()
    theirs = world.theirs(mine)
    twin = world.theirs(mine, day=theirs.day, counterparty=theirs.counterparty)
    return Truth("duplicate_external", [([mine.id], [theirs.id])], [("duplicate", [], [twin.id])])


def _same(row: Row) -> dict[str, object]:
    return {
        "day": row.day, "minor": row.minor, "currency": row.currency, "reference": row.reference, "counterparty":
        row.counterparty, "description": row.description, "type": row.type, "batch_id": row.batch_id, "fee": row.fee,
    }  # fmt: skip


def missing_external(world: World) -> Truth:
    mine = world.usual()
    return Truth("missing_external", [], [("missing_settlement", [mine.id], [])])


def missing_internal(world: World) -> Truth:
    mine = world.usual()
    theirs = world.theirs(mine)
    world.internal.remove(mine) if world.internal[-1] is not mine else world.internal.pop()
    return Truth("missing_internal", [], [("missing_internal", [], [theirs.id])])


def _batch(world: World, size: int, batch_id: str) -> list[Row]:
    first = world.usual(batch_id=batch_id, type="payout")
    rest = [
        world.usual(batch_id=batch_id, type="payout", day=first.day, currency=first.currency,
                    counterparty=world.random.choice(world.people), minor=world.amount(first.currency))
        for _ in range(size - 1)
    ]  # fmt: skip
    return [first, *rest]


def _size(world: World) -> int:
    return min(500, int(10 ** world.random.uniform(0.31, 2.7)))


def batch_reference(world: World) -> Truth:
    batch_id = f"BATCH-{world.made['I']:07d}"
    items = _batch(world, _size(world), batch_id)
    total = sum(item.minor for item in items)
    where = world.random.randrange(3)
    line = world.theirs(
        items[0], minor=total, type="settlement", counterparty="",
        reference=batch_id if where == 0 else "", batch_id=batch_id if where == 1 else "",
        description=f"SETTLEMENT OF {batch_id}" if where == 2 else "SETTLEMENT",
    )  # fmt: skip
    return Truth("batch_reference", [([item.id for item in items], [line.id])])


def batch_bare(world: World) -> Truth:
    """No shared key: the total of one counterparty's day, or of a batch that only we know."""
    known = world.random.random() < 0.5
    items = _batch(world, max(2, _size(world) // 4), f"BATCH-{world.made['I']:07d}" if known else "")
    if not known:
        for item in items:
            item.counterparty = items[0].counterparty
    total = sum(item.minor for item in items)
    line = world.theirs(
        items[0], minor=total, type="settlement", reference="", description="DAILY SETTLEMENT",
        counterparty="" if known else items[0].counterparty,
    )  # fmt: skip
    return Truth("batch_bare", [([item.id for item in items], [line.id])])


def batch_partial(world: World) -> Truth:
    batch_id = f"BATCH-{world.made['I']:07d}"
    items = _batch(world, max(4, _size(world) // 4), batch_id)
    total = sum(item.minor for item in items[: max(2, len(items) * 3 // 4)])
    line = world.theirs(items[0], minor=total, type="settlement", reference=batch_id, counterparty="")
    return Truth("batch_partial", [], [("split_incomplete", [item.id for item in items], [line.id])], decidable=False)


def _parts(world: World, total: int) -> list[int]:
    count = world.random.randrange(2, 5)
    cuts = sorted(world.random.sample(range(1, total), count - 1))
    return [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]


def split(world: World) -> Truth:
    mine = world.usual()
    lines = [world.theirs(mine, minor=part) for part in _parts(world, mine.minor)]
    return Truth("split", [([mine.id], [line.id for line in lines])])


def split_short(world: World) -> Truth:
    mine = world.usual()
    lines = [world.theirs(mine, minor=part) for part in _parts(world, mine.minor * 7 // 10)]
    return Truth("split_short", [], [("split_incomplete", [mine.id], [line.id for line in lines])])


def sign_flip(world: World) -> Truth:
    mine = world.usual()
    return _pair(world, "sign_flip", mine, minor=-mine.minor)


def returned(world: World) -> Truth:
    mine = world.usual()
    theirs = world.theirs(mine)
    back = world.theirs(mine, minor=-mine.minor, type="return", day=banking_days_later(theirs.day, 2),
                        description="RETURN R03")  # fmt: skip
    return Truth("returned", [([mine.id], [theirs.id])], [("missing_internal", [], [back.id])])


def identical(world: World) -> Truth:
    """Rows that nothing tells apart, as many on both sides: they pair in order, and any order is right."""
    first = world.usual(reference="")
    count = world.random.randrange(2, 4)
    mine = [first] + [world.mine(**_same(first)) for _ in range(count - 1)]
    line = world.theirs(first)
    theirs = [line] + [world.theirs(first, day=line.day, counterparty=line.counterparty) for _ in range(count - 1)]
    return Truth("identical", [([row.id for row in mine], [row.id for row in theirs])])


def one_digit_apart(world: World) -> Truth:
    """Two items whose references differ by one digit; both settle, under their own reference."""
    first = world.usual(reference=f"ORD-{world.random.randrange(10**8, 10**9)}")
    digit = first.reference[-1]
    values = _same(first) | {"reference": first.reference[:-1] + str((int(digit) + 1) % 10)}
    second = world.mine(**values)
    a, b = world.theirs(first), world.theirs(second)
    return Truth("one_digit_apart", [([first.id], [a.id]), ([second.id], [b.id])])


def one_digit_orphans(world: World) -> Truth:
    """Ours never settled; theirs carries a look-alike reference, another payer and the same amount."""
    mine = world.usual(reference=f"ORD-{world.random.randrange(10**8, 10**9)}")
    other = mine.reference[:-1] + str((int(mine.reference[-1]) + 1) % 10)
    theirs = world.theirs(mine, reference=other, counterparty=world.random.choice(world.people))
    return Truth("one_digit_orphans", [], [("missing_settlement", [mine.id], []), ("missing_internal", [], [theirs.id])])


def amount_wrong(world: World) -> Truth:
    mine = world.usual()
    minor = mine.minor + world.random.choice([-1, 1]) * max(50, int(mine.minor * world.random.uniform(0.05, 0.4)))
    theirs = world.theirs(mine, minor=minor)
    return Truth("amount_wrong", [], [("amount_mismatch", [mine.id], [theirs.id])])


def fee_wrong(world: World) -> Truth:
    mine = world.usual()
    fee = max(10, mine.minor * 29 // 1000)
    mine.fee = fee
    theirs = world.theirs(mine, minor=mine.minor - fee - max(3, fee // world.random.randrange(2, 6)))
    return Truth("fee_wrong", [], [("fee_variance", [mine.id], [theirs.id])])


def fx_wrong(world: World) -> Truth:
    mine = world.usual(type="fx")
    theirs = world.theirs(mine, minor=mine.minor + world.random.choice([-1, 1]) * max(4, mine.minor // 150))
    return Truth("fx_wrong", [], [("fx_variance", [mine.id], [theirs.id])])


def date_far(world: World) -> Truth:
    mine = world.usual()
    theirs = world.theirs(mine, day=mine.day + timedelta(days=world.random.randrange(15, 40)))
    return Truth("date_far", [], [("date_out_of_window", [mine.id], [theirs.id])])


def currency_wrong(world: World) -> Truth:
    mine = world.usual(currency="USD")
    theirs = world.theirs(mine, currency="EUR")
    return Truth("currency_wrong", [], [("currency_mismatch", [mine.id], [theirs.id])])


def same_amount_crowd(world: World) -> Truth:
    """Many rows of one amount on one day, told apart by their references alone."""
    first = world.usual(minor=5000, currency="USD")
    mine = [first] + [world.usual(day=first.day, minor=5000, currency="USD") for _ in range(20)]
    return Truth("same_amount_crowd", [([row.id], [world.theirs(row).id]) for row in mine])


def _cut(world: World, mine: Row) -> str:
    """What a bank leaves of a narrative: 14 to 35 signs, wherever they end."""
    text = world.random.choice(
        ["{r} {c}", "{c} {r}", "PAYMENT {r} {c}", "WIRE IN FROM {c} REF {r}", "{c}/INVOICE {r}", "TRF REF: {r}; {c}"]
    ).format(r=mine.reference, c=mine.counterparty.upper())
    return text[: world.random.randrange(14, 36)].strip()


def cut_narrative(world: World) -> Truth:
    mine = world.usual()
    theirs = world.theirs(mine, reference="", counterparty="", description=_cut(world, mine))
    return Truth("cut_narrative", [([mine.id], [theirs.id])], decidable=False, shown=True)


def cut_fee(world: World) -> Truth:
    """Somebody kept a fee back, nobody says so, and the narrative is cut."""
    mine = world.usual()
    style = world.random.randrange(4)
    if style == 0:
        fee = mine.minor * 29 // 1000 + 30
    elif style == 1:
        fee = mine.minor * 15 // 1000
    elif style == 2:
        fee = min(1500, mine.minor // 5)
    else:
        fee = int(mine.minor * world.random.uniform(0.003, 0.05))
    theirs = world.theirs(mine, minor=mine.minor - max(3, fee), reference="", counterparty="", description=_cut(world, mine))
    return Truth("cut_fee", [([mine.id], [theirs.id])], decidable=False, shown=True)


EVENTS: dict[str, Callable[[World], Truth]] = {
    function.__name__: function
    for function in (
        exact, reformatted, padded, truncated, mistyped, narrative, net_of_fee, fx_rounding, no_reference,
        duplicate_internal, duplicate_external, missing_external, missing_internal, batch_reference, batch_bare,
        batch_partial, split, split_short, sign_flip, returned, identical, one_digit_apart, one_digit_orphans,
        amount_wrong, fee_wrong, fx_wrong, date_far, currency_wrong, same_amount_crowd, cut_narrative, cut_fee,
    )
}  # fmt: skip
