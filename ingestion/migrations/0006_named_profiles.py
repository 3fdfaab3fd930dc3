"""Mappings that stood in connectors become profiles with names. The connector keeps its copy, unused from now on."""

import re

from django.db import migrations


def name_them(apps, schema_editor):
    using = schema_editor.connection.alias
    connectors = apps.get_model("ingestion", "Connector").objects.using(using)
    profiles = apps.get_model("ingestion", "MappingProfile").objects.using(using)
    for connector in connectors.filter(profile__isnull=False, profile_name="").order_by("id"):
        data = dict(connector.profile)
        wanted = re.sub(r"[^A-Za-z0-9_-]+", "-", str(data.pop("name", "") or connector.name))[:50].strip("-") or "profile"
        title = str(data.pop("title", ""))[:120]
        data.pop("version", None)
        name, number = wanted, 1
        while True:
            same = profiles.filter(partner_id=connector.partner_id, name=name).first()
            if same is None or same.definition == data:
                break
            number += 1
            name = f"{wanted}-{number}"
        if same is None:
            kind = "json" if data.get("records") else "xlsx" if connector.format in {"xls", "xlsx"} else "csv"
            profiles.create(
                partner_id=connector.partner_id,
                name=name,
                kind=kind,
                title=title,
                definition=data,
                note=f"from the connector {connector.name}"[:300],
            )
        connectors.filter(pk=connector.pk).update(profile_name=name)


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0005_mapping_profiles")]

    operations = [migrations.RunPython(name_them, migrations.RunPython.noop, elidable=True)]
