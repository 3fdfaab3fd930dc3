"""Payment sources: made with a secret that is shown once, rotated with an overlap."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from ingestion import channels
from ingestion.models import Source
from partners.models import Partner
from payos.kernel import clock
from payos.kernel.errors import Problem


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@transaction.atomic
def source_create(
    *, partner: Partner, livemode: bool, name: str, adapter: str = "generic", secret: str = "", **fields: Any
) -> tuple[Source, str]:
    if adapter not in channels.ADAPTERS:
        raise Problem("unprocessable", f"There is no adapter {adapter!r}: choose one of {', '.join(sorted(channels.ADAPTERS))}.")
    secret = secret or new_secret()
    source = Source(partner=partner, livemode=livemode, name=name, adapter=adapter, secret=secret, **fields)
    source.full_clean(exclude=["secret"], validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            source.save(force_insert=True)
    except IntegrityError:
        raise Problem("unprocessable", f"There is already a source {name!r}: choose another name.") from None
    channels.forget_sources()
    return source, secret


@transaction.atomic
def source_rotate(*, source: Source, overlap: timedelta = timedelta(hours=24)) -> str:
    """A fresh secret; the old one verifies until the overlap ends."""
    source = Source.objects.select_for_update().get(pk=source.pk)
    source.old_secret, source.old_secret_until = source.secret, clock.now() + overlap
    source.secret = new_secret()
    source.save(update_fields=["secret", "old_secret", "old_secret_until"])
    channels.forget_sources()
    return source.secret
