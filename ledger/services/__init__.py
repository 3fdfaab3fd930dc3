"""Commands of the ledger. Every other app posts through these and nothing else."""

from ledger.services.accounts import account_close, account_for, account_ids, account_open, account_reopen
from ledger.services.corrections import reverse, reverse_many
from ledger.services.fx import convert
from ledger.services.holds import expire_holds, hold, post_hold, void_hold
from ledger.services.periods import period_close, period_reopen
from ledger.services.posting import Leg, Posted, Posting, post, post_many

__all__ = [
    "Leg",
    "Posted",
    "Posting",
    "account_close",
    "account_for",
    "account_ids",
    "account_open",
    "account_reopen",
    "convert",
    "expire_holds",
    "hold",
    "period_close",
    "period_reopen",
    "post",
    "post_hold",
    "post_many",
    "reverse",
    "reverse_many",
    "void_hold",
]
