"""What is worth an alert about payments in, events out and the database below them."""

from django.db import migrations

RULES = [
    {"name": "Staging backlog", "metric": "payos_staging_backlog", "threshold": 10_000, "for_minutes": 2, "severity": 3},
    {"name": "Webhooks are answered slowly", "metric": "payos_webhook_p95_ms", "threshold": 500, "for_minutes": 5, "severity": 2},
    {"name": "Events are not published", "metric": "payos_publish_failure_ratio", "threshold": 0.01, "for_minutes": 2, "severity": 3},
    {
        "name": "Database connections run out",
        "metric": "payos_database_connections_ratio",
        "threshold": 0.9,
        "for_minutes": 1,
        "severity": 4,
    },
    {
        "name": "Partitions of payments run out",
        "metric": "payos_payment_partition_days_left",
        "condition": "below",
        "threshold": 40,
        "severity": 3,
    },
    {"name": "A partition of payments is nearly full", "metric": "payos_payment_partition_fill", "threshold": 0.9, "severity": 2},
    {"name": "Payments lie in no month's partition", "metric": "payos_payment_default_rows", "threshold": 0, "severity": 3},
]


def fill(apps, schema_editor):
    rules = apps.get_model("operations", "AlertRule").objects.using(schema_editor.connection.alias)
    for rule in RULES:
        if not rules.filter(name=rule["name"]).exists():
            rules.create(**rule)


class Migration(migrations.Migration):
    dependencies = [("operations", "0005_age_and_waiting")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=False)]
