"""The ledger: double entry that Postgres itself refuses to break. The only place that posts.

Amounts are signed: a debit is positive, a credit negative. Entries live on one of three layers: posted, pending
(a hold) and released (a hold given back or turned into a posting). Invariants, each kept by a trigger, constraint
or grant in `sql/ledger.sql` and proven again by `manage.py ledger_verify`:
- zero-sum: every transaction sums to zero per currency, on the posted layer and on the other two together;
- append-only: transactions, entries and seals are never updated or deleted; a mistake is reversed once, by name;
- conservation: an account's balance is the sum of its entries; a hold gives back what it took, never more;
- limits: an account that may not be overdrawn never is, whoever races; closed accounts and periods take nothing;
- sealed order: per partner one hash chain over every transaction, with no gap.
Start reading at `sql/ledger.sql`, then `services/posting.py`.
"""
