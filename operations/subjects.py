"""From a subject (a model's label and a key) to its page, for links in the console."""

from __future__ import annotations

import uuid
from typing import Any

from django.apps import apps
from django.db.models import UUIDField
from django.urls import NoReverseMatch, reverse

from payos.kernel import ids


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _model(subject_type: str) -> Any:
    """By label (settlement.transfer) or by name alone (transfer), as services write it."""
    name = subject_type.lower()
    if "." not in name:
        return next((model for model in apps.get_models() if model._meta.model_name == name.replace("_", "")), None)
    try:
        return apps.get_model(name)
    except (LookupError, ValueError):
        return None


def link(subject_type: str, subject_id: str) -> tuple[str, str]:
    """The words and the address for a subject; the address is empty where it has no page."""
    if not subject_type:
        return "", ""
    model = _model(subject_type)
    if model is None:
        return f"{subject_type} {subject_id}", ""
    text = str(model._meta.verbose_name).capitalize()
    prefix = getattr(model, "public_prefix", "")
    if prefix:
        try:
            text = f"{text} {ids.encode(prefix, uuid.UUID(subject_id))}"
        except ValueError:
            text = f"{text} {subject_id}"
    else:
        text = f"{text} {subject_id}"
    if isinstance(model._meta.pk, UUIDField) and not _is_uuid(subject_id):
        return text, ""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
    try:
        return text, reverse(name, args=[subject_id])
    except NoReverseMatch:
        return text, ""
