from reconciliation.models.outcome import BalanceProof, Discrepancy, Match, MatchItem, Run, Suggestion
from reconciliation.models.rule import Rule, RuleTrial
from reconciliation.models.statement import BankAccount, LineRepeat, Statement, StatementLine

__all__ = [
    "BalanceProof",
    "BankAccount",
    "Discrepancy",
    "LineRepeat",
    "Match",
    "MatchItem",
    "Rule",
    "RuleTrial",
    "Run",
    "Statement",
    "StatementLine",
    "Suggestion",
]
