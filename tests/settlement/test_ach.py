"""ACH end to end against the sandbox bank's own reader: files out, acknowledgements, settlement, returns and notices in."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from ledger import verify
from operations.models import Case
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from settlement import services
from settlement.models import (
    AchFile,
    Correction,
    Rail,
    SettlementBatch,
    Submission,
    Transfer,
    TransferBatch,
    WindowRule,
)
from settlement.rails import nacha
from tests.settlement.conftest import Bank, fund, order
from tests.settlement.test_transfers import available

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)  # 09:00 in New York
CLOSING = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TUESDAY_SETTLED = datetime(2026, 3, 3, 13, 31, tzinfo=UTC)


@pytest.fixture
def files_bank(tmp_path):
    bank = Bank(tmp_path / "bank", "--sftp-port", "0")
    yield bank
    bank.stop()


@pytest.fixture
def ach(db, files_bank):
    return make_rail({"outgoing": str(files_bank.folder / "inbox"), "incoming": str(files_bank.folder / "outbox")})


def make_rail(config, credentials=""):
    with tenancy.platform_scope():
        rail = Rail.objects.create(
            code="ach",
            name="ACH",
            adapter="ach",
            currencies=["USD"],
            destination_types=["us_bank"],
            config=config,
            credentials=credentials,
            calendar="US_FED",
            timezone="America/New_York",
            settle_business_days=1,
            speed_minutes=0,
        )
        WindowRule.objects.create(rail=rail, frequency="times", times=["10:00"], timezone="America/New_York", calendar="US_FED")
    return rail


def files(done, timeout=15):
    """Send and read until `done()` holds; the clock of the test stands still, the bank's folder does not."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        services.send_files()
        services.read_files()
        with tenancy.platform_scope():
            if done():
                return
        time.sleep(0.1)
    with tenancy.platform_scope():
        raise AssertionError(list(AchFile.objects.values_list("name", "direction", "state", "note")))


def state_of(direction, *states):
    return lambda: AchFile.objects.filter(direction=direction, state__in=states).exists()


def accept(api, *orders):
    with clock.frozen(MONDAY):
        services.close_due_windows()
        answer = api.post("/v1/transfers/batch", {"transfers": list(orders)})
        assert answer.status_code == 201, answer.content
    with clock.frozen(CLOSING):
        assert len(services.close_due_windows()) == 1
        files(state_of("out", "acknowledged", "refused"))
    return answer.json()


def settle():
    with clock.frozen(TUESDAY_SETTLED):
        return services.settle_files_due()


def test_a_file_is_built_dropped_acknowledged_and_settles_on_its_effective_date(api, funded, ach, files_bank):
    shown = accept(api, order(reference="one"), order(reference="two", amount="20.00"))
    with tenancy.platform_scope():
        file = AchFile.objects.get(direction="out")
        assert file.state == "acknowledged" and str(file.effective_on) == "2026-03-03"
        parsed = nacha.read(bytes(file.content))
        assert parsed.usable and sum(entry.amount for _, entry in parsed.entries()) == 3000
        assert set(Transfer.objects.values_list("state", flat=True)) == {"submitted"}
    with clock.frozen(TUESDAY_SETTLED - timedelta(minutes=2)):  # 08:29 in New York: the day's settlement has not happened
        assert services.settle_files_due() == 0
    assert settle() == 2
    assert settle() == 0
    assert available(funded).posted_minor == 9_997_000
    assert api.get(f"/v1/transfers/batch/{shown['id']}").json()["status"] == "completed"
    assert len(files_bank.executions()["data"]) == 2
    with tenancy.platform_scope():
        assert SettlementBatch.objects.get().state == "settled"


def test_the_effective_date_is_the_next_banking_day(api, funded, ach):
    friday = datetime(2026, 7, 2, 14, 0, tzinfo=UTC)  # a Thursday; Friday the 3rd is a banking day, the 4th a Saturday
    with clock.frozen(friday - timedelta(hours=1)):
        services.close_due_windows()
        api.post("/v1/transfers", order())
    with clock.frozen(friday):
        services.close_due_windows()
        services.send_files()
    with tenancy.platform_scope():
        assert str(AchFile.objects.get().effective_on) == "2026-07-03"
        AchFile.objects.all().update(state="settled")
    christmas = datetime(2026, 12, 24, 15, 0, tzinfo=UTC)
    with clock.frozen(christmas - timedelta(hours=1)):
        services.close_due_windows()
        api.post("/v1/transfers", order(reference="late"))
    with clock.frozen(christmas):
        services.close_due_windows()
        services.send_files()
    with tenancy.platform_scope():
        assert str(AchFile.objects.order_by("-id").first().effective_on) == "2026-12-28"  # Christmas and a weekend between


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("code", ["01", "02"])
def test_a_return_reverses_the_settlement_and_opens_a_case(api, funded, ach, files_bank, code):
    files_bank.faults(return_seconds=0.1)
    shown = accept(api, order(account=f"99000000{code}"), order(reference="stays"))
    settle()
    with clock.frozen(TUESDAY_SETTLED + timedelta(hours=1)):
        files(lambda: Transfer.objects.filter(state="returned").exists())
        services.read_files()
    with tenancy.platform_scope():
        back = Transfer.objects.get(state="returned")
        assert back.failure_code == f"R{code}"
        case = Case.objects.get(kind="transfer_returned")
        assert case.subject_id == str(back.pk)
        batch = TransferBatch.objects.get()
        assert (batch.state, batch.done_count, batch.failed_count) == ("completed_with_errors", 1, 1)
    assert shown["count"] == 2 and available(funded).posted_minor == 9_999_000
    assert verify.verify().ok


@pytest.mark.django_db(transaction=True)
def test_a_return_before_the_effective_date_is_settled_and_reversed_at_once(api, funded, ach, files_bank):
    files_bank.faults(return_seconds=0)
    accept(api, order(account="9900000003"))
    with clock.frozen(CLOSING + timedelta(hours=2)):
        files(lambda: Transfer.objects.get().state == "returned")
    assert settle() == 0
    assert available(funded).posted_minor == available(funded).available_minor == 10_000_000
    assert verify.verify().ok


def test_a_notice_of_change_is_a_case_and_the_next_file_uses_it(api, funded, ach, files_bank):
    accept(api, order(account="9800000001"))
    with clock.frozen(CLOSING + timedelta(minutes=5)):
        files(lambda: Correction.objects.exists())
    with tenancy.platform_scope():
        corrected = json.loads(Correction.objects.get().destination)["account_number"]
        assert corrected != "9800000001"
        case = Case.objects.get(kind="notice_of_change")
        assert case.data["applied"] and corrected not in json.dumps(case.data) + case.detail
        assert Transfer.objects.get().state == "submitted"
    with clock.frozen(CLOSING + timedelta(hours=1)):
        api.post("/v1/transfers", order(account="9800000001", reference="again"))
    with clock.frozen(CLOSING + timedelta(days=1)):
        services.close_due_windows()
        services.send_files()
    with tenancy.platform_scope():
        last = nacha.read(bytes(AchFile.objects.filter(direction="out").order_by("-id").first().content))
    assert [entry.account for _, entry in last.entries()] == [corrected]
    first, second = (file for file in _traces())
    assert not first & second


def _traces():
    with tenancy.platform_scope():
        for file in AchFile.objects.filter(direction="out").order_by("id"):
            yield {entry.trace for _, entry in nacha.read(bytes(file.content)).entries()}


def test_a_refused_file_goes_again_in_the_next_window_under_a_new_reference(api, funded, ach, files_bank, monkeypatch):
    from settlement.rails.ach import Ach

    whole = Ach.build

    def damaged(self, *args, **kwargs):
        content, traces = whole(self, *args, **kwargs)
        return content.replace(b"0000001000", b"0000001001", 1), traces  # totals that lie

    monkeypatch.setattr(Ach, "build", damaged)
    accept(api, order())
    monkeypatch.undo()
    with tenancy.platform_scope():
        transfer = Transfer.objects.get()
        assert (transfer.state, transfer.failure_code, transfer.attempts) == ("queued", "file_refused", 1)
        assert transfer.next_attempt_at and transfer.window_at > CLOSING
        assert Case.objects.filter(kind="file_refused").count() == 1
    assert not files_bank.executions()["data"]
    with clock.frozen(CLOSING + timedelta(days=1)):
        services.close_due_windows()
        files(lambda: AchFile.objects.filter(direction="out", state="acknowledged").exists())
    with clock.frozen(CLOSING + timedelta(days=2)):
        services.settle_files_due()
    assert len(files_bank.executions()["data"]) == 1
    with tenancy.platform_scope():
        assert Transfer.objects.get().state == "settled"
        assert list(Submission.objects.order_by("number").values_list("outcome", flat=True)) == ["failed", "settled"]
    assert available(funded).posted_minor == 9_999_000


def test_one_item_that_no_file_can_carry_fails_alone(api, funded, ach, files_bank):
    fund(funded, 10**11)
    accept(api, order(reference="fine"), order(reference="too much", amount="100000000.00"), order(reference="fine too"))
    with tenancy.platform_scope():
        assert dict(Transfer.objects.values_list("reference", "state")) == {
            "fine": "submitted",
            "too much": "failed",
            "fine too": "submitted",
        }
    settle()
    assert available(funded).posted_minor == available(funded).available_minor == 10**11 + 9_998_000
    with tenancy.platform_scope():
        assert SettlementBatch.objects.get().state == "partly_settled"
        assert TransferBatch.objects.get().state == "completed_with_errors"


@pytest.mark.django_db(transaction=True)
def test_insufficient_funds_may_be_presented_twice_more_and_then_never(api, funded, ach, files_bank):
    files_bank.faults(return_seconds=0)
    accept(api, order(account="9900000001"))
    at = CLOSING
    for tries in (1, 2, 3):
        with clock.frozen(at + timedelta(hours=2)):
            files(lambda tries=tries: Submission.objects.filter(outcome="returned").count() == tries)
            with tenancy.platform_scope():
                transfer = Transfer.objects.get()
            if tries == 3:
                with pytest.raises(Problem, match="allows 2 more"), tenancy.platform_scope():
                    services.transfer_retry(transfer=transfer, reason="please")
                with pytest.raises(Problem, match="allows 2 more"), tenancy.platform_scope():
                    services.retry_batch(batch=transfer.batch)
                break
            with tenancy.platform_scope():
                services.transfer_retry(transfer=transfer, reason="the payee says there is money now")
        at += timedelta(days=1)
        with clock.frozen(at):
            services.close_due_windows()
            files(lambda tries=tries: AchFile.objects.filter(direction="out", state="acknowledged").count() == tries + 1)
    with tenancy.platform_scope():
        retried = nacha.read(bytes(AchFile.objects.filter(direction="out").order_by("-id").first().content))
        assert {batch.header.get("description") for batch in retried.batches} == {"RETRY PYMT"}
        batch = TransferBatch.objects.get()
        assert (batch.done_count, batch.failed_count, batch.state) == (0, 1, "completed_with_errors")
    assert available(funded).posted_minor == available(funded).available_minor == 10_000_000
    assert verify.verify().ok


def test_after_180_days_or_with_another_code_nothing_is_presented_again(api, funded, ach, files_bank):
    files_bank.faults(return_seconds=0)
    accept(api, order(account="9900000009"), order(account="9900000002", reference="closed"))
    with clock.frozen(CLOSING + timedelta(hours=2)):
        files(lambda: Submission.objects.filter(outcome="returned").count() == 2)
        with tenancy.platform_scope(), pytest.raises(Problem, match="details that are right"):
            services.transfer_retry(transfer=Transfer.objects.get(reference="closed"), reason="x")
    with clock.frozen(CLOSING + timedelta(days=181)), tenancy.platform_scope(), pytest.raises(Problem, match="180 days"):
        services.transfer_retry(transfer=Transfer.objects.get(reference=""), reason="x")


def test_a_crash_between_building_and_dropping_sends_the_same_bytes_once(api, funded, ach, files_bank, monkeypatch):
    from settlement.rails import drop

    with clock.frozen(MONDAY):
        services.close_due_windows()
        api.post("/v1/transfers", order())
    with clock.frozen(CLOSING):
        services.close_due_windows()
        put = drop.Folder.put

        def dies_after(self, name, content):
            put(self, name, content)
            raise drop.DropError("the connection broke after the last byte")

        monkeypatch.setattr(drop.Folder, "put", dies_after)
        assert services.send_files() == 0
        monkeypatch.undo()
        with tenancy.platform_scope():
            assert Case.objects.get().kind == "file_not_sent"
        files(state_of("out", "acknowledged"))
    assert len(files_bank.executions()["data"]) == 1


def test_the_same_over_sftp(api, funded, files_bank):
    deadline = time.monotonic() + 10
    while not (files_bank.folder / "sftp_port").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    key = (files_bank.folder / "ssh_host_key.pub").read_text().split()
    port = int((files_bank.folder / "sftp_port").read_text())
    sftp = {"host": "127.0.0.1", "port": port, "user": "sandbox", "host_key": " ".join(key[:2]), "outgoing": "inbox", "incoming": "outbox"}
    rail = make_rail({"sftp": sftp}, credentials="sandbox-key")
    accept(api, order())
    assert settle() == 1
    with tenancy.platform_scope():
        rail.config["sftp"]["host_key"] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
        rail.save()
    with clock.frozen(CLOSING + timedelta(hours=1)):
        api.post("/v1/transfers", order(reference="elsewhere"))
    with clock.frozen(CLOSING + timedelta(days=1)):
        services.close_due_windows()
        assert services.send_files() == 0  # another host key: nothing is handed to a stranger
        with tenancy.platform_scope():
            assert AchFile.objects.filter(direction="out", state="intent").count() == 1
