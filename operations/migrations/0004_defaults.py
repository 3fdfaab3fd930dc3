"""The rules a fresh installation starts with: by when a case is due, and what is worth an alert."""

from django.db import migrations

# (order, kind, severity, minutes): amounts are in minor units of a currency, so the amount rules name theirs.
SLA = [
    (10, "ledger_seal", "", 0, 4, 30),
    (10, "statement_out_of_balance", "", 0, 3, 240),
    (10, "poison_event", "", 0, 3, 240),
    (20, "", "USD", 100_000_00, 4, 60),
    (20, "", "USD", 10_000_00, 3, 240),
    (20, "", "EUR", 100_000_00, 4, 60),
    (20, "", "EUR", 10_000_00, 3, 240),
    (20, "", "MXN", 2_000_000_00, 4, 60),
    (20, "", "MXN", 200_000_00, 3, 240),
    (20, "", "BRL", 500_000_00, 4, 60),
    (20, "", "BRL", 50_000_00, 3, 240),
    (20, "", "KES", 10_000_000_00, 4, 60),
    (20, "", "KES", 1_000_000_00, 3, 240),
    (20, "", "USDC", 100_000_000_000, 4, 60),
    (20, "", "USDC", 10_000_000_000, 3, 240),
    (90, "webhook_dead", "", 0, 1, 4320),
    (100, "", "", 0, 2, 1440),
]
RULES = [
    {"name": "Events are not handled", "metric": "payos_outbox_lag_seconds", "threshold": 60, "for_minutes": 2, "severity": 3},
    {"name": "Events were set aside", "metric": "payos_outbox_parked", "threshold": 0, "severity": 3},
    {"name": "A circuit breaker is open", "metric": "payos_breaker_open", "threshold": 0, "for_minutes": 5, "severity": 3},
    {"name": "A process is silent", "metric": "payos_heartbeat_age_seconds", "threshold": 120, "for_minutes": 1, "severity": 4},
    {"name": "Critical cases", "source": "cases", "case_severity": 4, "threshold": 0, "severity": 4},
    {"name": "Overdue cases", "source": "cases", "case_severity": 2, "overdue_only": True, "threshold": 0, "severity": 2},
]


def fill(apps, schema_editor):
    using = schema_editor.connection.alias
    sla = apps.get_model("operations", "Sla").objects.using(using)
    if not sla.exists():
        for order, kind, currency, minimum, severity, minutes in SLA:
            sla.create(order=order, kind=kind, currency=currency, minimum_minor=minimum, severity=severity, minutes=minutes)
    rules = apps.get_model("operations", "AlertRule").objects.using(using)
    if not rules.exists():
        for rule in RULES:
            rules.create(**rule)


class Migration(migrations.Migration):
    dependencies = [("operations", "0003_alerts_and_search")]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=False),
        migrations.RunSQL(
            "COMMENT ON TABLE operations_sla IS 'reference: by when cases are due'",
            "COMMENT ON TABLE operations_sla IS NULL",
        ),
    ]
