"""A person's own filters of the queue."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction

from operations.models import SavedView
from payos.kernel.errors import Problem

MOST = 30


@transaction.atomic
def save_view(*, user: Any, name: str, query: str) -> SavedView:
    """Keep a filter under a name; the same name replaces it."""
    name = name.strip()[:80]
    if not name:
        raise Problem("unprocessable", "Give the view a name.")
    if SavedView.objects.filter(user=user).exclude(name=name).count() >= MOST:
        raise Problem("unprocessable", f"You keep {MOST} views already: delete one first.")
    view, _ = SavedView.objects.update_or_create(user=user, name=name, defaults={"query": query[:1000]})
    return view


@transaction.atomic
def delete_view(*, user: Any, view_id: uuid.UUID) -> None:
    if not SavedView.objects.filter(user=user, pk=view_id).delete()[0]:
        raise Problem("not_found", "That view is not yours or is gone already.")
