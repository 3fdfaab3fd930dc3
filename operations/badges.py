"""The numbers beside the navigation."""

from __future__ import annotations

from django.http import HttpRequest

from operations import selectors
from payos.kernel import tenancy


def queue(request: HttpRequest) -> str:
    if not request.user.has_perm("operations.view_case"):  # type: ignore[union-attr]
        return ""
    with tenancy.platform_scope():
        return selectors.capped(selectors.queue(selectors.Filters(), request.user))


def approvals(request: HttpRequest) -> str:
    if not request.user.has_perm("operations.view_approval"):  # type: ignore[union-attr]
        return ""
    with tenancy.platform_scope():
        return selectors.capped(selectors.pending_approvals(request.user))


def alerts(request: HttpRequest) -> str:
    from operations.models import Alert

    if not request.user.has_perm("operations.view_alert"):  # type: ignore[union-attr]
        return ""
    with tenancy.platform_scope():
        return selectors.capped(Alert.objects.filter(state="firing"))
