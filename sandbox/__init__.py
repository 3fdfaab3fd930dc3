"""A bank in a box: a small separate process that takes transfers, moves (its own) money and misbehaves on demand.

It exists to be disagreed with. It shares no code and no database with the application: what it says it executed
(`GET /executions`) is the truth that tests and the chaos run compare the ledger with.

Invariants: an execution is committed to its own SQLite file before any answer or webhook leaves, so SIGKILL loses
nothing; a reference is executed once unless the `forget_reference` fault is on; every misbehaviour is a pure function
of (seed, reference, attempt), so a run can be repeated; statements always add up unless a fault says otherwise.

Start reading at `bank.py` (the books), then `faults.py` (what can go wrong), `api.py` (HTTP), `inbox.py` (NACHA files).
Run it with `python -m sandbox --port 8090 --data DIR`. Standard library only.
"""
