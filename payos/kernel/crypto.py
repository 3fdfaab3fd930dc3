"""Field encryption, keyed hashes for lookup, and masks for display.

A ciphertext reads `enc:<key id>:<base64 of nonce and AES-256-GCM output>`. The newest key of PAYOS_FIELD_KEYS
encrypts, all of them decrypt; `manage.py rotate_field_keys` re-encrypts what older keys wrote.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

MARK = "enc:"


class CannotDecrypt(RuntimeError):
    """The key is missing or the text was changed."""


@lru_cache(maxsize=4)
def _keys(text: str) -> dict[str, AESGCM]:
    pairs = (part.partition(":") for part in text.split(","))
    return {key_id: AESGCM(base64.b64decode(encoded)) for key_id, _, encoded in pairs}


def current_key_id() -> str:
    return next(iter(_keys(settings.PAYOS_FIELD_KEYS)))


def encrypt(text: str) -> str:
    key_id = current_key_id()
    nonce = os.urandom(12)
    sealed = _keys(settings.PAYOS_FIELD_KEYS)[key_id].encrypt(nonce, text.encode(), key_id.encode())
    return f"{MARK}{key_id}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(value: str) -> str:
    if not value.startswith(MARK):
        raise CannotDecrypt("the value is not encrypted")
    key_id, _, encoded = value[len(MARK) :].partition(":")
    key = _keys(settings.PAYOS_FIELD_KEYS).get(key_id)
    if key is None:
        raise CannotDecrypt(f"the field key {key_id!r} is not in PAYOS_FIELD_KEYS: add it back at the end")
    try:
        raw = base64.b64decode(encoded, validate=True)
        return key.decrypt(raw[:12], raw[12:], key_id.encode()).decode()
    except (InvalidTag, ValueError):
        raise CannotDecrypt(f"a value under the field key {key_id!r} was changed or its key is another one") from None


def blind_index(value: str, purpose: str) -> str:
    """A keyed hash that finds an encrypted or secret value again without keeping it."""
    return hmac.digest(_hash_key(settings.PAYOS_HASH_KEY, purpose), value.encode(), "sha256").hex()


@lru_cache(maxsize=64)
def _hash_key(secret: str, purpose: str) -> bytes:
    return hashlib.sha256(f"{secret}:{purpose}".encode()).digest()


def mask(value: str, keep: int = 4) -> str:
    """The last characters of an account number; never more than half of it."""
    keep = min(keep, len(value) // 2)
    return "•" * min(len(value) - keep, 8) + (value[-keep:] if keep else "")


class EncryptedTextField(models.TextField):
    """Plain in Python, encrypted in the table. Cannot be searched: keep a blind index beside it."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if value is None or value == "" else encrypt(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value if value is None or value == "" else decrypt(value)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise TypeError(f"{self.name} is encrypted: look it up by its blind index")
        return super().get_lookup(lookup_name)
