"""Money out: transfers, batches, routing, settlement windows and rails; each transfer happens exactly once.

A transfer is accepted with its funds held in the ledger, queued until its window closes, sent to a rail as an intent
that is committed before the call, and settled, failed or returned by what the rail is later known to have done.

Invariants: an effect has one stable reference towards the rail for its whole life; an unknown outcome is asked about,
never sent again and never presumed failed; one window makes one settlement batch per rail, account and currency;
every return after settlement is a reversal in the ledger and a case.

Start reading at `services` (the acts), `rails/base.py` (what a rail must offer), `destinations.py` (where money goes).
"""
