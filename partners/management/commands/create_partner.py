"""`manage.py create_partner NAME --json`: a partner with a test key, for scripts."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from partners import services
from payos.kernel import tenancy
from payos.kernel.errors import Problem


class Command(BaseCommand):
    help = "Make a partner with its chart of accounts and a test key; the secret is printed once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("name")
        parser.add_argument("--country", default="US")
        parser.add_argument("--timezone", default="UTC")
        parser.add_argument("--currency", action="append", help="may be given several times; USD without it")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic(), tenancy.platform_scope(actor="command:create_partner"):
                partner = services.partner_create(
                    name=options["name"],
                    country=options["country"],
                    timezone=options["timezone"],
                    currencies=tuple(options["currency"] or ["USD"]),
                )
                key, secret = services.api_key_create(partner=partner, livemode=False, name="first test key")
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        result = {
            "id": partner.public_id,
            "name": partner.name,
            "slug": partner.slug,
            "currencies": partner.currencies,
            "livemode": False,
            "api_key": secret,
            "api_key_id": key.public_id,
        }
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            self.stdout.write(f"{partner.name} is {partner.public_id}.\nTest key (shown once): {secret}")
