"""Roles: Django groups made to agree with one matrix after every migrate. The table in the docs comes from it.

A pattern stands for permission code names `app.action_model`; an auditor reads all and changes nothing.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

OPERATOR, APPROVER, TREASURER, COMPLIANCE, AUDITOR, ADMINISTRATOR = (
    "operator",
    "approver",
    "treasurer",
    "compliance officer",
    "auditor",
    "administrator",
)
LOOK = [
    "operations.view_*",
    "ingestion.view_*",
    "settlement.view_*",
    "reconciliation.view_*",
    "ledger.view_*",
    "webhooks.view_*",
    "console.view_*",
    "partners.view_partner",
    "partners.view_branch",
    "kernel.view_calendarday",
]
# Whoever works cases keeps filters of the queue under names of his own.
OWN_VIEWS = ["operations.add_savedview", "operations.change_savedview", "operations.delete_savedview"]
MATRIX: dict[str, list[str]] = {
    OPERATOR: [
        *LOOK,
        "operations.work_case",
        "operations.request_approval",
        *OWN_VIEWS,
        "ingestion.work_*",
        "reconciliation.work_*",
        "settlement.work_*",
        "webhooks.work_*",
        "console.work_*",
    ],
    APPROVER: [*LOOK, "operations.work_case", *OWN_VIEWS, "operations.request_approval", "operations.decide_approval"],
    TREASURER: [
        *LOOK,
        "treasury.*",
        "ledger.manage_period",
        "operations.work_case",
        *OWN_VIEWS,
        "operations.request_approval",
        "settlement.work_*",
        "settlement.change_*",
        "settlement.manage_*",
        "kernel.view_circuit",
        "kernel.reset_circuit",
        "kernel.add_calendarday",
        "kernel.change_calendarday",
    ],
    COMPLIANCE: [
        *LOOK,
        "compliance.*",
        "operations.work_case",
        *OWN_VIEWS,
        "operations.request_approval",
        "kernel.view_auditevent",
        "partners.view_*",
    ],
    AUDITOR: ["*.view_*"],
    ADMINISTRATOR: [
        "*.view_*",
        "operations.request_approval",
        "operations.manage_*",
        "operations.change_*",
        "operations.add_*",
        "partners.*",
        "kernel.*",
        "webhooks.*",
        "console.*",
        "ingestion.*",
        "settlement.manage_*",
        "settlement.change_*",
        "settlement.add_*",
        "reconciliation.manage_*",
        "reconciliation.change_rule",
        "reconciliation.add_rule",
        "django_celery_beat.*",
    ],
}
# Nobody edits what services write, whatever their role.
NEVER = [
    "ledger.add_*",
    "ledger.change_*",
    "ledger.delete_*",
    "kernel.*_auditevent",
    "kernel.*_idempotencykey",
    "kernel.*_heartbeat",
    "kernel.add_outboxevent",
    "kernel.change_outboxevent",
    "kernel.delete_outboxevent",
    "partners.delete_*",
    "*.delete_payment",
    "*.delete_transfer",
]


def permissions_of(role: str, known: list[str]) -> list[str]:
    """Which of the known permissions the role has."""
    patterns = MATRIX[role]
    return [
        name
        for name in known
        if any(fnmatchcase(name, pattern) for pattern in patterns)
        and (name.split(".")[1].startswith("view_") or not any(fnmatchcase(name, pattern) for pattern in NEVER))
    ]


def synchronise(using: str = "owner") -> None:
    from django.contrib.auth.models import Group, Permission

    rows = Permission.objects.using(using).select_related("content_type")
    by_name = {f"{row.content_type.app_label}.{row.codename}": row for row in rows}
    for role in MATRIX:
        group, _ = Group.objects.using(using).get_or_create(name=role)
        group.permissions.set([by_name[name] for name in permissions_of(role, list(by_name))])
