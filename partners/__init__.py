"""Partners: the tenants, their branches, the people and roles, and the API keys.

A Partner is a tenant: every row that belongs to it is fenced by row-level security. A Branch is one of its
outlets. A person (User) is staff of the platform with one or more roles. An API key acts for one partner in
one mode, test or live; the two never see each other's rows.

Invariants: a key's secret is kept as a keyed hash and shown once; a live key needs a second person; what a new
partner needs elsewhere (its chart of accounts, for one) is created in the same transaction through `registry`.
Start reading at `models.py`, then `services.py` and `roles.py`.
"""
