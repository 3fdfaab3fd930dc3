"""Commands of reconciliation: importing statements, running the engine, undoing, deciding by hand, proving balances."""

from reconciliation.services.deciding import adjust_line, ignore_line, match_by_hand, reopen_line, unmatch
from reconciliation.services.importing import import_statement
from reconciliation.services.proving import prove
from reconciliation.services.rules import activate_rule, propose_from_match, try_rule
from reconciliation.services.running import run_account, run_all
from reconciliation.services.splitting import join_line, match_in_part, split_line

__all__ = [
    "activate_rule",
    "adjust_line",
    "ignore_line",
    "import_statement",
    "join_line",
    "match_by_hand",
    "match_in_part",
    "propose_from_match",
    "prove",
    "reopen_line",
    "run_account",
    "run_all",
    "split_line",
    "try_rule",
    "unmatch",
]
