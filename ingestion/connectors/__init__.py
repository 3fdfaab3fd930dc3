"""Connectors: how files get here without anyone carrying them. One module a kind, one line in KINDS.

A connector lists what lies there, fetches one thing at a time, and marks it after the file was kept and committed:
at least once, made once by the file's hash. It never deletes before the commit.
"""

from __future__ import annotations

from typing import Any

from ingestion.connectors import folder, imap, polling, sftp
from ingestion.connectors.base import ConnectorError, Found, Remote
from ingestion.connectors.settings import Setting

KINDS: dict[str, Any] = {
    "folder": folder.Folder,
    "sftp": sftp.Sftp,
    "imap": imap.Mailbox,
    "http": polling.Polling,
}

__all__ = ["KINDS", "ConnectorError", "Found", "Remote", "merged", "open_remote", "settings_of"]


def open_remote(kind: str, config: dict[str, Any], secret: str, checkpoint: dict[str, Any]) -> Remote:
    """The other side of a configured connector. Close it after use."""
    if kind not in KINDS:
        raise ConnectorError(f"there is no connector kind {kind!r}: choose one of {', '.join(KINDS)}")
    return KINDS[kind](config, secret, checkpoint)


def settings_of(kind: str) -> tuple[Setting, ...]:
    return KINDS[kind].SETTINGS if kind in KINDS else ()


def merged(kept: dict[str, Any], typed: dict[str, Any], kind: str) -> dict[str, Any]:
    """The configuration with what was typed. What the form does not ask for stays as it is; what was emptied is gone."""
    asked = {setting.name for setting in settings_of(kind)}
    return {
        **{name: value for name, value in kept.items() if name not in asked},
        **{name: value for name, value in typed.items() if value not in ("", None, {})},
    }
