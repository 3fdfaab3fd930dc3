"""Reads the environment: every variable typed, and refused with a clear sentence when it makes no sense.

`NAME_FILE` holds a path whose content is the value, for secrets that a platform mounts as files.
"""

from __future__ import annotations

import base64
import json
import os
import secrets as random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


class Environment:
    def __init__(self, source: dict[str, str] | None = None) -> None:
        self.source = dict(os.environ if source is None else source)
        self.read: set[str] = set()
        self.wrong: list[str] = []

    def refuse(self, name: str, why: str) -> None:
        self.wrong.append(f"{name} {why}")

    def finish(self) -> None:
        """Report everything that is wrong at once, so that one start is enough to learn it all."""
        if self.wrong:
            raise ImproperlyConfigured("the settings make no sense: " + "; ".join(self.wrong) + ".")

    def _raw(self, name: str) -> str | None:
        self.read.add(name)
        value = self.source.get(name)
        path = self.source.get(f"{name}_FILE")
        if value and path:
            self.refuse(name, f"is set twice: leave out {name} or {name}_FILE")
        if path and not value:
            try:
                value = Path(path).read_text().strip()
            except OSError as error:
                self.refuse(f"{name}_FILE", f"cannot be read ({error.strerror}: {path})")
        return value if value else None

    def text(self, name: str, *, default: str, secret: bool = False) -> str:
        return self._raw(name) or default

    def items(self, name: str, *, default: list[str]) -> list[str]:
        value = self._raw(name)
        return default if value is None else [part.strip() for part in value.split(",") if part.strip()]

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self._raw(name)
        if value is None:
            return default
        if value.lower() in TRUE | FALSE:
            return value.lower() in TRUE
        self.refuse(name, f"is {value!r}: write true or false")
        return default

    def integer(self, name: str, *, default: int, minimum: int, maximum: int) -> int:
        value = self._raw(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            self.refuse(name, f"is {value!r}: write a whole number")
            return default
        if not minimum <= number <= maximum:
            self.refuse(name, f"is {number}: it must lie between {minimum} and {maximum}")
        return number

    def seconds(self, name: str, *, default: list[int]) -> list[int]:
        """Waits in seconds, separated by commas: from one second to a week each, at most twelve."""
        value = self.items(name, default=[])
        if not value:
            return default
        if len(value) > 12 or not all(part.isascii() and part.isdigit() and 1 <= int(part) <= 604_800 for part in value):
            self.refuse(name, "must be up to 12 whole numbers of seconds from 1 to 604800, separated by commas")
            return default
        return [int(part) for part in value]

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        value = self._raw(name) or default
        if value not in choices:
            self.refuse(name, f"is {value!r}: choose one of {', '.join(choices)}")
        return value

    def secret(self, name: str, *, generate_in: Path | None, minimum: int = 0, field_keys: bool = False) -> str:
        value = self._raw(name)
        if value is None and generate_in is not None:
            return _kept_secret(generate_in, name, field_keys)
        if value is None:
            self.refuse(name, f"is missing: set it, or {name}_FILE (make one with `openssl rand -base64 48`)")
            return ""
        if len(value) < minimum:
            self.refuse(name, f"is too short: it needs at least {minimum} characters")
        if field_keys:
            self._check_field_keys(name, value)
        return value

    def _check_field_keys(self, name: str, value: str) -> None:
        for part in value.split(","):
            key_id, _, encoded = part.partition(":")
            try:
                good = bool(key_id) and len(base64.b64decode(encoded, validate=True)) == 32
            except ValueError:
                good = False
            if not good:
                self.refuse(name, "must be `id:base64-of-32-bytes`, several separated by commas, newest first")
                return

    def databases(self, *, embedded: bool) -> dict[str, dict[str, Any]]:
        common: dict[str, Any] = {
            "ENGINE": "payos.kernel.db",
            "CONN_MAX_AGE": self.integer("DB_CONN_MAX_AGE", default=60, minimum=0, maximum=86400),
            "CONN_HEALTH_CHECKS": True,
            # PgBouncer in transaction mode keeps no cursor open between transactions.
            "DISABLE_SERVER_SIDE_CURSORS": True,
        }
        if embedded:
            return {
                "default": common | {"NAME": "payos", "EMBEDDED_ROLE": "app", "ATOMIC_REQUESTS": True},
                "owner": common | {"NAME": "payos", "EMBEDDED_ROLE": "owner"},
            }
        application = self._database("DATABASE_URL")
        owner = self._database("DATABASE_OWNER_URL") if self._raw("DATABASE_OWNER_URL") else application
        return {"default": common | application | {"ATOMIC_REQUESTS": True}, "owner": common | owner}

    def _database(self, name: str) -> dict[str, Any]:
        url = urlsplit(self._raw(name) or "")
        if url.scheme not in {"postgres", "postgresql"} or not url.hostname or len(url.path) < 2:
            self.refuse(name, "must look like postgresql://user:password@host:5432/database")
            return {"NAME": "payos"}
        return {
            "NAME": unquote(url.path[1:]),
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": url.hostname,
            "PORT": str(url.port or 5432),
            "OPTIONS": dict(parse_qsl(url.query)),
        }

    def email(self) -> dict[str, Any]:
        value = self._raw("EMAIL_URL")
        if value is None:
            return {}
        url = urlsplit(value)
        if url.scheme not in {"smtp", "smtps", "smtp+tls"} or not url.hostname:
            self.refuse("EMAIL_URL", "must look like smtp+tls://user:password@host:587")
        return {
            "EMAIL_HOST": url.hostname or "",
            "EMAIL_PORT": url.port or 25,
            "EMAIL_HOST_USER": unquote(url.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
            "EMAIL_USE_TLS": url.scheme == "smtp+tls",
            "EMAIL_USE_SSL": url.scheme == "smtps",
        }


def _kept_secret(folder: Path, name: str, field_keys: bool) -> str:
    """A secret made once for the embedded mode and kept in PAYOS_HOME, readable by its owner only."""
    path = folder / "secrets.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = json.loads(path.read_text()) if path.exists() else {}
        if name not in known:
            fresh = base64.b64encode(random.token_bytes(32)).decode()
            known[name] = f"k1:{fresh}" if field_keys else random.token_urlsafe(60)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(known, indent=1))
            partial.chmod(0o600)
            partial.replace(path)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"the secrets in {path} cannot be read or made ({error}); check that the folder is writable and has space, or set {name}"
        ) from error
    return str(known[name])
