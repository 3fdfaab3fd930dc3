"""Reconciliation: proves that our books and the outside world agree to the cent, or hands over the exact cent.

Statements and reports come in as lines; transfers, payments, fees and ledger entries are the internal side. The
engine in `matching/` pairs the two and explains every pair. Invariants:

- the matcher never guesses: a match is confirmed only when its evidence is unique on both sides;
- an item is in at most one confirmed match, and every item ends as matched, or named by a discrepancy;
- a difference within tolerance is recorded and posted, never hidden;
- the same input and rules give the same output, byte for byte, so that a run can be replayed.

Start reading at `matching/__init__.py`, then `services`.
"""
