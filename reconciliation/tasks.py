"""What the clock does for reconciliation."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from payos.kernel import clock, tenancy
from reconciliation import services
from reconciliation.models import BankAccount


@shared_task
def run_daily() -> int:
    return len(services.run_all())


@shared_task
def run_arrivals() -> int:
    """Accounts with lines that no run has looked at since they came."""
    with tenancy.platform_scope():
        accounts = [
            account
            for account in BankAccount.objects.filter(active=True)
            if (line := account.lines.filter(state="open").order_by("-created_at").first())
            and not account.runs.filter(started_at__gt=line.created_at).exists()
        ]
    for account in accounts:
        services.run_account(account=account, trigger="arrival")
    return len(accounts)


@shared_task
def prove_yesterday() -> int:
    day = clock.now().date() - timedelta(days=1)
    with tenancy.platform_scope():
        accounts = list(BankAccount.objects.filter(active=True))
    for account in accounts:
        services.prove(account=account, on=day)
    return len(accounts)
