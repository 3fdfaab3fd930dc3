"""A start skips migrating and seeding only when nothing at all has changed since."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connections

from payos.supervisor import prepared


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "demo.json").write_text("{}")
    return tmp_path


pytestmark = pytest.mark.django_db(databases=["default", "owner"])


def test_what_was_prepared_is_known_again(home: Path) -> None:
    assert not prepared.known(home, bank="a")
    prepared.remember(home, bank="a")
    assert prepared.known(home, bank="a")
    assert not prepared.known(home, bank="b"), "the bank moved to another port"


def test_other_code_prepares_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared.remember(home)
    monkeypatch.setattr(prepared, "code", lambda: "another checkout")
    assert not prepared.known(home)


def test_the_code_is_everything_that_rules_and_rows_are_made_of(tmp_path: Path, settings: object) -> None:
    app = tmp_path / "app"
    (app / "sql").mkdir(parents=True)
    (tmp_path / "payos").mkdir()
    (app / "apps.py").write_text("")
    (app / "sql" / "up.sql").write_text("SELECT 1")
    (tmp_path / "requirements.lock").write_text("")
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    seen = {prepared.code()}
    for path in (app / "sql" / "up.sql", app / "models.py", tmp_path / "payos" / "kernel.py", tmp_path / "requirements.lock"):
        path.write_text("changed")
        seen.add(prepared.code())
    (app / "models.py").unlink()
    seen.add(prepared.code())
    assert len(seen) == 6
    (app / "notes.txt").write_text("no matter")
    assert prepared.code() in seen


def test_another_or_an_empty_database_prepares_anew(home: Path) -> None:
    prepared.remember(home)
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations)")
    assert not prepared.known(home)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO elsewhere")
    assert not prepared.known(home)


@pytest.mark.parametrize("damage", ["", "{half", "[]", "{}", '{"applied": null}'])
def test_a_damaged_note_prepares_anew(home: Path, damage: str) -> None:
    (home / "run" / "prepared.json").write_text(damage)
    assert not prepared.known(home)


def test_a_removed_or_changed_demo_file_prepares_anew(home: Path) -> None:
    prepared.remember(home)
    (home / "demo.json").write_text('{"logins": []}')
    assert not prepared.known(home)
    (home / "demo.json").unlink()
    assert not prepared.known(home)
