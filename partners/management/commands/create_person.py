"""`manage.py create_person NAME --role administrator`: the first login of a server; the password is printed once."""

from __future__ import annotations

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from partners import services
from payos.kernel import tenancy
from payos.kernel.errors import Problem


class Command(BaseCommand):
    help = "Make a person of the staff with one or more roles; a password is made up and printed once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", action="append", required=True, help="may be given several times")
        parser.add_argument("--email", default="")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        password = secrets.token_urlsafe(18)
        try:
            with tenancy.platform_scope(actor="command:create_person", reason="made from the command line"):
                person = services.user_create(
                    username=options["username"], password=password, roles=tuple(options["role"]), email=options["email"]
                )
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        if options["json"]:
            self.stdout.write(json.dumps({"username": person.username, "roles": sorted(options["role"]), "password": password}))
        else:
            self.stdout.write(f"{person.username} may sign in as {', '.join(options['role'])}. Password (shown once): {password}")
