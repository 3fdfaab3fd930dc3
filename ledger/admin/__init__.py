"""Console pages of the ledger: accounts and reports (`accounts.py`), transactions (`transactions.py`), periods (`periods.py`).

They show; nothing here is added, changed or deleted by hand. A period is closed by a service, and opened again by a second person.
"""

from ledger.admin import accounts, periods, transactions

__all__ = ["accounts", "periods", "transactions"]
