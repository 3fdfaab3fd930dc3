"""The database wrapper: what it adds to Django's, and what it leaves out."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db


def test_statements_are_remembered_only_for_who_counts_them(settings: Any) -> None:
    settings.DEBUG = True
    connection.queries_log.clear()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert not connection.queries_log, "a worker that runs for days keeps thousands of statements"
    with CaptureQueriesContext(connection) as asked, connection.cursor() as cursor:
        cursor.execute("SELECT 2")
    assert [one["sql"] for one in asked.captured_queries] == ["SELECT 2"]
