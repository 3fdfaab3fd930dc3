"""From what caused a transaction to its page. The words and addresses of other apps' things are theirs: they register here."""

from __future__ import annotations

from collections.abc import Callable

Linker = Callable[[str, str], tuple[str, str]]
_linker: Linker | None = None


def use_linker(function: Linker) -> None:
    """Called once by the layer that knows every app's pages, from its AppConfig.ready."""
    global _linker
    _linker = function


def link_of(subject_type: str, subject_id: str) -> tuple[str, str]:
    """The words and the address for a cause; no address where nobody knows it."""
    if not subject_id:
        return "", ""
    return _linker(subject_type, subject_id) if _linker else (f"{subject_type} {subject_id}", "")
