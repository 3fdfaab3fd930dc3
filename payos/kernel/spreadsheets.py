"""Text from outside in CSV and XLSX: whatever a spreadsheet would run as a formula is set as text."""

from __future__ import annotations

import re
from typing import Any

NUMBER = re.compile(r"-?\d+(\.\d+)?\Z", re.ASCII)
# Also the wide forms that a spreadsheet folds into the plain ones, and what it strips before it looks.
STARTERS = "=+-@\uff1d\uff0b\uff0d\uff20"
STRIPPED = " \t\r\n\v\f\xa0\ufeff"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # no cell of a workbook may hold one


def harmless(value: Any) -> str:
    """The cell's text; with a quote before it where it is no plain number and would begin a formula."""
    text = "" if value is None else CONTROL.sub("\ufffd", str(value))
    first = text.lstrip(STRIPPED)[:1]
    formula = text[:1] in {"\t", "\r"} or (first and first in STARTERS and not NUMBER.match(text))
    return f"'{text}" if formula else text
