"""The index of a rail's day, built while transfers go on."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("settlement", "0005_shared_decisions")]

    operations = [
        AddIndexConcurrently(
            model_name="transfer",
            index=models.Index(fields=["rail", "created_at"], name="settlement_transfer_day"),
        ),
    ]
