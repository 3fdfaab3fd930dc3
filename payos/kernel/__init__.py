"""The kernel: what every app stands on and what none of them may write again.

Money, ids, the clock and banking calendars, tenancy, idempotency, the outbox, audit, crypto, the circuit
breaker and problem+json errors. Nothing here knows a payment or a transfer.

Invariants: money is an integer of minor units plus a currency; every transaction carries the tenant it acts
for, and without one the application role sees no tenant row; an event is published in the caller's
transaction or not at all; the audit trail can be added to and never rewritten.

Start reading at `models.py` (what a table is), then `tenancy.py` (who may see it) and `outbox.py`.
"""
