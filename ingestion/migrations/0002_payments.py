from typing import Any

from django.db import migrations

from payos.kernel.currencies import EXPONENTS
from payos.kernel.migration_ops import RunSQLFile


def fill(apps: Any, editor: Any) -> None:
    """Make the SQL table agree with the currency table of the code."""
    Currency = apps.get_model("ingestion", "Currency")
    Currency.objects.using(editor.connection.alias).bulk_create(
        [Currency(code=code, factor=10**places) for code, places in EXPONENTS.items()],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["factor"],
    )


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0001_initial"), ("ledger", "0002_laws"), ("kernel", "0003_audit_triggers")]

    operations = [
        RunSQLFile(__file__, "payments.sql", "payments_down.sql"),
        RunSQLFile(__file__, "record.sql", "record_down.sql"),
        RunSQLFile(__file__, "staging.sql", "staging_down.sql"),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
