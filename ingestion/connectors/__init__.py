"""Connectors: how files get here without anyone carrying them. One module a kind, one line in KINDS.

A connector lists what lies there, fetches one thing at a time, and marks it after the file was kept and committed:
at least once, made once by the file's hash. It never deletes before the commit.
"""

from __future__ import annotations

from typing import Any

from ingestion.connectors import folder, imap, polling, sftp
from ingestion.connectors.base import ConnectorError, Found, Remote

KINDS: dict[str, Any] = {
    "folder": folder.Folder,
    "sftp": sftp.Sftp,
    "imap": imap.Mailbox,
    "http": polling.Polling,
}

__all__ = ["KINDS", "ConnectorError", "Found", "Remote", "open_remote"]


def open_remote(kind: str, config: dict[str, Any], secret: str, checkpoint: dict[str, Any]) -> Remote:
    """The other side of a configured connector. Close it after use."""
    if kind not in KINDS:
        raise ConnectorError(f"there is no connector kind {kind!r}: choose one of {', '.join(KINDS)}")
    return KINDS[kind](config, secret, checkpoint)
