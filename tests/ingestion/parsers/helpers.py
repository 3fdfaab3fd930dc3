"""What the reader tests share."""

from __future__ import annotations

import io
from typing import Any

from ingestion.parsers import registry
from ingestion.parsers.records import Event, Flag, Line, Reject, StatementEnd


class Read:
    """A text or bytes, read; its events by kind."""

    def __init__(self, content: str | bytes, format: str | None = None, profile: Any = None, name: str = "") -> None:
        data = content.encode() if isinstance(content, str) else content
        parsed = registry.open_file(io.BytesIO(data), format, profile, name)
        self.format = parsed.format
        self.profile = parsed.profile
        self.events: list[Event] = list(parsed.events)
        self.lines = [event for event in self.events if isinstance(event, Line)]
        self.statements = [event for event in self.events if isinstance(event, StatementEnd)]
        self.rejects = [event for event in self.events if isinstance(event, Reject)]
        self.flags = [event.code for event in self.events if isinstance(event, Flag)]

    @property
    def amounts(self) -> list[int]:
        return [line.amount_minor for line in self.lines]
