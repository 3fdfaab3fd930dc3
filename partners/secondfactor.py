"""The second factor: TOTP secrets encrypted at rest, and re-encrypted when the field keys rotate."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction

from payos.kernel import crypto


class StaffMFAAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return crypto.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.decrypt(encrypted_text)


def reencrypt() -> int:
    current, changed = f"{crypto.MARK}{crypto.current_key_id()}:", 0
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if row is None:
                continue
            fresh = {name: _fresh(value, current) for name, value in row.data.items()}
            if fresh != row.data:
                row.data = fresh
                row.save(update_fields=["data"])
                changed += 1
    return changed


def _fresh(value: object, current: str) -> object:
    if isinstance(value, list):
        return [_fresh(item, current) for item in value]
    if isinstance(value, str) and value.startswith(crypto.MARK) and not value.startswith(current):
        return crypto.encrypt(crypto.decrypt(value))
    return value
