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
def change_view(*, user: Any, view_id: uuid.UUID, name: str, opens: bool) -> SavedView:
    """Another name, and whether the queue opens with it: at most one does."""
    name = name.strip()[:80]
    if not name:
        raise Problem("unprocessable", "Give the view a name.")
    view = SavedView.objects.select_for_update(of=("self",)).filter(user=user, pk=view_id).first()
    if view is None:
        raise Problem("not_found", "That view is not yours or is gone already.")
    if SavedView.objects.filter(user=user, name=name).exclude(pk=view_id).exists():
        raise Problem("unprocessable", f"You keep another view under the name {name}: choose another name.")
    if opens:
        SavedView.objects.filter(user=user, opens=True).exclude(pk=view_id).update(opens=False)
    view.name, view.opens = name, opens
    view.save()
    return view


@transaction.atomic
def delete_view(*, user: Any, view_id: uuid.UUID) -> None:
    if not SavedView.objects.filter(user=user, pk=view_id).delete()[0]:
        raise Problem("not_found", "That view is not yours or is gone already.")
