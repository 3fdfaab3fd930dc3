"""`manage.py webhook_catalogue`: the event catalogue as a page, and the code samples inside docs/partner/webhooks.md."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from webhooks import docs

BEGIN, END = "<!-- samples -->", "<!-- end of samples -->"


class Command(BaseCommand):
    help = "Print the catalogue of webhook events, write it to docs/partner, or check that what is there is up to date."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--write", action="store_true")
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.BASE_DIR / "docs" / "partner"
        guide = (folder / "webhooks.md").read_text()
        before, found, rest = guide.partition(BEGIN)
        _, also, after = rest.partition(END)
        if not (found and also):
            raise CommandError(f"{folder / 'webhooks.md'} has no {BEGIN} and {END}: put them where the code samples belong")
        pages = {
            "webhook-events.md": docs.catalogue_page(),
            "webhooks.md": f"{before}{BEGIN}\n\n{docs.samples_section()}\n\n{END}{after}",
        }
        if not (options["write"] or options["check"]):
            self.stdout.write(pages["webhook-events.md"])
        for name, text in pages.items():
            path = folder / name
            if options["write"]:
                path.write_text(text)
            elif options["check"] and (not path.exists() or path.read_text() != text):
                raise CommandError(f"docs/partner/{name} is not what the code says: run `manage.py webhook_catalogue --write`")
