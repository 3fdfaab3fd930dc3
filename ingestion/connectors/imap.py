"""Attachments of mails that a bank sends, chosen by sender and subject. Standard library, TLS unless the host is loopback."""

from __future__ import annotations

import contextlib
import email
import email.policy
import fnmatch
import imaplib
import ssl
from collections.abc import Iterator
from typing import Any

from ingestion.connectors.base import LARGEST, ConnectorError, Found, needed

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Mailbox:
    """{"host", "port"?, "user", "mailbox"?, "sender"?, "subject"?, "pattern"?}. Patterns may hold * and ?."""

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
            status, data = server.select(f'"{self.config.get("mailbox", "INBOX")}"', readonly=True)
            if status != "OK":
                raise ConnectorError(f"there is no mailbox {self.config.get('mailbox', 'INBOX')!r}")
        except (OSError, imaplib.IMAP4.error) as error:
            raise ConnectorError(f"the mail server {self.host} failed: {error}") from error
        validity = server.response("UIDVALIDITY")[1]
        now = validity[0].decode() if validity and validity[0] else ""
        if self.seen["uidvalidity"] != now:
            # The server numbered its mails anew: look at all of them; the files' hashes keep them single.
            self.seen = {"uidvalidity": now, "uid": 0}
        self._server = server
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
                        yield Found(f"{uid}:{place}", part.get_filename() or f"mail-{uid}-{place}", str(uid))
                self.seen["uid"] = uid
        except (OSError, imaplib.IMAP4.error) as error:
            raise ConnectorError(f"the mail server {self.host} failed: {error}") from error

    def _message(self, uid: int) -> Any:
        if uid not in self._messages:
            assert self._server is not None
            _, data = self._server.uid("FETCH", str(uid), "(RFC822.SIZE)")
            size = int(b"".join(part for part in data if isinstance(part, bytes)).split(b"RFC822.SIZE")[1].strip(b" )").split(b")")[0]) if data else 0
            if size > LARGEST:
                return None
            _, data = self._server.uid("FETCH", str(uid), "(BODY.PEEK[])")
            raw = next((part[1] for part in data if isinstance(part, tuple)), b"")
            self._messages = {uid: email.message_from_bytes(raw, policy=email.policy.default)}
        return self._messages[uid]

    def _wanted(self, message: Any) -> bool:
        sender, subject = str(message.get("From", "")).lower(), str(message.get("Subject", "")).lower()
        return fnmatch.fnmatch(sender, f"*{self.config.get('sender', '*')}*".lower()) and fnmatch.fnmatch(
            subject, f"*{self.config.get('subject', '*')}*".lower()
        )

    def _attachments(self, message: Any) -> list[Any]:
        pattern = self.config.get("pattern", "*")
        return [part for part in message.iter_attachments() if fnmatch.fnmatch(part.get_filename() or "", pattern)]

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
