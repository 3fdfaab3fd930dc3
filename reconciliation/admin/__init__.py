"""Console pages of reconciliation."""

from reconciliation import adminrules
from reconciliation.admin import accounts, outcomes, statements

__all__ = ["accounts", "adminrules", "outcomes", "statements"]
