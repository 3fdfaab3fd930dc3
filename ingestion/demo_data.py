"""A payment source of the demo partner, so that a signed payment can be sent from a terminal."""

from __future__ import annotations

from typing import Any

from ingestion.models import Source
from ingestion.services import sources
from payos.kernel import tenancy

NAME = "demo"


def fill(demo: Any) -> None:
    partner = demo.partners.get("acme-lending")
    if partner is None:
        return
    with tenancy.tenant_scope(partner.pk, False):
        source = Source.objects.filter(name=NAME).first()
        secret = demo.facts.get("payment_secret", "")
        if source is None:
            source, secret = sources.source_create(partner=partner, livemode=False, name=NAME)
            demo.tell("payment source")
        elif source.secret != secret:
            # The file is gone or belongs to other data: what it says from now on must be true.
            secret = sources.source_rotate(source=source)
            demo.tell("payment source: new secret")
    demo.facts["payment_source"] = source.public_id
    demo.facts["payment_secret"] = secret
