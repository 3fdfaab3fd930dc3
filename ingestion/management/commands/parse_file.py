"""Read one file the way ingestion would, and print what is in it. The database is asked for a named mapping profile only."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand

from ingestion.parsers import jsonout, registry
from ingestion.parsers.amounts import currency_exponent
from ingestion.parsers.processors import BUILT_IN
from ingestion.parsers.profiles import Profile, ProfileError
from ingestion.parsers.records import Flag, Line, Reject, StatementEnd, StatementStart, Unreadable
from payos.kernel.errors import Problem


class Command(BaseCommand):
    help = "Read a bank or processor file and print statements, lines, rejects and flags. Exit 2: nothing readable."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", help="the file; - reads standard input")
        parser.add_argument("--format", help=f"do not sniff, read as one of: {', '.join(registry.formats())}")
        parser.add_argument("--profile", help="a mapping profile by its name, or a JSON file with one (CSV, XLSX, JSON)")
        parser.add_argument("--partner", default="", help="whose profile it is, where the name is not the platform's: par_...")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            profile = _profile(options["profile"], options["partner"])
            source = sys.stdin.buffer if options["path"] == "-" else options["path"]
            parsed = registry.open_file(source, options["format"], profile)
            if options["json"]:
                jsonout.write(parsed, cast(TextIO, vars(self.stdout)["_out"]))  # past Django's line endings
            else:
                self._show(parsed)
        except Problem as problem:
            self._fail(options, problem.detail)
        except (Unreadable, ProfileError) as error:
            self._fail(options, str(error))
        except BrokenPipeError:  # whoever reads the output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            self._fail(options, f"{options['path']}: {error.strerror or error}")

    def _fail(self, options: dict[str, Any], reason: str) -> None:
        if options["json"]:
            self.stdout.write(json.dumps({"error": reason}))
        self.stderr.write(f"parse_file: {reason}")
        sys.exit(2)

    def _show(self, parsed: registry.Parsed) -> None:
        profile = f", profile {parsed.profile}" if parsed.profile else ""
        title = f"format {parsed.format} (reader version {parsed.version}{profile})"
        seen = rejected = False
        for event in parsed.events:
            if title:
                self.stdout.write(title)
                title = ""
            if isinstance(event, Line):
                self.stdout.write(f"  {event.value_date or '          '} {_money(event.amount_minor, event.currency):>18}  {event.reference[:28]:28}"
                                  f"  {event.counterparty[:24]:24} {event.description[:60]}")  # fmt: skip
            elif isinstance(event, StatementStart):
                seen = True
                self.stdout.write(f"statement {event.number} account {event.account or '(not stated)'} {event.currency}")
            elif isinstance(event, StatementEnd):
                word = {True: "balances agree", False: "BALANCES DO NOT AGREE", None: "balances not stated or not checkable"}[
                    event.balances_ok
                ]
                self.stdout.write(f"  {event.line_count} lines, sum {_money(event.sum_minor, event.currency)}, opening {_money(event.opening_minor, event.currency)},"
                                  f" closing {_money(event.closing_minor, event.currency)}: {word}")  # fmt: skip
            elif isinstance(event, Reject):
                rejected = True
                self.stdout.write(f"  not read, at {event.position}: {event.reason}")
            elif isinstance(event, Flag):
                self.stdout.write(f"  flag, at {event.position}: {event.code}: {event.detail}")
        if not seen and (rejected or not parsed.readable_without_statements()):
            raise Unreadable("the file holds no statement and no line")


def _money(minor: int | None, currency: str) -> str:
    if minor is None:
        return "-"
    places = currency_exponent(currency)
    digits = str(abs(minor)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"{'-' if minor < 0 else ''}{text} {currency}"


def _profile(path: str | None, partner: str) -> Profile | None:
    """A file that is there, else a built-in name, else one that is kept: only the last needs the database."""
    if not path:
        return None
    if not Path(path).is_file() and not path.endswith(".json"):
        return BUILT_IN[path][1] if path in BUILT_IN and not partner else _kept(path, partner)
    try:
        data = json.loads(Path(path).read_text("utf-8"))
    except ValueError as error:
        raise ProfileError(f"{path} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise ProfileError(f"{path} must hold one JSON object, the profile")
    try:
        return Profile.from_dict(data)
    except (TypeError, ValueError) as error:
        raise ProfileError(f"{path}: {error}") from None


def _kept(name: str, partner: str) -> Profile:
    from ingestion.services import find_profile
    from payos.kernel import ids

    try:
        partner_id = ids.decode("par", partner) if partner else None
    except ids.InvalidId:
        raise ProfileError(f"{partner!r} is no partner's id") from None
    return find_profile(name=name, partner_id=partner_id)
