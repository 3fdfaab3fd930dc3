"""Events out to partners: signed, delivered at least once, replayable, debuggable.

An event of `catalogue.py` leaves the kernel's outbox, `fanout.py` turns it into one delivery per endpoint of the
same partner and mode whose wildcards match, and `worker.py` claims due deliveries fairly and sends them.
Invariants: the webhook id of an event never changes, whatever is repeated; a delivery ends delivered or dead, and a
dead one is a case; a worker that is killed loses nothing, because what it claimed falls due again when its lease ends;
no endpoint takes more than its own share of a worker; nothing is sent to an address that was not checked, and the
address that was checked is the one that is connected to; every attempt is a row that nobody can change.
Redis plays no part: who is owed what stands in Postgres.
Start reading at `catalogue.py`, then `fanout.py`, `sql/claim.sql` and `worker.py`.
"""
