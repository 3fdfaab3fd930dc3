"""Readers for what banks and processors really send: bytes in, canonical events out.

Every reader is a generator over a binary file. It streams (memory does not grow with the file), it reads as
much as it can, and whatever it cannot read it hands back as a `Reject` with position and reason: no line is
lost silently. Balances and control totals are checked and reported as facts, never used to drop a line.

Invariants: amounts are signed integers of minor units, never floats and never rounded; dates are taken as
written, never shifted between time zones; a hostile file ends in `Unreadable` or in rejects, within bounded
time and memory.

Start reading at `records.py` (the events), then `registry.py` (formats, sniffing, `parse`).
"""
