"""What higher layers do with a file that was received. They register in AppConfig.ready; the file knows none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# handler(file=SourceFile) -> facts about what it made of it, kept on the file
Handler = Callable[..., dict[str, Any]]
_handlers: list[Handler] = []


def on_file(handler: Handler) -> Handler:
    if handler not in _handlers:
        _handlers.append(handler)
    return handler


def handlers() -> list[Handler]:
    return list(_handlers)
