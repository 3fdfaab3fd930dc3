"""Connects the console to the apps that are installed: panels, trace sources, rollups, pages."""

from __future__ import annotations

from importlib import import_module

from django.apps import apps

from payos.kernel.adminsite import register_page

# module -> the apps it reads. One that lacks an app is left out, and its pages with it.
MODULES: dict[str, tuple[str, ...]] = {
    "console.panels.queue": ("operations",),
    "console.panels.system": (),
    "console.panels.books": ("ledger",),
    "console.panels.webhooks": ("webhooks",),
    "console.trace.operations": ("operations",),
    "console.trace.ledger": ("ledger",),
    "console.trace.webhooks": ("webhooks",),
    "console.panels.settlement": ("settlement", "ledger"),
    "console.panels.ingestion": ("ingestion",),
    "console.panels.branch": ("ingestion", "settlement"),
    "console.trace.ingestion": ("ingestion", "ledger"),
    "console.trace.settlement": ("settlement", "ledger"),
    "console.panels.reconciliation": ("reconciliation", "ledger"),
    "console.trace.reconciliation": ("reconciliation", "ledger"),
    "console.workbench.actions": ("reconciliation",),
    "console.reports.reconciliation": ("reconciliation", "ledger"),
    "console.reports.settlement": ("settlement",),
    "console.reports.build": ("operations",),
    "console.reports.statement": ("ledger",),
}


# source of hourly sums -> the app it reads
ROLLUPS: dict[str, str] = {
    "cases_opened": "operations",
    "cases_resolved": "operations",
    "deliveries": "webhooks",
    "payments": "ingestion",
    "transfers": "settlement",
    "statement_lines": "reconciliation",
}


def connect() -> None:
    for module, needed in MODULES.items():
        if all(apps.is_installed(name) for name in needed):
            import_module(module)
    from console import rollups

    for source, app in ROLLUPS.items():
        if apps.is_installed(app):
            rollups.register(source, __file__, f"rollup_{source}.sql")
    _pages()


def _pages() -> None:
    from console import dashboards
    from console.trace import views as trace

    for name in dashboards.PAGES:
        if name != "home":
            register_page(f"console/{name}/", dashboards.dashboard(name), f"console_{name}")
    register_page("console/grid/<slug:name>/", dashboards.grid_view, "console_grid")
    register_page("console/branches/", dashboards.branch_list, "console_branches")
    register_page("console/branches/<uuid:key>/", dashboards.branch_page, "console_branch")
    register_page("console/branches/<uuid:key>/grid/", dashboards.branch_grid, "console_branch_grid")
    if apps.is_installed("reconciliation"):
        from console.workbench import views as workbench

        workbench.register()
    register_page("console/trace/", trace.trace_page, "console_trace")
