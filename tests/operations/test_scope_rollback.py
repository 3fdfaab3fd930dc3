"""An error inside a narrower scope reaches the caller as itself, and the caller's transaction goes on."""

import pytest
from django.db import IntegrityError, connection, transaction

from payos.kernel import tenancy


@pytest.mark.django_db
def test_a_savepoint_rolls_back_although_the_scope_has_ended() -> None:
    with tenancy.platform_scope(actor="outer"):
        with pytest.raises(IntegrityError), transaction.atomic(), tenancy.platform_scope(actor="inner"), connection.cursor() as cursor:
            cursor.execute("INSERT INTO operations_case (id) VALUES (NULL)")
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('payos.actor', true)")
            assert cursor.fetchone() == ("outer",)
