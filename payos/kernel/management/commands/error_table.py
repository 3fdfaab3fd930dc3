"""`manage.py error_table`: every problem code of the API as a page for partners."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import get_resolver

from payos.kernel.errors import CODES, TYPE_BASE

HEAD = f"""# Errors

Every answer of 400 and above is `application/problem+json` (RFC 9457): `type` ({TYPE_BASE}CODE), `title`, `status`, `detail`
(what happened, to which thing, what to do), `code`, `instance`, `request_id` and, where fields are wrong, `errors`, a list of
`{{"pointer", "code", "detail"}}` with a JSON pointer into the body or `?name` for a parameter.

Go by `code`: codes do not change, titles and details may. A refused request has done nothing; send it again with the same
`Idempotency-Key` once its cause is mended. After 500, 503 and a lost answer send it again with the same key: it takes effect once.

This table is made from the code by `manage.py error_table --write`.

| code | status | what happened | what to do |
|---|---|---|---|
"""


def table() -> str:
    get_resolver().url_patterns  # noqa: B018  importing the routes imports every service that registers codes
    rows = [
        f"| `{code.code}` | {code.status} | {code.title} | {code.remedy or '–'} |"
        for code in sorted(CODES.values(), key=lambda one: (one.status, one.code))
    ]
    return HEAD + "\n".join(rows) + "\n"


class Command(BaseCommand):
    help = "Print the table of problem codes, or write it to docs/partner/errors.md."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/partner/errors.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            path = settings.BASE_DIR / "docs" / "partner" / "errors.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(table())
            self.stdout.write(f"Wrote {path}.")
        else:
            self.stdout.write(table(), ending="")
