"""Runs a command with settings as a server has them: made-up secrets, addresses where nothing answers.

Without arguments: `check --deploy`, and every warning fails. The container image collects its static files so.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_FILE")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "payos.settings",
        "DATABASE_URL": "postgresql://payos_app:unused@127.0.0.1:1/payos",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": secrets.token_urlsafe(60),
        "PAYOS_HASH_KEY": secrets.token_urlsafe(60),
        "PAYOS_FIELD_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "payos.example.com",
        "DEBUG": "false",
    }


CHECK = ["check", "--deploy", "--fail-level", "WARNING"]

if __name__ == "__main__":
    os.execve(sys.executable, [sys.executable, "manage.py", *(sys.argv[1:] or CHECK)], environment())
