from django.db import migrations

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    """Every name in the functions that post is bound, so that nothing of the caller's runs with the owner's rights."""

    dependencies = [("ledger", "0004_faster")]

    operations = [RunSQLFile(__file__, "posting.sql", "nothing.sql")]
