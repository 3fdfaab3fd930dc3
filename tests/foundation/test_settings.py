"""Settings refuse what makes no sense, all of it at once, with sentences that name the variable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from payos.environment import Environment
from payos.supervisor import deploycheck

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ["EMBEDDED", "DEBUG", "ALLOWED_HOSTS", "SESSION_COOKIE_SECURE", "REQUIRE_SECOND_FACTOR", "LOG_FORMAT", "SECURE_HSTS_SECONDS"]


def load(**variables: str | None) -> tuple[dict[str, Any], str]:
    """The settings as a server would read them, with some variables changed (None: left out)."""
    environment = deploycheck.environment() | {"PYTHONPATH": str(ROOT)}
    environment.pop("PAYOS_HOME", None)
    for name, value in variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    program = f"import json, payos.settings as s; print(json.dumps({{n: getattr(s, n) for n in {NAMES!r}}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=ROOT)
    if done.returncode == 0:
        return json.loads(done.stdout), ""
    return {}, done.stderr.strip().splitlines()[-1]


def test_a_server_is_strict_by_default() -> None:
    found, _ = load(DEBUG=None)
    assert found["EMBEDDED"] is False and found["DEBUG"] is False
    assert found["SESSION_COOKIE_SECURE"] and found["REQUIRE_SECOND_FACTOR"] and found["SECURE_HSTS_SECONDS"] > 0
    assert found["LOG_FORMAT"] == "json"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DEBUG": "true"}, "DEBUG may only be on in the embedded mode"),
        ({"SECRET_KEY": None}, "SECRET_KEY is missing: set it, or SECRET_KEY_FILE"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short: it needs at least 50 characters"),
        ({"PAYOS_HASH_KEY": None}, "PAYOS_HASH_KEY is missing"),
        ({"PAYOS_FIELD_KEYS": None}, "PAYOS_FIELD_KEYS is missing"),
        ({"PAYOS_FIELD_KEYS": "k1:AAAA"}, "PAYOS_FIELD_KEYS must be `id:base64-of-32-bytes`"),
        ({"PAYOS_FIELD_KEYS": "not base64 at all"}, "PAYOS_FIELD_KEYS must be"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS is empty"),
        ({"ALLOWED_HOSTS": " , "}, "ALLOWED_HOSTS is empty"),
        ({"REDIS_URL": None}, "REDIS_URL is missing"),
        ({"DATABASE_URL": "mysql://root@db/payos"}, "DATABASE_URL must look like postgresql://"),
        ({"DATABASE_URL": "postgresql://u:p@db"}, "DATABASE_URL must look like postgresql://"),
        ({"DATABASE_OWNER_URL": "sqlite:///payos.db"}, "DATABASE_OWNER_URL must look like postgresql://"),
        ({"HTTPS": "perhaps"}, "HTTPS is 'perhaps': write true or false"),
        ({"SESSION_HOURS": "ten"}, "SESSION_HOURS is 'ten': write a whole number"),
        ({"SESSION_HOURS": "0"}, "SESSION_HOURS is 0: it must lie between"),
        ({"API_RATE_LIMIT": "-1"}, "API_RATE_LIMIT is -1: it must lie between"),
        ({"IDEMPOTENCY_HOURS": "23"}, "IDEMPOTENCY_HOURS is 23: it must lie between 24"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT is 'xml': choose one of json, console"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL is 'LOUD': choose one of"),
        ({"EMAIL_URL": "ftp://mail"}, "EMAIL_URL must look like smtp"),
        ({"WEBHOOKS_RETRY_SECONDS": "5,soon"}, "WEBHOOKS_RETRY_SECONDS must be"),
        ({"SECRET_KEY_FILE": "/nowhere/at/all", "SECRET_KEY": None}, "SECRET_KEY_FILE cannot be read"),
        ({"SECRET_KEY_FILE": "/etc/hostname"}, "SECRET_KEY is set twice"),
    ],
)
def test_what_makes_no_sense_stops_the_start(variables: dict[str, str | None], sentence: str) -> None:
    found, error = load(**variables)
    assert found == {}
    assert "the settings make no sense" in error and sentence in error


def test_everything_wrong_is_told_at_once() -> None:
    _, error = load(SECRET_KEY=None, HTTPS="perhaps", SESSION_HOURS="0", ALLOWED_HOSTS=None)
    for name in ("SECRET_KEY", "HTTPS", "SESSION_HOURS", "ALLOWED_HOSTS"):
        assert name in error


def test_a_secret_is_never_part_of_the_complaint() -> None:
    _, error = load(SECRET_KEY="hunter2hunter2", PAYOS_FIELD_KEYS="k1:hunter2", DATABASE_URL="mysql://u:hunter2@db/x")
    assert "make no sense" in error and "hunter2" not in error


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x" * 60 + "\n")
    found, error = load(SECRET_KEY=None, SECRET_KEY_FILE=str(path))
    assert found, error


@pytest.mark.parametrize("command", [["check"], ["migrate"], ["serve"]])
def test_a_command_says_it_in_one_line_and_exits_2(command: list[str]) -> None:
    environment = deploycheck.environment()
    environment["SECRET_KEY"] = ""
    done = subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    said = done.stderr.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("payos: the settings make no sense: SECRET_KEY is missing"), done.stderr


def test_the_deployment_check_is_clean() -> None:
    done = subprocess.run([sys.executable, "-m", "payos.supervisor.deploycheck"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_embedded_secrets_are_made_once_kept_and_shut(tmp_path: Path) -> None:
    first = Environment({})
    one = first.secret("SECRET_KEY", generate_in=tmp_path, minimum=50)
    keys = first.secret("PAYOS_FIELD_KEYS", generate_in=tmp_path, field_keys=True)
    again = Environment({})
    assert again.secret("SECRET_KEY", generate_in=tmp_path, minimum=50) == one and len(one) >= 50
    assert again.secret("PAYOS_FIELD_KEYS", generate_in=tmp_path, field_keys=True) == keys
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
    again.finish()


def test_a_damaged_secrets_file_is_not_replaced_in_silence(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{half")
    with pytest.raises(ImproperlyConfigured, match="cannot be read or made"):
        Environment({}).secret("SECRET_KEY", generate_in=tmp_path, minimum=50)
    assert (tmp_path / "secrets.json").read_text() == "{half"


def test_the_application_never_logs_in_as_owner_or_superuser(db: None) -> None:
    from django.db import connection, connections

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        user, *powers = cursor.fetchone()
    assert user == "payos_app" and powers == [False, False, False]
    assert connections["owner"].settings_dict["EMBEDDED_ROLE"] == "owner" if "DATABASE_URL" not in os.environ else True
