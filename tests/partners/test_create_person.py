"""The first login of a server is made from the command line."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from partners import roles
from partners.models import User

pytestmark = pytest.mark.django_db


def test_a_person_with_a_role_can_sign_in_with_the_password_that_was_printed() -> None:
    out = io.StringIO()
    call_command("create_person", "first.admin", "--role", roles.ADMINISTRATOR, "--json", stdout=out)
    made = json.loads(out.getvalue())
    person = User.objects.get(username="first.admin")
    assert person.check_password(made["password"]) and len(made["password"]) >= 20
    assert person.is_staff and not person.is_superuser and person.role_names == [roles.ADMINISTRATOR]


def test_an_unknown_role_and_a_taken_name_are_said_plainly() -> None:
    with pytest.raises(CommandError, match="Unknown role: emperor.*administrator"):
        call_command("create_person", "someone", "--role", "emperor")
    call_command("create_person", "someone", "--role", roles.OPERATOR, stdout=io.StringIO())
    with pytest.raises(CommandError, match="already a person 'someone'"):
        call_command("create_person", "someone", "--role", roles.OPERATOR)
