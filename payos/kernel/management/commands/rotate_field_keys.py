"""`manage.py rotate_field_keys`: after a new key was put first in PAYOS_FIELD_KEYS."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payos.kernel import crypto, rotation


class Command(BaseCommand):
    help = "Re-encrypt every encrypted field under the first key of PAYOS_FIELD_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            left = rotation.rotate(lambda text: print(text, file=sys.stderr, flush=True))
        except crypto.CannotDecrypt as error:
            raise CommandError(f"{error}. What was re-encrypted until here is kept; run the command again.") from error
        current = crypto.current_key_id()
        if left:
            kept = ", ".join(f"{name} ({count})" for name, count in left.items())
            self.stdout.write(f"Append-only tables keep values under older keys: leave those keys in place. {kept}")
        else:
            self.stdout.write(f"Everything is under the key {current!r}: older keys may be removed from PAYOS_FIELD_KEYS.")
