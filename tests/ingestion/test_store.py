"""A store of raw files that takes nothing is a case, and ends as one by itself."""

from __future__ import annotations

import io

import pytest

from ingestion import services
from ingestion.models import SourceFile
from operations.models import Case
from payos.kernel import tenancy
from payos.kernel.errors import Problem

pytestmark = pytest.mark.django_db


def open_ones() -> int:
    with tenancy.platform_scope():
        return Case.objects.filter(kind="store_full").exclude(state="resolved").count()


def test_no_room_is_told_once_and_room_again_resolves_it(settings, tmp_path, platform):
    blocked = tmp_path / "raw"
    blocked.write_text("a file where the folder should be")
    settings.RAW_STORE = blocked
    assert services.watch_store() and services.watch_store() and open_ones() == 1
    with pytest.raises(Problem) as caught:
        services.receive_file(content=io.BytesIO(b"date,amount\n"), name="x.csv", partner_id=None)
    assert caught.value.code == "unavailable" and not SourceFile.objects.exists()
    blocked.unlink()
    assert services.watch_store() == "" and open_ones() == 0
    assert not list(blocked.glob(".probe-*"))
    file, fresh = services.receive_file(content=io.BytesIO(b"date,amount\n"), name="x.csv", partner_id=None)
    assert fresh and services.stored(file.sha256).is_file()
