from django.db import migrations, models

from payos.kernel.migration_ops import RunSQLFile


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_laws")]

    operations = [
        migrations.AddField(
            model_name="checkpoint",
            name="entries",
            field=models.IntegerField(default=0, help_text="Sealed entries between the checkpoint before and this one."),
        ),
        migrations.AddField(
            model_name="checkpoint",
            name="until",
            field=models.DateTimeField(help_text="Not before the latest of them.", null=True),
        ),
        migrations.DeleteModel(name="RollState"),
        RunSQLFile(__file__, "sealing.sql", "sealing_down.sql"),
    ]
