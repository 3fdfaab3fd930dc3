"""The console's look and its navigation by role. An app adds its pages in `NAVIGATION`; what a person may not see is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse


def environment(request: HttpRequest) -> list[str]:
    name = settings.ENVIRONMENT_NAME
    return [name, "danger" if name.lower().startswith("prod") else "info"]


def ribbon(request: HttpRequest) -> dict[str, Any]:
    """The environment for pages outside the console, such as the sign-in."""
    return {"payos_environment": environment(request)}


def may(*permissions: str) -> Callable[[HttpRequest], bool]:
    def check(request: HttpRequest) -> bool:
        return any(request.user.has_perm(permission) for permission in permissions)  # type: ignore[union-attr]

    return check


def _page(title: str, icon: str, name: str, *permissions: str, badge: str | None = None) -> dict[str, Any]:
    item: dict[str, Any] = {"title": title, "icon": icon, "name": name, "permission": may(*permissions)}
    if badge:
        item["badge"] = badge
    return item


# (group, pages). A page whose URL does not exist in this installation is left out.
NAVIGATION: list[tuple[str, list[dict[str, Any]]]] = [
    (
        "Work",
        [
            _page("Exception queue", "inbox", "admin:operations_case_changelist", "operations.view_case", badge="operations.badges.queue"),
            _page(
                "Approvals",
                "verified_user",
                "admin:operations_approval_changelist",
                "operations.view_approval",
                badge="operations.badges.approvals",
            ),
            _page(
                "Alerts",
                "notifications_active",
                "admin:operations_alert_changelist",
                "operations.view_alert",
                badge="operations.badges.alerts",
            ),
            _page("Home", "space_dashboard", "admin:index", "operations.view_case"),
            _page("Trace", "travel_explore", "admin:console_trace", "operations.view_case"),
        ],
    ),
    (
        "Dashboards",
        [
            _page("Settlement", "event_upcoming", "admin:console_settlement", "settlement.view_settlementbatch"),
            _page("Reconciliation", "balance", "admin:console_reconciliation", "reconciliation.view_run"),
            _page("Ingestion", "input", "admin:console_ingestion", "ingestion.view_payment"),
            _page("Webhooks", "webhook", "admin:console_webhooks", "webhooks.view_delivery"),
            _page("Reports", "summarize", "admin:console_report_changelist", "console.view_report"),
        ],
    ),
    (
        "Money",
        [
            _page("Payments in", "south_west", "admin:ingestion_payment_changelist", "ingestion.view_payment"),
            _page("Transfers out", "north_east", "admin:settlement_transfer_changelist", "settlement.view_transfer"),
            _page("Batches", "stacks", "admin:settlement_transferbatch_changelist", "settlement.view_transferbatch"),
            _page("Settlement calendar", "event", "admin:settlement_calendar", "settlement.view_settlementbatch"),
            _page("Settlement batches", "inventory_2", "admin:settlement_settlementbatch_changelist", "settlement.view_settlementbatch"),
        ],
    ),
    (
        "Reconciliation",
        [
            _page("Runs", "play_circle", "admin:reconciliation_run_changelist", "reconciliation.view_run"),
            _page("Statements", "receipt_long", "admin:reconciliation_statement_changelist", "reconciliation.view_statement"),
            _page("Matches", "join_inner", "admin:reconciliation_match_changelist", "reconciliation.view_match"),
            _page("Discrepancies", "difference", "admin:reconciliation_discrepancy_changelist", "reconciliation.view_discrepancy"),
            _page("Rules", "rule", "admin:reconciliation_rule_changelist", "reconciliation.view_rule"),
        ],
    ),
    (
        "Ledger",
        [
            _page("Accounts", "account_tree", "admin:ledger_account_changelist", "ledger.view_account"),
            _page("Transactions", "swap_horiz", "admin:ledger_transaction_changelist", "ledger.view_transaction"),
            _page("Periods", "date_range", "admin:ledger_period_changelist", "ledger.view_period"),
        ],
    ),
    (
        "Sources and sinks",
        [
            _page("Files", "folder_open", "admin:ingestion_sourcefile_changelist", "ingestion.view_sourcefile"),
            _page("Connectors", "cable", "admin:ingestion_connector_changelist", "ingestion.view_connector"),
            _page("Mapping profiles", "table_chart", "admin:ingestion_mappingprofile_changelist", "ingestion.view_mappingprofile"),
            _page("Payment sources", "input", "admin:ingestion_source_changelist", "ingestion.view_source"),
            _page("Webhook endpoints", "webhook", "admin:webhooks_endpoint_changelist", "webhooks.view_endpoint"),
            _page("Deliveries", "send", "admin:webhooks_delivery_changelist", "webhooks.view_delivery"),
            _page("Rails", "alt_route", "admin:settlement_rail_changelist", "settlement.view_rail"),
        ],
    ),
    (
        "Set-up",
        [
            _page("Partners", "handshake", "admin:partners_partner_changelist", "partners.view_partner"),
            _page("Branches at work", "monitoring", "admin:console_branches", "partners.view_branch"),
            _page("Branches", "storefront", "admin:partners_branch_changelist", "partners.view_branch"),
            _page("API keys", "key", "admin:partners_apikey_changelist", "partners.view_apikey"),
            _page("People", "group", "admin:partners_user_changelist", "partners.view_user"),
            _page("Bank holidays", "calendar_month", "admin:kernel_calendarday_changelist", "kernel.view_calendarday"),
            _page("Alert rules", "notifications", "admin:operations_alertrule_changelist", "operations.view_alertrule"),
            _page("Alert channels", "campaign", "admin:operations_alertchannel_changelist", "operations.view_alertchannel"),
            _page(
                "Report subscriptions", "outgoing_mail", "admin:console_reportsubscription_changelist", "console.view_reportsubscription"
            ),
            _page("SLA rules", "timer", "admin:operations_sla_changelist", "operations.view_sla"),
            _page("Approval limits", "gavel", "admin:operations_approvallimit_changelist", "operations.view_approvallimit"),
            _page("Audit trail", "history", "admin:kernel_auditevent_changelist", "kernel.view_auditevent"),
        ],
    ),
    (
        "System",
        [
            _page("Events", "dynamic_feed", "admin:kernel_outboxevent_changelist", "kernel.view_outboxevent"),
            _page("Circuit breakers", "electrical_services", "admin:kernel_circuit_changelist", "kernel.view_circuit"),
            _page("Heartbeats", "monitor_heart", "admin:kernel_heartbeat_changelist", "kernel.view_heartbeat"),
            _page("Periodic tasks", "schedule", "admin:django_celery_beat_periodictask_changelist", "django_celery_beat.view_periodictask"),
            _page("Roles", "badge", "admin:auth_group_changelist", "auth.view_group"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    for title, pages in NAVIGATION:
        items = []
        for page in pages:
            try:
                link = reverse(page["name"])
            except NoReverseMatch:
                continue
            items.append({key: value for key, value in page.items() if key != "name"} | {"link": link})
        if any(item["permission"](request) for item in items):
            groups.append({"title": title, "separator": True, "collapsible": False, "items": items})
    return groups


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "PayOS",
    "SITE_HEADER": "PayOS",
    "SITE_SUBHEADER": "Settlement and reconciliation",
    "SITE_SYMBOL": "account_balance",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("console/favicon.svg")}],
    "DASHBOARD_CALLBACK": "console.dashboards.home_context",
    "STYLES": [lambda request: static("console/admin.css")],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "payos.kernel.unfold.environment",
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": sidebar},
    "ACCOUNT": {"navigation": [{"title": "Second factor", "link": lambda request: reverse("mfa_index")}]},
    "COMMAND": {"search_models": True, "show_history": False},
    "COLORS": {
        "primary": {
            "50": "238 249 246",
            "100": "213 240 232",
            "200": "174 225 211",
            "300": "122 203 183",
            "400": "72 174 152",
            "500": "40 148 126",
            "600": "28 119 102",
            "700": "24 96 83",
            "800": "23 77 68",
            "900": "21 64 57",
            "950": "7 38 34",
        },
    },
}
