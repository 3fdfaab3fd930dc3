from django.db import migrations, models

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("kernel", "0004_permissions_and_audit_indexes")]

    operations = [
        migrations.AddField("outboxevent", "retry_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddIndex(
            "outboxevent",
            models.Index(
                condition=models.Q(handled_at=None, parked_at=None, retry_at__isnull=False),
                fields=["aggregate_id", "seq"],
                name="kernel_outbox_retrying",
            ),
        ),
        RunSQLFile(__file__, "audit_masked.sql", "audit_masked_down.sql"),
    ]
