"""What higher layers do with a file that was received. They register in AppConfig.ready; the file knows none of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# handler(file=SourceFile) -> facts about what it made of it, kept on the file
Handler = Callable[..., dict[str, Any]]
_handlers: list[Handler] = []


def on_file(handler: Handler) -> Handler:
    if handler not in _handlers:
        _handlers.append(handler)
    return handler


@dataclass(frozen=True, slots=True)
class Rereader:
    """`compare(file, format, profile)` says what reading the file that way would change; `retire(..., expected)` takes
    back what the new reading does not bring, just before the handlers read the file again."""

    compare: Handler
    retire: Handler


_rereaders: list[Rereader] = []


def on_reading_again(compare: Handler, retire: Handler) -> None:
    if not any(item.compare is compare for item in _rereaders):
        _rereaders.append(Rereader(compare, retire))


def rereaders() -> list[Rereader]:
    return list(_rereaders)


def handlers() -> list[Handler]:
    return list(_handlers)
