"""Attachments of mails that a bank sends, chosen by sender and subject. Standard library, TLS unless the host is loopback."""

from __future__ import annotations

import contextlib
import email
import email.policy
import email.utils
import fnmatch
import imaplib
import logging
import re
import ssl
from collections.abc import Iterator
from typing import Any

from ingestion.connectors.base import LARGEST, ConnectorError, Found, needed
from ingestion.connectors.settings import Setting, bare_host, pattern, whole_path

log = logging.getLogger("payos.ingestion")
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Mailbox:
    """The sender is held against the address and never against the name beside it, which anybody may write."""

    TITLE = "Mailbox"
    ABOUT = "Attachments of the mails that a bank sends, chosen by sender and subject, over IMAP. Mails are not changed."
    CREDENTIAL = "Password of the mailbox"
    SETTINGS = (
        Setting("host", "Server", "Name or address: imap.mail.example", required=True, check=bare_host),
        Setting("port", "Port", "Empty: 993.", whole=(1, 65_535)),
        Setting("user", "User", required=True),
        Setting("mailbox", "Mailbox", "Empty: INBOX."),
        Setting("sender", "Sender", "An address or a part of one, with * and ?: *@bank.example. Empty: anybody."),
        Setting("subject", "Subject", "A part of it, with * and ?: account statement. Empty: any."),
        pattern("Attachments"),
        Setting(
            "ca_file",
            "Authority of its certificate",
            "Path of a PEM file, for a server with a certificate of its own house. Empty: the usual authorities.",
            check=whole_path,
        ),
    )

    def __init__(self, config: dict[str, Any], secret: str, checkpoint: dict[str, Any]) -> None:
        self.host, self.user = needed(config, "host", "user")
        self.config, self.secret = config, secret
        self.seen = {"uidvalidity": checkpoint.get("uidvalidity"), "uid": int(checkpoint.get("uid", 0))}
        self._server: imaplib.IMAP4 | None = None
        self._messages: dict[int, Any] = {}

    def _open(self) -> imaplib.IMAP4:
        if self._server is not None:
            return self._server
        plain = self.config.get("tls") is False
        if plain and self.host not in LOOPBACK:
            raise ConnectorError("mail is read over TLS only; without it just from this machine")
        try:
            port = int(self.config.get("port", 143 if plain else 993))
            if plain:
                server: imaplib.IMAP4 = imaplib.IMAP4(self.host, port, timeout=30)
            else:
                context = ssl.create_default_context(cafile=self.config.get("ca_file"))
                server = imaplib.IMAP4_SSL(self.host, port, ssl_context=context, timeout=30)
            server.login(self.user, self.secret)
            self._server = server
            mailbox = str(self.config.get("mailbox") or "INBOX")
            status, _ = server.select('"' + mailbox.replace("\\", "\\\\").replace('"', '\\"') + '"', readonly=True)
            if status != "OK":
                raise ConnectorError(f"there is no mailbox {mailbox!r}: check its name and that the user may read it")
        except ssl.SSLCertVerificationError as error:
            raise ConnectorError(
                f"the certificate of {self.host} is not trusted ({error.verify_message}): name its authority as ca_file, or check who answers there"
            ) from error
        except (OSError, imaplib.IMAP4.error) as error:
            raise ConnectorError(f"the mail server {self.host} failed: {error}") from error
        validity = server.response("UIDVALIDITY")[1]
        now = validity[0].decode() if validity and validity[0] else ""
        if self.seen["uidvalidity"] != now:
            # The server numbered its mails anew: look at all of them; the files' hashes keep them single.
            self.seen = {"uidvalidity": now, "uid": 0}
        return server

    def test(self) -> str:
        self._open()
        return f"{self.host} takes the login; {sum(1 for _ in self.find())} attachments would be read."

    def find(self) -> Iterator[Found]:
        server = self._open()
        try:
            _, data = server.uid("SEARCH", f"UID {int(self.seen['uid'] or 0) + 1}:*")
            uids = sorted(int(uid) for uid in (data[0] or b"").split() if int(uid) > int(self.seen["uid"] or 0))
            for uid in uids:
                message = self._message(uid)
                if message is not None and self._wanted(message):
                    for place, part in enumerate(self._attachments(message)):
                        # A number means another mail once the mailbox is numbered anew.
                        yield Found(f"{uid}:{place}", _name(part) or f"mail-{uid}-{place}", f"{self.seen['uidvalidity']}:{uid}")
                self.seen["uid"] = uid
        except (OSError, imaplib.IMAP4.error) as error:
            raise ConnectorError(f"the mail server {self.host} failed: {error}") from error

    def _message(self, uid: int) -> Any:
        if uid not in self._messages:
            assert self._server is not None
            _, data = self._server.uid("FETCH", str(uid), "(RFC822.SIZE)")
            said = SIZE.search(
                b" ".join(part for item in data for part in (item if isinstance(item, tuple) else (item,)) if isinstance(part, bytes))
            )
            if said is None:
                return None  # deleted meanwhile
            if int(said[1]) > LARGEST:
                log.warning("imap.too_large", extra={"uid": uid, "bytes": int(said[1])})
                return None
            _, data = self._server.uid("FETCH", str(uid), "(BODY.PEEK[])")
            raw = next((part[1] for part in data if isinstance(part, tuple)), b"")
            self._messages = {uid: email.message_from_bytes(raw, policy=email.policy.default)}
        return self._messages[uid]

    def _wanted(self, message: Any) -> bool:
        sender = _shape(self.config.get("sender"))
        if sender and "@" not in sender:
            sender = f"*{sender}*"
        subject = _shape(self.config.get("subject"))
        addresses = [address.lower() for text in _raw(message, "From") for address in _addresses(text)]
        # All of them: a second address, or one hidden in a name, must not lend its trust to the first.
        return (not sender or (bool(addresses) and all(fnmatch.fnmatchcase(address, sender) for address in addresses))) and (
            not subject or any(fnmatch.fnmatchcase(" ".join(text.split()).lower(), f"*{subject}*") for text in _header(message, "Subject"))
        )

    def _attachments(self, message: Any) -> list[Any]:
        """Every part that is a file: also the mail that is nothing else, and files inside a forwarded mail."""
        pattern = _shape(self.config.get("pattern")) or "*"
        return [
            part
            for part in message.walk()
            if not part.is_multipart()
            and (_name(part) or part.get_content_disposition() == "attachment")
            and fnmatch.fnmatchcase(_name(part).lower(), pattern)
        ]

    def fetch(self, found: Found) -> bytes:
        uid, _, place = found.key.partition(":")
        part = self._attachments(self._message(int(uid)))[int(place)]
        return bytes(part.get_payload(decode=True) or b"")

    def done(self, found: Found, quarantined: bool) -> None:
        """Mails stay as they are: the mailbox was opened for reading only, and the checkpoint moves on."""

    def checkpoint(self) -> dict[str, Any]:
        return dict(self.seen)

    def close(self) -> None:
        if self._server is not None:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                self._server.logout()


def _shape(pattern: Any) -> str:
    """A pattern of * and ? in lower case; brackets, which subjects are full of, mean themselves."""
    return str(pattern or "").strip().lower().replace("[", "[[]")


def _addresses(text: str) -> list[str]:
    """What stands in angle brackets where there are any, for then everything beside them is a name."""
    return re.findall(r"<([^<>]*)>", text) or [address for _, address in email.utils.getaddresses([text])]


def _raw(message: Any, name: str) -> list[str]:
    """A header as it was written: the parsed one of a malformed address shows the part that was made up."""
    return [" ".join(str(text).split()) for key, text in message.raw_items() if key.lower() == name.lower()]


def _header(message: Any, name: str) -> list[str]:
    """A header's texts; one that cannot be decoded is as good as absent and stops no other mail."""
    try:
        return [str(value) for value in message.get_all(name, [])]
    except Exception:  # noqa: BLE001 - the parser of structured headers raises whatever it stumbles over
        return []


def _name(part: Any) -> str:
    try:
        return part.get_filename() or ""
    except Exception:  # noqa: BLE001 - as above
        return ""
