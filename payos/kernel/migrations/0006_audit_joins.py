from django.db import migrations


class Migration(migrations.Migration):
    """An update of many audited rows at once joins what was with what is.

    The plan of that join is kept for the session and may have been made for one row: a loop within a loop, which for six
    thousand rows takes minutes. Without it as a choice the join is a hash, which is right for one row as well.
    """

    dependencies = [("kernel", "0005_outbox_retry_and_masked_audit")]

    operations = [
        migrations.RunSQL(
            "ALTER FUNCTION kernel_audit_update() SET enable_nestloop = off", "ALTER FUNCTION kernel_audit_update() RESET enable_nestloop"
        ),
    ]
