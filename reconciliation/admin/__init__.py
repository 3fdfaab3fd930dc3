"""Console pages of reconciliation."""

from reconciliation.admin import accounts, outcomes, rules, statements

__all__ = ["accounts", "outcomes", "rules", "statements"]
