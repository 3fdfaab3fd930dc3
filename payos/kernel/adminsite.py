"""The console's site: staff act for the platform, inside one transaction a request, and leave a trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from unfold.sites import UnfoldAdminSite

from payos.kernel import tenancy


class PayosAdminSite(UnfoldAdminSite):
    site_header = "PayOS"
    site_title = "PayOS"
    index_title = "Home"

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            # Rendered here, inside the scope: a template evaluates querysets after the view has returned.
            with transaction.atomic(), tenancy.platform_scope():
                response = view(request, *args, **kwargs)
                render = getattr(response, "render", None)
                if callable(render) and not getattr(response, "is_rendered", True):
                    response = render()
                return response

        return super().admin_view(update_wrapper(scoped, view), cacheable)
