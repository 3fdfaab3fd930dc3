"""The audit trail: who, when, from where, why, before and after.

State changes and edits are recorded by triggers (see `sql/audit.sql`); `record` is for what no trigger sees:
a look at sensitive data, a refused act, a command that was run.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, models
from psycopg.types.json import Jsonb

from payos.kernel import tenancy

acting = tenancy.acting


def record(
    *,
    action: str,
    subject: models.Model | str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    partner_id: Any = None,
) -> None:
    scope = tenancy.current()
    if isinstance(subject, models.Model):
        table, key = subject._meta.db_table, str(subject.pk)
        partner_id = partner_id or getattr(subject, "partner_id", None)
    else:
        table, key = "", subject
    # Plain SQL: an INSERT with RETURNING would need the right to see the row, which a stranger has not.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_audit_event (partner_id, actor, ip, request_id, reason, action, subject_table,"
            " subject_id, before, after) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                partner_id or scope.partner_id,
                scope.actor,
                scope.ip,
                scope.request_id,
                reason or scope.reason,
                action,
                table,
                key,
                None if before is None else Jsonb(before),
                None if after is None else Jsonb(after),
            ],
        )
