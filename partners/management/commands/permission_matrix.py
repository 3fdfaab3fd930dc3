"""`manage.py permission_matrix`: what each role may, as a page for operators."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.core.management.base import BaseCommand

from partners import roles

HEAD = """# Roles

A person has one or more roles; there are no superusers and no single permissions. Roles are made to agree with this table by every
`manage.py migrate`. A cell lists what the role may do: **view** the page, **add**, **change** or **delete** rows by hand, and acts by
their name. Whoever asks for an approval is never the one who grants it, whatever their roles.

This table is made from the code by `manage.py permission_matrix --write`.
"""
PLAIN = ("view", "add", "change", "delete")


def known() -> dict[str, list[tuple[str, str]]]:
    """The permissions of what the console shows, by model: (code name, act), as the models declare them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for model in apps.get_models():
        options = model._meta
        if not admin.site.is_registered(model) and not options.permissions:
            continue
        acts = [(get_permission_codename(verb, options), verb) for verb in options.default_permissions]
        acts += [(codename, codename.rsplit("_", 1)[0].replace("_", " ")) for codename, _ in options.permissions]
        for codename, act in acts:
            found.setdefault(f"{options.app_label}.{options.model_name}", []).append((f"{options.app_label}.{codename}", act))
    return found


def table() -> str:
    permissions = known()
    every = [name for acts in permissions.values() for name, _ in acts]
    may = {role: set(roles.permissions_of(role, every)) for role in roles.MATRIX}
    lines = [HEAD]
    app = ""
    for subject in sorted(permissions):
        cells = [", ".join(act for name, act in sorted(permissions[subject], key=_order) if name in may[role]) for role in roles.MATRIX]
        if not any(cells):
            continue
        if subject.split(".")[0] != app:
            app = subject.split(".")[0]
            lines.append(f"\n## {app}\n\n| | {' | '.join(roles.MATRIX)} |\n|---|{'---|' * len(roles.MATRIX)}")
        lines.append(f"| {subject.split('.')[1]} | {' | '.join(cell or '–' for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _order(act: tuple[str, str]) -> tuple[int, str]:
    return (PLAIN.index(act[1]) if act[1] in PLAIN else len(PLAIN), act[1])


class Command(BaseCommand):
    help = "Print the permission matrix, or write it to docs/operator/roles.md."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/operator/roles.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            path = settings.BASE_DIR / "docs" / "operator" / "roles.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(table())
            self.stdout.write(f"Wrote {path}.")
        else:
            self.stdout.write(table(), ending="")
