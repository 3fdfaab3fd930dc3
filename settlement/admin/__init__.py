"""Console pages of settlement: rails and windows, transfers and batches. The calendar of windows is in `settlement/calendar.py`."""

from settlement.admin import batches, rails, rules, transfers  # noqa: F401  registers the pages
