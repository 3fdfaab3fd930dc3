"""What a kind of connector has to be told, declared beside it: the console makes its form from this and checks what is typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

AFTER = (("keep", "Leave it where it is"), ("archive", "Move it to the folder archive"), ("delete", "Delete it"))


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing to be told. `check` takes the text and says in a sentence what is wrong with it, or nothing."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    whole: tuple[int, int] | None = None  # a whole number between
    choices: tuple[tuple[str, str], ...] = ()  # the first is what holds when nothing is chosen
    pairs: bool = False  # names with values
    check: Callable[[str], str] | None = None


def pattern(what: str) -> Setting:
    return Setting("pattern", "Names to take", f"{what} whose name fits, with * and ?: *.xml, EXTRACT_*.csv. Empty: all.")


def rest() -> Setting:
    return Setting(
        "quiet_seconds",
        "Seconds of rest",
        "A file that changed less than so long ago may still be growing and waits. Empty: 5.",
        whole=(0, 3_600),
    )


def after_reading() -> Setting:
    return Setting(
        "after",
        "After a file was read",
        "Done when the file is kept here, never before. One that cannot be read goes to the folder quarantine there, if we may write.",
        choices=AFTER,
    )


def bare_host(text: str) -> str:
    return "A name or an address alone, without sftp://, port, user or path." if set("/@ ") & set(text) or "://" in text else ""


def whole_path(text: str) -> str:
    return "" if text.startswith("/") else "Write the whole path, from / on."


def web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        return "An address begins with https:// and names a server."
    return "No user or password belongs into the address: write the secret below." if parts.username or parts.password else ""


def public_key(text: str) -> str:
    import asyncssh  # on first use: it takes a third of a second to load

    try:
        asyncssh.import_public_key(text)
    except (asyncssh.KeyImportError, ValueError):
        return "This is no public key: it reads ssh-ed25519 AAAA..., without the server's name before it."
    return ""
