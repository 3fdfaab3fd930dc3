from django.db import migrations

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("kernel", "0002_initial")]

    operations = [RunSQLFile(__file__, "audit.sql", "audit_down.sql")]
