"""Console pages of operations: the queue (`cases.py`), approvals (`approvals.py`) and alerts (`alerts.py`).

The queue and the approvals have pages of their own in place of Django's list and form: nobody edits a case's row,
people act on it. Every GET is harmless; every act is a POST with its token and calls one service.
"""

from operations.admin import alerts, approvals, cases

__all__ = ["alerts", "approvals", "cases"]
