from django.db import migrations

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_initial"), ("ingestion", "0002_payments"), ("settlement", "0001_initial")]

    operations = [RunSQLFile(__file__, "items.sql", "items_down.sql")]
