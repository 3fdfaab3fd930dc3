"""A payment that did not hold (NSF, chargeback, mistake) is compensated by reference; nothing is deleted."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from ingestion.models import Payment
from ledger import selectors
from ledger.models import Account
from ledger.services import Leg, Posted, account_for, post
from payos.kernel import ids, outbox
from payos.kernel.errors import Problem
from payos.kernel.fsm import take
from payos.kernel.money import to_decimal_str


@transaction.atomic
def reverse_payment(*, payment: Payment, reason: str) -> Posted:
    """Take the payment back from the partner: from what is pending, else from what is available, and what that does not
    cover the partner owes."""
    if not reason.strip():
        raise Problem("unprocessable", "A reversal needs a reason such as NSF or chargeback.")
    payment = Payment.objects.select_for_update().get(pk=payment.pk)
    bank_paid = payment.state in {"settled", "reconciled"}
    take(payment, "reverse", reason=reason[:200])
    payment.save(update_fields=["state", "reversal_reason"])
    who: dict[str, Any] = {"partner_id": payment.partner_id, "livemode": payment.livemode}

    def own(code: str) -> Account:
        return Account.objects.get(pk=account_for(**who, code=code, currency=payment.currency))

    held = payment.hold_days > 0 and payment.released_at is None
    source = own("partner:pending" if held else "partner:available")
    covered = payment.amount_minor if held else max(0, min(payment.amount_minor, selectors.balance(source).available_minor))
    # Money the bank has paid already leaves again through chargebacks; before that nothing was received.
    counter = own("chargebacks" if bank_paid else f"receivable:{payment.payment_channel}")
    legs = [Leg(counter.pk, -payment.amount_minor)]
    if covered:
        legs.append(Leg(source.pk, covered))
    if covered < payment.amount_minor:
        legs.append(Leg(own("partner:owed").pk, payment.amount_minor - covered))
    posted = post(
        **who,
        kind="payment.reversed",
        legs=legs,
        external_id=f"payment:{payment.pk}:reversed",
        description=f"{payment.reference_number}: {reason}",
        subject=("payment", str(payment.pk)),
    )
    outbox.publish(
        topic="payment.events",
        event_type="payment.reversed",
        aggregate_id=f"payment:{payment.pk}",
        payload={
            "payment": {
                "object": "payment",
                "id": ids.encode("pay", payment.pk),
                "reference_number": payment.reference_number,
                "amount": to_decimal_str(payment.amount_minor, payment.currency),
                "currency": payment.currency,
                "reason": reason,
            }
        },
        **who,
    )
    return posted
