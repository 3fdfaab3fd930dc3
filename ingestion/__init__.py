"""Money and facts coming in: payments from partners and webhooks, files from banks and processors.

Invariants: what cannot be read is kept raw with a reason and counted, never dropped; the same file or message
arriving twice has one effect; an amount is an integer of minor units from the moment it is read; a file whose
own totals lie is flagged as such and never quietly accepted.

The readers in `parsers/` are plain Python without Django: they turn bytes into canonical events and know
nothing of tenants or tables. Everything that writes lives in services.

Start reading at `parsers/records.py` (what every file becomes), then `parsers/registry.py` (who reads it).
"""
