"""Reports of a closed day or month: settlement, reconciliation, exceptions, partner statements.

A report is figures first (`build.py`: one function a kind, set-based), then the same figures as PDF, CSV and XLSX
(`render.py`), kept with their hash and mailed to whoever subscribed (`services.py`). A report whose figures do not tie to
the ledger is not made: the build fails and becomes a case. Making a report again gives a new version, never another text
under the old name.
"""
