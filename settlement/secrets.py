"""What a rail keeps secret: encrypted in `Rail.credentials`, never shown again once it was entered.

`credentials` holds JSON, {"key": ..., "webhook_secret": ...}, or only the key as plain text. Settings that carry a secret all
the same (`webhook_secret` of an older configuration) are read, and masked wherever a person looks.
"""

from __future__ import annotations

import json
from typing import Any

MASK = "••••••"
SECRET_WORDS = ("secret", "password", "token", "private")


def of(rail: Any) -> dict[str, str]:
    text = rail.credentials or ""
    try:
        known = json.loads(text) if text.startswith("{") else {"key": text}
    except ValueError:
        known = {"key": text}
    config = rail.config or {}
    if not known.get("webhook_secret") and config.get("webhook_secret"):
        known["webhook_secret"] = config["webhook_secret"]
    return {name: str(value) for name, value in known.items() if value}


def packed(known: dict[str, str]) -> str:
    return json.dumps({name: value for name, value in sorted(known.items()) if value}) if any(known.values()) else ""


def masked(value: Any, name: str = "") -> Any:
    """Settings as people may see them."""
    if isinstance(value, dict):
        return {key: masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, name) for inner in value]
    return MASK if value and any(word in name.lower() for word in SECRET_WORDS) else value


def unmasked(value: Any, before: Any) -> Any:
    """What came back from a form: a mask stands for what was there before."""
    if isinstance(value, dict):
        known = before if isinstance(before, dict) else {}
        return {key: unmasked(inner, known.get(key)) for key, inner in value.items()}
    return before if value == MASK else value
