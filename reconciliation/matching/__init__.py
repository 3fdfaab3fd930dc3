"""The matching engine: two sides in, matches with evidence, suggestions and discrepancies out.

`engine.run(connection, spec)` works on temporary tables of one Postgres session, filled by `load` from CSV files or
from any query. It knows nothing of Django's models, so files and the application's tables are matched by the same SQL.
Invariants: a match is confirmed only when it is the only best one for both ends; a row is in at most one match; a row
that is in none is named by exactly one discrepancy; same input and spec, same bytes out; no step costs more than
N log N in look-alike rows. Start reading at `engine.py`, then the files in `sql/` in the order in which it runs them:
exact, rest, batches, open, tokens, keys, resolve, twins, bags, groups, pairs, best, rivals, totals, blocks, classify.
"""
