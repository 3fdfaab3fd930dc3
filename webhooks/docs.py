"""The event catalogue and the code samples as pages for partners, made from the code so that they cannot go stale."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from webhooks.catalogue import EVENTS

FOLDER = Path(__file__).resolve().parent / "codesamples"
# (title, file, language of the code block)
SAMPLES = [
    ("Python", "python.py", "python"),
    ("Node", "node.mjs", "javascript"),
    ("PHP", "php.php", "php"),
    ("Go", "go.go", "go"),
    ("Java", "Verify.java", "java"),
]
HEAD = """# Webhook events

Every event type with what it means, an example and its JSON schema; the same is served at `/v1/webhooks/event-types`.
How they are sent, signed and repeated is in [webhooks.md](webhooks.md).

Every body has `event_id` (the same as the header `webhook-id`), `event_type`, `timestamp` (when it happened), `partner_id`,
`livemode`, `api_version`, and one member that holds what the event is about, as it was at that moment. Fields may be added
within an API version: ignore those you do not know.

This page is made from the code by `manage.py webhook_catalogue --write`.

| event | when |
|---|---|
"""


@cache
def samples() -> list[dict[str, str]]:
    return [{"title": title, "language": language, "code": (FOLDER / name).read_text().strip()} for title, name, language in SAMPLES]


def catalogue_page() -> str:
    rows = [f"| [`{event.name}`](#{_slug(event.name)}) | {event.description} |" for event in EVENTS.values()]
    parts = [HEAD + "\n".join(rows) + "\n"]
    for event in EVENTS.values():
        parts.append(
            f"\n## {event.name}\n\n{event.description}\n\n```json\n{_json(event.sample())}\n```\n\n"
            f"<details><summary>JSON schema</summary>\n\n```json\n{_json(event.schema)}\n```\n\n</details>\n"
        )
    return "".join(parts)


def _slug(name: str) -> str:
    return name.replace(".", "")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def samples_section() -> str:
    """The part of webhooks.md between its markers."""
    return "\n\n".join(f"### {sample['title']}\n\n```{sample['language']}\n{sample['code']}\n```" for sample in samples())
