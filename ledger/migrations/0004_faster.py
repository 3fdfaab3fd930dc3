from django.db import migrations

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    """The functions as they are now, for databases that took them on earlier; nothing changes where they are new."""

    dependencies = [("ledger", "0003_sealing")]

    operations = [
        RunSQLFile(__file__, "posting.sql", "nothing.sql"),
        RunSQLFile(__file__, "sealing.sql", "nothing.sql"),
    ]
