#!/usr/bin/env python
"""Entry point for every PayOS command."""

import os
import sys


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payos.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import ProgrammingError

    from payos.embedded import EmbeddedError

    try:
        execute_from_command_line(sys.argv)
    except (EmbeddedError, ImproperlyConfigured) as error:
        print(f"payos: {error}", file=sys.stderr)
        return 2
    except ProgrammingError as error:
        # A table or column that is missing is a defect where the database is up to date, and a first step not taken where it is not.
        from payos.health import missing_migrations

        missing = missing_migrations()
        if not missing:
            raise
        print(
            f"payos: the database is not up to date ({str(error).splitlines()[0]}; {missing} migrations are not applied): "
            "start `make run`, which prepares it, or run `manage.py migrate`",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
