from django.db import migrations

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]
    operations = [RunSQLFile(__file__, "functions.sql", "functions_down.sql")]
