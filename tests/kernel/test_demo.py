"""Demo data: made once, told in a file that only its owner reads, and true whatever was lost."""

from __future__ import annotations

import json
import stat

import pytest
from django.core.management import CommandError, call_command

from partners import roles, services
from partners.models import ApiKey, Branch, Partner, User
from payos.kernel import tenancy

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(tmp_path):
    return tmp_path


def seed(home):
    call_command("seed_demo", file=str(home / "demo.json"))


def counts():
    with tenancy.platform_scope():
        return [model.objects.count() for model in (Partner, Branch, User, ApiKey)]


def test_one_login_for_each_role_and_a_key_that_works(home):
    seed(home)
    file = home / "demo.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    facts = json.loads(file.read_text())
    assert {login["role"] for login in facts["logins"]} == set(roles.MATRIX)
    for login in facts["logins"]:
        user = User.objects.get(username=login["username"])
        assert user.check_password(login["password"]) and user.role_names == [login["role"]]
        assert user.is_staff and not user.is_superuser
    assert services.api_key_find(facts["api_key"]).partner.public_id == facts["partner"]
    with tenancy.platform_scope():
        assert Branch.objects.filter(partner__slug="savanna-retail").count() == 3


def test_a_second_run_changes_nothing(home):
    seed(home)
    text, rows = (home / "demo.json").read_text(), counts()
    seed(home)
    assert ((home / "demo.json").read_text(), counts()) == (text, rows)


def test_a_lost_file_is_told_anew_and_is_true(home):
    seed(home)
    old = json.loads((home / "demo.json").read_text())
    (home / "demo.json").unlink()
    seed(home)
    new = json.loads((home / "demo.json").read_text())
    assert new["logins"][0]["password"] != old["logins"][0]["password"]
    for login in new["logins"]:
        assert User.objects.get(username=login["username"]).check_password(login["password"])
    assert services.api_key_find(new["api_key"])


def test_a_broken_file_is_one_clear_sentence(home):
    (home / "demo.json").write_text("{")
    with pytest.raises(CommandError, match="remove it"):
        seed(home)


def test_a_server_is_not_given_logins_by_accident(home, settings):
    settings.EMBEDDED = False
    with pytest.raises(CommandError, match="--server"):
        seed(home)
    assert not User.objects.exists()
