from django.db import migrations

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        RunSQLFile(__file__, "posting.sql", "posting_down.sql"),
        RunSQLFile(__file__, "ledger.sql", "ledger_down.sql"),
        RunSQLFile(__file__, "canonical.sql", "canonical_down.sql"),
    ]
