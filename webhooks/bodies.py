"""The bytes that are sent: the outbox's snapshot of the event in its envelope, the same for every attempt."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

from payos.kernel import ids, outbox


def render(
    *,
    event_id: uuid.UUID,
    event_type: str,
    created_at: datetime,
    partner_id: uuid.UUID,
    livemode: bool,
    api_version: str,
    payload: dict[str, Any],
) -> dict[str, Any]:
    return {
        "event_id": ids.encode("evt", event_id),
        "event_type": event_type,
        "timestamp": created_at.isoformat(),
        "partner_id": ids.encode("par", partner_id),
        "livemode": livemode,
        "api_version": api_version,
        **outbox.present(payload),
    }


def dumps(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
