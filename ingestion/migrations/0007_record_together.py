"""Payments that arrive at the same time are recorded together: one transaction for all that wait."""

from django.db import migrations

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0006_named_profiles")]

    operations = [RunSQLFile(__file__, "record_many.sql", "record_many_down.sql")]
