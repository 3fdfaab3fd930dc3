"""What a partner is told by e-mail: that an endpoint was switched off, why, and how it comes back."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.mail import EmailMessage

from webhooks import render
from webhooks.models import DisabledReason, Endpoint

TEXT = """Nothing is sent any more to this webhook endpoint of {partner} ({mode} data):

    {url}
    {endpoint}

Why: {why}.
Since: {since}
Last error: {error}

Nothing is lost. Once the receiver answers again, enable the endpoint with
POST /v1/webhooks/{endpoint}/enable: everything it missed is then sent.
"""


def tell_disabled(*, endpoint_id: uuid.UUID) -> int:
    """Write to the addresses of an endpoint that is still off; returns to how many."""
    endpoint = Endpoint.objects.select_related("partner", "lane").filter(pk=endpoint_id, enabled=False, deleted_at=None).first()
    if endpoint is None or not endpoint.notify_emails:
        return 0
    text = TEXT.format(
        partner=endpoint.partner.name,
        mode="live" if endpoint.livemode else "test",
        url=endpoint.url,
        endpoint=endpoint.public_id,
        why=DisabledReason(endpoint.disabled_reason).label,
        since=render.instant(endpoint.disabled_at),
        error=endpoint.lane.last_error or "none",
    )
    subject = f"Webhook endpoint {endpoint.public_id} was switched off"
    EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, endpoint.notify_emails).send()
    return len(endpoint.notify_emails)
