"""A parsed file as the JSON that `parse_file` prints, written as it is read so that memory does not grow."""

from __future__ import annotations

import json
from typing import Any, TextIO

from ingestion.parsers.records import Line, Reject, StatementEnd, StatementStart, Unreadable
from ingestion.parsers.registry import Parsed

#: Rejects that are printed; further ones are counted in the last entry.
MAX_REJECTS = 100_000


def line_dict(line: Line) -> dict[str, Any]:
    return {
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "value_date": line.value_date.isoformat() if line.value_date else None,
        "reference": line.reference,
        "description": line.description,
    }


def write(parsed: Parsed, out: TextIO) -> None:
    """Print one object. Nothing is printed before something was read: `Unreadable` leaves `out` untouched."""
    rejects: list[dict[str, Any]] = []
    more = 0
    opened = statements = lines = 0
    dumps = json.dumps
    for event in parsed.events:
        if isinstance(event, Line):
            out.write(("," if lines else "") + dumps(line_dict(event)))
            lines += 1
        elif isinstance(event, StatementStart):
            if not opened:
                out.write('{"format":' + dumps(parsed.format) + ',"parser_version":' + dumps(parsed.version) + ',"statements":[')
                opened = 1
            out.write(("," if statements else "") + '{"lines":[')
            statements, lines = statements + 1, 0
        elif isinstance(event, StatementEnd):
            rest = dumps({"account": event.account, "currency": event.currency, "opening_minor": event.opening_minor,
                          "closing_minor": event.closing_minor, "balances_ok": event.balances_ok})  # fmt: skip
            out.write("]," + rest[1:])
        elif isinstance(event, Reject):
            if len(rejects) < MAX_REJECTS:
                rejects.append({"position": event.position, "reason": event.reason})
            else:
                more += 1
    if not opened:
        if rejects:
            raise Unreadable(f"nothing readable: {rejects[0]['reason']} (at {rejects[0]['position']})")
        if not parsed.readable_without_statements():
            raise Unreadable("the file holds no statement and no line")
        out.write('{"format":' + dumps(parsed.format) + ',"parser_version":' + dumps(parsed.version) + ',"statements":[')
    if more:
        rejects.append({"position": "end", "reason": f"{more} more pieces could not be read"})
    out.write('],"rejects":' + dumps(rejects) + "}\n")
