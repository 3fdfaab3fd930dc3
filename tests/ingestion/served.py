"""The web server's application on the test database, for tests that start the real server."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payos.settings")
django.setup()

from django.db import connections  # noqa: E402

for alias in ("default", "owner"):
    connections[alias].settings_dict["NAME"] = os.environ["PAYOS_TEST_DATABASE"]

from payos.wsgi import application  # noqa: E402

__all__ = ["application"]
