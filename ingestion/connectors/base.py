"""What every connector offers, and what can go wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

LARGEST = 512 << 20


class ConnectorError(RuntimeError):
    """The other side cannot be reached or refuses; the text says what to mend."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that lies there. `key` finds it again; `version` changes when its content may have changed."""

    key: str
    name: str
    version: str = ""


class Remote(Protocol):
    def test(self) -> str:
        """Reach the other side and say what was seen, in a sentence."""

    def find(self) -> Iterator[Found]: ...
    def fetch(self, found: Found) -> bytes: ...
    def done(self, found: Found, quarantined: bool) -> None:
        """After the commit: archive, delete or leave, as configured."""

    def checkpoint(self) -> dict[str, Any]:
        """What the next run starts from; kept after the commit."""

    def close(self) -> None: ...


def needed(config: dict[str, Any], *names: str) -> list[str]:
    missing = [name for name in names if not config.get(name)]
    if missing:
        raise ConnectorError(f"the configuration lacks {', '.join(missing)}")
    return [str(config[name]) for name in names]


def after(config: dict[str, Any]) -> str:
    """What happens to a file that was read: keep, archive or delete."""
    chosen = str(config.get("after", "keep"))
    if chosen not in {"keep", "archive", "delete"}:
        raise ConnectorError(f"after must be keep, archive or delete, not {chosen!r}")
    return chosen
