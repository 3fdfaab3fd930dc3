"""The loop closed: transfers out, the bank's own statement back, matched to the cent, posted, proven."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction

from ingestion import services as ingestion
from ingestion.models import SourceFile
from ledger import selectors, verify
from ledger.models import Account
from operations.models import Case
from payos.kernel import clock, locks, tenancy
from payos.kernel.errors import Problem
from reconciliation import services
from reconciliation.models import (
    BalanceProof,
    BankAccount,
    Discrepancy,
    Match,
    MatchItem,
    Rule,
    Run,
    Statement,
    StatementLine,
)
from reconciliation.selectors import report_rows
from settlement import services as settlement
from settlement.models import Transfer
from tests.settlement.conftest import bank, funded, order, rail, sandbox_process  # noqa: F401

pytestmark = pytest.mark.django_db


def csv(*rows, header="date,amount,currency,reference,description,account,balance"):
    return "\n".join([header, *rows]).encode() + b"\n"


@pytest.fixture
def account(partner, platform):
    return BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")


def upload(content, name, partner_id, **more):
    file, _ = ingestion.receive_file(content=io.BytesIO(content), name=name, partner_id=partner_id, **more)
    return ingestion.process_file(file=file)


def mt940(day, opening, lines, account="123456", number="1"):
    """A small statement; amounts in cents, references as given."""
    closing = opening + sum(amount for amount, _ in lines)

    def mark(minor):
        return ("C" if minor >= 0 else "D"), f"{abs(minor) // 100},{abs(minor) % 100:02d}"

    text = [
        ":20:STATEMENT",
        f":25:{account}",
        f":28C:{number}",
        ":60F:{}{}USD{}".format(mark(opening)[0], day.strftime("%y%m%d"), mark(opening)[1]),
    ]
    for amount, reference in lines:
        side, shown = mark(amount)
        text += [f":61:{day:%y%m%d}{day:%m%d}{side}{shown}NTRF{reference[:16]}", f":86:{reference}"]
    text.append(":62F:{}{}USD{}".format(mark(closing)[0], day.strftime("%y%m%d"), mark(closing)[1]))
    return "\r\n".join(text).encode() + b"\r\n"


def transfers(partner, by, count, amount="10.00"):
    """Settled transfers, without a bank: what the rail would have answered is applied directly."""
    from settlement.models import Submission
    from settlement.rails import base

    with tenancy.tenant_scope(partner.pk, False):
        items = settlement.check_items(partner=partner, livemode=False, items=[order(amount) for _ in range(count)])
        made = settlement.accept(partner=partner, livemode=False, items=items)
    settlement.close_due_windows()
    from settlement.services.executing import claim

    claim(by, count)
    with tenancy.platform_scope():
        answers = [(s.transfer_id, s.reference, base.Answer(base.SETTLED)) for s in Submission.objects.filter(transfer__in=made)]
    settlement.apply(rail=by, answers=answers)
    with tenancy.platform_scope():
        return list(Transfer.objects.filter(pk__in=[t.pk for t in made]).order_by("pk"))


def test_a_statement_settles_the_books_to_the_cent(rail, funded, account):  # noqa: F811
    made = transfers(funded, rail, 5)
    today = clock.now().date()
    lines = [(-1000, t.public_id) for t in made]
    file = upload(mt940(today, 50_000, lines), "day.sta", funded.pk)
    assert file.state == "processed", file.facts
    assert file.facts["new_lines"] == 5
    assert Statement.objects.get().state == "balanced"
    run = services.run_account(account=account)
    assert (run.matched_internal, run.matched_external, run.matches_made) == (5, 5, 5)
    assert set(Transfer.objects.values_list("state", flat=True)) == {"reconciled"}
    assert Statement.objects.get().state == "reconciled"
    cash = Account.objects.get(partner=funded, livemode=False, code="cash:sandbox", currency="USD")
    transit = Account.objects.get(partner=funded, livemode=False, code="transfers:in_transit", currency="USD")
    assert selectors.balance(cash).posted_minor == -5000
    assert selectors.balance(transit).posted_minor == 0
    proof = services.prove(account=account, on=today)
    assert proof.green and proof.closing_minor == 45_000
    match = Match.objects.first()
    assert match.confidence >= 90 and match.reason["reference"]


def test_a_payment_that_the_bank_confirms_clears_its_receivable_and_is_told_of_once(partner, account):
    from ingestion.models import Payment
    from ingestion.services import recording
    from payos.kernel.models import OutboxEvent

    BankAccount.objects.filter(pk=account.pk).update(channels=["card"])
    account.refresh_from_db()
    today = clock.now().date()
    payments = [recording.PaymentIn(f"ORDER-77{n}", 8450, "USD", clock.now(), "card", "L-1") for n in range(3)]
    made = [recording.record(partner_id=partner.pk, livemode=False, source="core", payment=payment) for payment in payments]
    upload(mt940(today, 0, [(8450, payment.reference_number) for payment in payments]), "in.sta", partner.pk)
    services.run_account(account=account)
    assert set(Payment.objects.values_list("state", flat=True)) == {"reconciled"}
    receivable = Account.objects.get(partner=partner, livemode=False, code="receivable:card", currency="USD")
    assert selectors.balance(receivable).posted_minor == 0
    told = OutboxEvent.objects.filter(event_type="payment.settled")
    assert sorted(event.aggregate_id for event in told) == sorted(f"payment:{one.payment_id}" for one in made)
    said = told.get(aggregate_id=f"payment:{made[0].payment_id}").payload["payment"]
    assert (said["amount"], said["currency"], said["reference_number"]) == ("84.50", "USD", "ORDER-770")
    # Taken back and confirmed again: the money did not come in twice.
    match = Match.objects.first()
    services.unmatch(match=match, reason="wrong line")
    services.run_account(account=account)
    assert set(Payment.objects.values_list("state", flat=True)) == {"reconciled"} and told.count() == 3


def test_the_same_file_and_an_overlapping_statement_add_only_what_is_new(rail, funded, account):  # noqa: F811
    day = clock.now().date()
    content = mt940(day, 0, [(100, "A"), (200, "B"), (200, "B")])
    upload(content, "one.sta", funded.pk)
    again = upload(content, "renamed.sta", funded.pk)
    assert again.times_seen == 2 and StatementLine.objects.count() == 3
    upload(mt940(day, 0, [(100, "A"), (200, "B"), (200, "B"), (300, "C")], number="2"), "two.sta", funded.pk)
    assert StatementLine.objects.count() == 4
    assert SourceFile.objects.count() == 2


def test_a_statement_that_lies_or_leaves_a_gap_is_a_case(rail, funded, account):  # noqa: F811
    day = clock.now().date() - timedelta(days=3)
    upload(mt940(day, 0, [(100, "A")]), "one.sta", funded.pk)
    upload(mt940(day + timedelta(days=2), 500, [(100, "B")]), "gap.sta", funded.pk)
    assert Case.objects.get(kind="statement_gap")
    lying = mt940(day + timedelta(days=3), 600, [(100, "C")]).replace(b":62F:C", b":62F:C").replace(b"USD7,00", b"USD9,00")
    upload(lying, "lie.sta", funded.pk)
    assert Case.objects.get(kind="statement_out_of_balance").amount_minor == 200
    assert set(Statement.objects.values_list("state", flat=True)) == {"balanced", "out_of_balance"}


def test_a_file_of_an_unknown_account_is_quarantined_and_books_nothing(funded, account):  # noqa: F811
    file = upload(mt940(clock.now().date(), 0, [(100, "A")], account="999"), "stranger.sta", funded.pk)
    assert file.state == "quarantined" and "999" in file.facts["error"]
    assert Case.objects.get(kind="file_quarantined") and not StatementLine.objects.exists()


def test_what_does_not_agree_is_named_once_and_resolved_when_it_does(rail, funded, account):  # noqa: F811
    made = transfers(funded, rail, 3)
    today = clock.now().date()
    upload(mt940(today, 0, [(-1000, made[0].public_id), (-1250, made[1].public_id), (777, "NOBODY KNOWS")]), "a.sta", funded.pk)
    services.run_account(account=account)
    services.run_account(account=account)
    found = dict(Discrepancy.objects.filter(state="open").values_list("type", "pk"))
    assert set(found) == {"amount_mismatch", "missing_internal"}
    assert Case.objects.filter(kind="reconciliation_amount_mismatch").count() == 1
    assert Transfer.objects.filter(state="reconciled").count() == 1
    with clock.frozen(clock.now() + timedelta(days=5)):
        services.run_account(account=account)
        assert "missing_settlement" in set(Discrepancy.objects.filter(state="open").values_list("type", flat=True))
        upload(mt940(today + timedelta(days=1), -1473, [(-1000, made[2].public_id)], number="2"), "b.sta", funded.pk)
        services.run_account(account=account)
    assert not Discrepancy.objects.filter(state="open", type="missing_settlement").exists()
    assert Case.objects.get(kind="reconciliation_missing_settlement").state == "resolved"


def test_a_match_can_be_taken_back_and_made_by_hand(rail, funded, account):  # noqa: F811
    (transfer,) = transfers(funded, rail, 1)
    upload(mt940(clock.now().date(), 0, [(-1000, transfer.public_id)]), "a.sta", funded.pk)
    services.run_account(account=account)
    match = Match.objects.get()
    services.unmatch(match=match, reason="wrong day")
    assert Transfer.objects.get().state == "settled" and StatementLine.objects.get().state == "open"
    cash = Account.objects.get(partner=funded, livemode=False, code="cash:sandbox", currency="USD")
    assert selectors.balance(cash).posted_minor == 0
    with pytest.raises(Problem):
        services.unmatch(match=match, reason="again")
    line = StatementLine.objects.get()
    by_hand = services.match_by_hand(account=account, lines=[line], items=[f"transfer:{transfer.pk}"])
    assert by_hand.level == 0 and Transfer.objects.get().state == "reconciled"
    with pytest.raises(Problem) as refused:
        services.match_by_hand(account=account, lines=[line], items=[f"transfer:{transfer.pk}"])
    assert refused.value.code == "already_matched"
    assert MatchItem.objects.filter(active=True).count() == 2


def test_by_hand_a_residual_needs_an_explicit_write_off(rail, funded, account):  # noqa: F811
    (transfer,) = transfers(funded, rail, 1)
    upload(mt940(clock.now().date(), 0, [(-1030, "GARBLED")]), "a.sta", funded.pk)
    line = StatementLine.objects.get()
    with pytest.raises(Problem) as refused:
        services.match_by_hand(account=account, lines=[line], items=[f"transfer:{transfer.pk}"])
    assert refused.value.code == "not_balanced" and refused.value.extra["residual_minor"] == -30
    services.match_by_hand(account=account, lines=[line], items=[f"transfer:{transfer.pk}"], write_off=True, note="bank fee")
    off = Account.objects.get(partner=funded, livemode=False, code="writeoffs", currency="USD")
    assert selectors.balance(off).posted_minor == 30


def test_a_line_of_nobody_can_be_booked_and_keeps_the_proof_green(rail, funded, account):  # noqa: F811
    upload(mt940(clock.now().date(), 0, [(500, "INTEREST")]), "a.sta", funded.pk)
    services.run_account(account=account)
    proof = services.prove(account=account, on=clock.now().date())
    assert proof.green and proof.not_booked_minor == 500
    services.adjust_line(line=StatementLine.objects.get(), code="suspense", partner_id=None, reason="nobody claims it")
    proof = services.prove(account=account, on=clock.now().date())
    assert proof.green and proof.not_booked_minor == 0 and proof.ledger_minor == 500
    assert Case.objects.get(kind="reconciliation_missing_internal").state == "resolved"


def test_a_rule_is_tried_before_it_is_active_and_changes_what_it_says(rail, funded, account):  # noqa: F811
    upload(mt940(clock.now().date(), 0, [(500, "INTEREST PAID")]), "a.sta", funded.pk)
    rule = Rule.objects.create(
        partner=funded,
        account=account,
        name="interest",
        action="ignore",
        side="external",
        reason="interest is booked monthly",
        conditions=[{"field": "description", "operator": "contains", "value": "INTEREST"}],
    )
    with pytest.raises(Problem):
        services.activate_rule(rule=rule)
    trial = services.try_rule(rule=rule)
    assert trial.result["matched_before"] == trial.result["matched_after"] == 0
    assert Run.objects.count() == 0
    services.activate_rule(rule=rule)
    services.run_account(account=account)
    assert not Discrepancy.objects.filter(state="open").exists()


def test_the_real_bank_s_statement_closes_the_loop(api, bank, rail, funded, platform):  # noqa: F811
    """Everything real: API, sandbox bank, its camt.053, the engine, the ledger."""
    for n in range(4):
        assert api.post("/v1/transfers", order(f"{n + 1}0.00", reference=f"inv-{n}")).status_code == 201
    deadline = time.monotonic() + 20
    from settlement.models import Submission

    while Transfer.objects.exclude(state="settled").exists() and time.monotonic() < deadline:
        settlement.close_due_windows()
        settlement.execute_rail(rail_code="sandbox")
        Submission.objects.filter(outcome__in=["intent", "sent", "unknown"]).update(ask_at=clock.now())
        settlement.ask_due()
        time.sleep(0.1)
    assert not Transfer.objects.exclude(state="settled").exists()
    import urllib.request

    request = urllib.request.Request(
        f"{bank.url}/statements/{datetime.now(UTC):%Y-%m-%d}.camt053?currency=USD", headers={"Authorization": "Bearer sandbox-key"}
    )
    content = urllib.request.urlopen(request, timeout=10).read()
    number = next(row["number"] for row in bank.call("GET", "/accounts")["data"] if row["currency"] == "USD")
    account = BankAccount.objects.create(name="Sandbox", identifier=number, currency="USD", rail_code="sandbox")
    file = upload(content, "sandbox.xml", None)
    assert file.state == "processed", file.facts
    run = services.run_account(account=account)
    assert run.matched_internal == 4
    assert set(Transfer.objects.values_list("state", flat=True)) == {"reconciled"}
    proof = services.prove(account=account, on=datetime.now(UTC).date())
    assert proof.green, (proof.closing_minor, proof.ledger_minor, proof.not_booked_minor, proof.terms["opening_minor"])
    assert BalanceProof.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_ledger_is_whole_after_it_all(rail, partner):  # noqa: F811
    from tests.settlement.conftest import fund

    fund(partner, 100_000)
    with tenancy.platform_scope():
        account = BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")
        made = transfers(partner, rail, 3)
        upload(mt940(clock.now().date(), 0, [(-1000, t.public_id) for t in made]), "a.sta", partner.pk)
    services.run_account(account=account)
    with tenancy.platform_scope():
        services.unmatch(match=Match.objects.first(), reason="test")
    assert verify.verify().ok


def test_the_api_takes_a_statement_runs_and_reports(api, rail, funded, account):  # noqa: F811
    from django.core.files.uploadedfile import SimpleUploadedFile

    made = transfers(funded, rail, 2)
    content = mt940(clock.now().date(), 0, [(-1000, made[0].public_id), (55, "STRANGER")])
    answer = api.post("/v1/files", {"file": SimpleUploadedFile("day.sta", content)}, format="multipart")
    assert answer.status_code == 201 and answer.json()["status"] == "processed", answer.content
    bank_account = api.get("/v1/reconciliation/accounts").json()["data"][0]
    run = api.post(f"/v1/reconciliation/accounts/{bank_account['id']}/run", {}).json()
    assert run["matched_external"] == 1
    match = api.get(f"/v1/reconciliation/matches?run={run['id']}").json()["data"][0]
    assert match["internal"] == [made[0].public_id]
    found = api.get("/v1/reconciliation/discrepancies?status=open").json()["data"]
    assert [row["type"] for row in found] == ["missing_internal"]
    today = clock.now().date()
    for form, start in (("csv", b"value date"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        report = api.get(f"/v1/reconciliation/accounts/{bank_account['id']}/report.{form}?from={today}&to={today}")
        assert report.status_code == 200 and report.content.startswith(start), (form, report.content[:200])


def test_another_partner_sees_none_of_it(rail, funded, account, other_partner):  # noqa: F811
    from tests.conftest import client_for

    upload(mt940(clock.now().date(), 0, [(55, "STRANGER")]), "a.sta", funded.pk)
    services.run_account(account=account)
    stranger = client_for(other_partner)
    for path in ("accounts", "runs", "matches", "discrepancies"):
        assert stranger.get(f"/v1/reconciliation/{path}").json()["data"] == []
    assert stranger.post(f"/v1/reconciliation/accounts/{account.public_id}/run", {}).status_code == 404


def test_a_line_is_split_to_the_cent_and_put_together_again(rail, funded, account):  # noqa: F811
    made = transfers(funded, rail, 2)
    upload(mt940(clock.now().date(), 0, [(-2500, "GARBLED")]), "a.sta", funded.pk)
    line = StatementLine.objects.get()
    for wrong in ([-2500], [-1000, -1000], [-3000, 500], [-2500, 0]):
        with pytest.raises(Problem):
            services.split_line(line=line, amounts=wrong, reason="two of ours and a fee")
    assert StatementLine.objects.count() == 1
    first, second, fee = services.split_line(line=line, amounts=[-1000, -1000, -500], reason="two of ours and a fee")
    line.refresh_from_db()
    assert line.state == "split" and services.prove(account=account, on=clock.now().date()).not_booked_minor == -2500
    match = services.match_by_hand(account=account, lines=[first], items=[f"transfer:{made[0].pk}"])
    services.match_by_hand(account=account, lines=[second], items=[f"transfer:{made[1].pk}"])
    proof = services.prove(account=account, on=clock.now().date())
    told = [row[1:6] for row in report_rows(account, clock.now().date(), clock.now().date())]
    assert [row[0] for row in told] == ["-10.00", "-10.00", "-5.00"] and all(line.public_id in row[3] for row in told), (
        "the parts and not the whole too"
    )
    assert proof.green and proof.not_booked_minor == -500 and set(Transfer.objects.values_list("state", flat=True)) == {"reconciled"}
    with pytest.raises(Problem) as decided:
        services.join_line(line=line, reason="it was one after all")
    assert decided.value.code == "already_matched" and first.public_id in decided.value.detail
    with pytest.raises(Problem):
        services.split_line(line=fee, amounts=[-300, -200], reason="a part of a part")
    services.unmatch(match=match, reason="wrong")
    services.unmatch(match=Match.objects.get(state="active"), reason="wrong")
    services.join_line(line=line, reason="it was one after all")
    line.refresh_from_db()
    assert line.state == "open" and set(line.parts.values_list("state", flat=True)) == {"replaced"}
    proof = services.prove(account=account, on=clock.now().date())
    assert proof.green and proof.not_booked_minor == -2500
    services.run_account(account=account)
    again = services.split_line(line=line, amounts=[-2000, -500], reason="once more")
    assert [part.amount_minor for part in again] == [-2000, -500]
    # The same file again brings neither the line nor its parts anew.
    upload(mt940(clock.now().date(), 0, [(-2500, "GARBLED")], number="2"), "b.sta", funded.pk)
    assert StatementLine.objects.filter(part_of=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_booked_or_set_aside_while_a_run_has_the_account_in_hand(rail, funded, account, superuser):  # noqa: F811
    """The run took the line for open: matched by it and booked by a person, its cash would be posted twice."""
    upload(mt940(clock.now().date(), 0, [(777, "NOBODY")]), "a.sta", funded.pk)
    line = StatementLine.objects.get()
    acts = [
        lambda: services.ignore_line(line=line, reason="not ours"),
        lambda: services.adjust_line(line=line, code="suspense", partner_id=None, reason="ask the bank"),
    ]
    with superuser.transaction():
        superuser.execute("SELECT pg_advisory_xact_lock(%s)", [locks.number(f"reconciliation:{account.pk}")])
        for act in acts:
            with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '100ms'")
                act()
    acts[1]()
    line.refresh_from_db()
    assert line.state == "booked"
