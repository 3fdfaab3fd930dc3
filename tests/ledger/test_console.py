"""The ledger's pages: what they show, what they offer nobody, and a period that only a second person opens again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from ledger import reopening, sealing, services
from ledger.models import Account, Period, Transaction
from ledger.services import Leg
from operations.models import Approval
from operations.services import decide_approval
from partners import roles
from partners.models import User
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem


def person(name, role):
    with tenancy.platform_scope():
        user = User.objects.create_user(name, password="x" * 16, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def books(partner, settings):
    settings.REQUIRE_SECOND_FACTOR = False
    with tenancy.tenant_scope(partner.pk, False):

        def account(code):
            return services.account_for(partner_id=partner.pk, code=code, currency="USD")

        legs = [Leg(account("receivable:card"), 12_50), Leg(account("partner:available"), -12_50)]
        posted = services.post(partner_id=partner.pk, kind="payment", legs=legs, description="<b>order</b> 7", subject=("payment", "pay_1"))
        services.reverse(transaction_id=posted.id, reason="twice")
        services.hold(partner_id=partner.pk, legs=[Leg(account("suspense"), 3_00), Leg(account("writeoffs"), -3_00)])
        services.post(partner_id=partner.pk, kind="payment", legs=legs)
        yield {"account": account, "posted": posted, "query": f"?partner={partner.public_id}&mode=test"}


@pytest.fixture
def treasurer(client, books):
    user = person("tess", roles.TREASURER)
    client.force_login(user)
    client.user = user
    return client


def text(response):
    assert response.status_code == 200, response.status_code
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return body.decode()


@pytest.mark.django_db
def test_the_tree_of_accounts_shows_balances_by_kind(treasurer, books):
    page = text(treasurer.get(reverse("admin:ledger_account_changelist") + books["query"]))
    assert "Asset in USD" in page and "Liability in USD" in page
    assert "receivable:card" in page and "12.50" in page
    found = text(treasurer.get(reverse("admin:ledger_account_changelist") + books["query"] + "&q=avail"))
    assert "partner:available" in found and "receivable:card" not in found


@pytest.mark.django_db
def test_an_account_shows_its_statement_and_its_file(treasurer, books):
    url = reverse("admin:ledger_account_change", args=[books["account"]("receivable:card")])
    page = text(treasurer.get(url))
    assert page.count("12.50") >= 5 and "Brought forward" in page and "Carried forward" in page
    assert "<b>order</b>" not in page and "&lt;b&gt;order" in page
    lines = text(treasurer.get(url + "?file=csv")).splitlines()
    assert len(lines) == 4 and lines[1].split(",")[-2] == "12.50"


@pytest.mark.django_db
def test_trial_balance_and_general_ledger_agree_with_the_book(treasurer, books):
    trial = text(treasurer.get(reverse("admin:ledger_trial_balance") + books["query"]))
    assert "Equal" in trial and "Not equal" not in trial
    lines = text(treasurer.get(reverse("admin:ledger_trial_balance") + books["query"] + "&file=csv")).splitlines()
    assert any(line.startswith("receivable:card,") and line.endswith("12.50,0.00") for line in lines)
    general = text(treasurer.get(reverse("admin:ledger_general_ledger") + books["query"]))
    assert "12.50" in general
    rows = text(treasurer.get(reverse("admin:ledger_general_ledger") + books["query"] + "&file=csv")).splitlines()
    assert len(rows) == 1 + 6  # three posted transactions of two entries; a hold posts nothing


@pytest.mark.django_db(transaction=True)
def test_a_transaction_shows_its_entries_cause_reversal_and_seal(treasurer, books):
    sealing.seal_all()
    page = text(treasurer.get(reverse("admin:ledger_transaction_change", args=[books["posted"].id])))
    assert "number 1 of its chain" in page and "payment.reversed" in page and "pay_1" in page
    listed = text(treasurer.get(reverse("admin:ledger_transaction_changelist")))
    assert books["posted"].public_id in listed
    found = text(treasurer.get(reverse("admin:ledger_transaction_changelist") + f"?q={books['posted'].public_id}"))
    others = [one.public_id for one in Transaction.objects.exclude(pk=books["posted"].id)]
    assert books["posted"].public_id in found and not any(one in found for one in others) and all(one in listed for one in others)
    held = Transaction.objects.get(kind="hold")
    assert "3.00 of" in text(treasurer.get(reverse("admin:ledger_transaction_change", args=[held.pk])))


@pytest.mark.django_db
def test_nobody_adds_changes_or_deletes(treasurer, books, admin_user=None):
    root = User.objects.create_superuser("root", password="x" * 16)
    treasurer.force_login(root)
    account = Account.objects.get(pk=books["account"]("suspense"))
    for model, key in (("account", account.pk), ("transaction", books["posted"].id)):
        listing = reverse(f"admin:ledger_{model}_changelist")
        assert "/add/" not in text(treasurer.get(listing))
        for suffix in ("add/", f"{key}/delete/"):
            assert treasurer.get(listing + suffix).status_code in {302, 403, 404}
            assert treasurer.post(listing + suffix, {"post": "yes"}).status_code in {302, 403, 404, 405}
        page = text(treasurer.get(reverse(f"admin:ledger_{model}_change", args=[key])))
        assert "Delete" not in page and 'name="_save"' not in page
    assert Account.objects.filter(pk=account.pk).exists()


@pytest.mark.django_db
def test_pages_need_the_permission(client, books):
    client.force_login(User.objects.create_user("nobody", password="x" * 16, is_staff=True))
    for name in ("account_changelist", "trial_balance", "general_ledger", "transaction_changelist", "period_changelist"):
        assert client.get(reverse(f"admin:ledger_{name}")).status_code == 403, name
    assert client.get(reverse("admin:ledger_account_change", args=[books["account"]("suspense")])).status_code == 403


@pytest.mark.django_db
def test_a_period_is_closed_here_and_opened_again_by_a_second_person(treasurer, books, partner):
    page = text(treasurer.get(reverse("admin:ledger_period_changelist")))
    assert "Close a period" in page
    url = reverse("admin:ledger_period_close_period")
    data = {
        "partner": str(partner.pk),
        "mode": "test",
        "first_day": "2026-01-01",
        "last_day": "2026-01-31",
        "note": "January",
        "_form_submitted": "on",
    }
    with clock.frozen(datetime(2026, 6, 1, tzinfo=UTC)):
        answer = treasurer.post(url, data)
        assert answer.status_code == 302, answer.context["form"].errors
    with tenancy.platform_scope():
        period = Period.objects.get()
        assert (period.starts_at, period.ends_at) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
        assert period.closed_at and period.partner_id == partner.pk
    treasurer.post(reverse("admin:ledger_period_reopen", args=[period.pk]), {"reason": "a late invoice", "_form_submitted": "on"})
    with tenancy.platform_scope():
        approval = Approval.objects.get(action=reopening.ACTION)
        assert "2026-01-01" in approval.preview["summary"] and approval.partner_id == partner.pk
        assert Period.objects.get().closed_at, "asking opens nothing"
        with pytest.raises(Problem) as own:
            decide_approval(approval=approval, user=treasurer.user, approve=True, note="")
        assert own.value.code == "approval_own"
        decide_approval(approval=approval, user=person("ann", roles.APPROVER), approve=True, note="seen")
        assert Period.objects.get().closed_at is None


@pytest.mark.django_db
def test_a_period_that_has_not_ended_is_not_closed(treasurer, books, partner):
    today = clock.today()
    data = {
        "partner": "",
        "mode": "test",
        "first_day": (today - timedelta(days=3)).isoformat(),
        "last_day": today.isoformat(),
        "_form_submitted": "on",
    }
    treasurer.post(reverse("admin:ledger_period_close_period"), data)
    with tenancy.platform_scope():
        assert not Period.objects.exists()
