"""NACHA (ACH) files: read, checked, built and written; returns and notices of change taken out of them. Pure: no database, no clock.

A `File` is a tree (header, batches of entries of addenda, controls) of 94-character records whose fields are named in
`layouts.py`. Reading never raises and never drops anything: what is wrong becomes `File.errors`, each with its line,
field, code and scope, and an unmodified file is written back byte for byte, its odd line ends and trimmed blanks
included. Building makes only files that read back without an error.

Invariants: amounts are whole cents; a file whose order, counts, hashes or totals are wrong is refused whole
(`File.usable` is False), one bad entry is refused alone; trace numbers ascend within a batch.

Start reading at `records.py` (the tree), then `reader.py`, `checks.py`, `builder.py`, `returns.py`; codes are in `codes.py`.
"""

from settlement.rails.nacha.answers import Dishonor, Refusal, build_answers
from settlement.rails.nacha.builder import BuildError, Company, Origination, build
from settlement.rails.nacha.codes import CHANGE_CODES, RETURN_CODES, return_code
from settlement.rails.nacha.reader import read
from settlement.rails.nacha.records import Batch, Entry, Fault, File, Record
from settlement.rails.nacha.returns import Change, Returned, apply_change, changes, returns
from settlement.rails.nacha.writer import write

__all__ = [
    "CHANGE_CODES",
    "RETURN_CODES",
    "Batch",
    "BuildError",
    "Change",
    "Company",
    "Dishonor",
    "Entry",
    "Fault",
    "File",
    "Origination",
    "Record",
    "Refusal",
    "Returned",
    "apply_change",
    "build",
    "build_answers",
    "changes",
    "read",
    "return_code",
    "returns",
    "write",
]
