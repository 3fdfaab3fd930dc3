"""Every address of the product: the console, the API under /v1, and what keeps it running."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.apps import apps
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from payos import health
from payos.kernel import metrics
from payos.kernel.api import NotFoundView

APPS = ["partners", "ledger", "operations", "webhooks", "ingestion", "settlement", "reconciliation", "treasury", "compliance", "console"]


def _routes(attribute: str) -> list[URLPattern | URLResolver]:
    """`urlpatterns` of each app's api.py stand under /v1; `root_urlpatterns` where they say."""
    found: list[URLPattern | URLResolver] = []
    for name in APPS:
        if apps.is_installed(name) and find_spec(f"{name}.api"):
            found += getattr(import_module(f"{name}.api"), attribute, [])
    return found


urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.export, name="metrics"),
    *_routes("root_urlpatterns"),
    path("v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("v1/docs", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    path("v1/", include(_routes("urlpatterns"))),
    path("v1/<path:rest>", NotFoundView.as_view()),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
