"""Built-in profiles for processor reports: Stripe, Adyen, PayPal, M-Pesa, Square.

The amount of a line is what the processor's balance moved by (net of the fee in the same row); gross, fee, net and
payout id are in `extra`. Reports that give fees as rows of their own need nothing special: such a row is a line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

from ingestion.parsers.paypal import parse as parse_paypal
from ingestion.parsers.paypal import sniff as sniff_paypal
from ingestion.parsers.processors_json import JSON_PROFILES, recognise_json
from ingestion.parsers.profiles import Profile
from ingestion.parsers.values import number_text, plain

VERSION = "3"
__all__ = ["BUILT_IN", "FAMILIES", "PROFILES", "VERSION", "parse_paypal", "recognise", "recognise_json", "recognise_rows", "sniff_paypal"]

_STRIPE_REFERENCES = {
    "id": ("balance_transaction_id", "id"), "source": ("source_id", "source"), "charge": ("charge_id",), "customer": ("payment_metadata[order_id]",), "payer": ("customer_id",),
    "payment_intent": ("payment_intent_id",),
}  # fmt: skip

#: Statuses of rows that moved PayPal's balance, also if another row took the money back later.
PAYPAL_SETTLED = (
    "completed", "refunded", "partially refunded", "reversed", "paid", "cleared", "abgeschlossen", "zurückgezahlt", "teilweise zurückgezahlt", "rückgängig gemacht",
    "terminé", "remboursé", "partiellement remboursé", "effectué", "",
)  # fmt: skip

PROFILES: tuple[Profile, ...] = (
    Profile(
        name="stripe_balance",
        title="Stripe: balance and payout reconciliation, itemised",
        signature=("balance_transaction_id", "gross", "fee", "net"),
        columns={
            "booking_date": ("created_utc", "created", "effective_at_utc", "effective_at", "automatic_payout_effective_at"), "value_date": ("available_on_utc", "available_on"),
            "currency": ("currency",), "net": ("net",), "gross": ("gross",), "fee": ("fee",), "type": ("reporting_category",),
            "description": ("description",), "payout": ("automatic_payout_id", "payout_id"), "counterparty": ("customer_name",),
        },
        references=_STRIPE_REFERENCES, decimal=".", unique="id",
    ),
    Profile(
        name="stripe_export",
        title="Stripe: balance export from the dashboard",
        signature=("id", "type", "amount", "fee", "net", "currency"),
        columns={
            "booking_date": ("created (utc)", "created"), "value_date": ("available on (utc)", "available on"), "currency": ("currency",),
            "net": ("net",), "gross": ("amount",), "fee": ("fee",), "type": ("type",), "description": ("description",), "payout": ("transfer", "payout"),
        },
        references={"id": ("id",), "source": ("source",)}, amount_terms=((1, "net"),), decimal=".", unique="id",
    ),
    Profile(
        name="adyen_settlement",
        title="Adyen: settlement detail report",
        signature=("psp reference", "net debit (nc)", "net credit (nc)"),
        columns={
            "booking_date": ("creation date", "booking date"), "currency": ("net currency",), "credit": ("net credit (nc)",), "debit": ("net debit (nc)",),
            "type": ("type",), "payout": ("batch number",), "account": ("merchant account",), "description": ("payment method", "modification merchant reference"),
            "gross": ("gross credit (gc)",), "fee": ("commission (nc)",),
        },
        references={
            "id": ("psp reference",), "customer": ("merchant reference",), "modification": ("modification reference",), "batch": ("batch number",),
        }, amount_terms=((1, "credit"), (-1, "debit")), decimal=".",
    ),
    Profile(
        name="paypal_activity",
        title="PayPal: activity download",
        signature=("date", "type", "status", "currency", "gross", "fee", "net", "transaction id"),
        columns={
            "booking_date": ("date",), "currency": ("currency",), "net": ("net",), "gross": ("gross",), "fee": ("fee",), "type": ("type",),
            "status": ("status",), "counterparty": ("name",), "balance": ("balance",), "description": ("item title", "subject", "note"), "row_kind": ("balance impact",),
        },
        references={"id": ("transaction id",), "customer": ("invoice number", "custom number"), "related": ("reference txn id",)},
        amount_terms=((1, "net"),), unique="id", settled=PAYPAL_SETTLED, row_kinds=("Credit", "Debit", ""),
    ),
    Profile(
        name="paypal_activity_de",
        title="PayPal: Kontobewegungen",
        signature=("datum", "typ", "status", "brutto", "netto", "transaktionscode"),
        columns={
            "booking_date": ("datum",), "currency": ("währung",), "net": ("netto",), "gross": ("brutto",), "fee": ("gebühr", "entgelt"), "type": ("typ", "beschreibung"),
            "status": ("status",), "counterparty": ("name",), "balance": ("guthaben",), "description": ("artikelbezeichnung", "betreff", "hinweis"),
        },
        references={"id": ("transaktionscode",), "customer": ("rechnungsnummer",), "related": ("zugehöriger transaktionscode",)},
        amount_terms=((1, "net"),), unique="id", date_order="dmy", settled=PAYPAL_SETTLED,
    ),
    Profile(
        name="paypal_activity_fr",
        title="PayPal: activité du compte",
        signature=("date", "type", "avant commission", "net", "numéro de transaction"),
        columns={
            "booking_date": ("date",), "currency": ("devise",), "net": ("net",), "gross": ("avant commission",), "fee": ("commission",), "type": ("type",),
            "status": ("état",), "counterparty": ("nom",), "balance": ("solde",), "description": ("titre de l'objet", "objet"),
        },
        references={"id": ("numéro de transaction",), "customer": ("numéro de facture",), "related": ("numéro de transaction de référence",)},
        amount_terms=((1, "net"),), unique="id", date_order="dmy", settled=PAYPAL_SETTLED,
    ),
    Profile(
        name="mpesa_statement",
        title="M-Pesa: organisation statement",
        signature=("receipt no", "completion time", "details", "paid in", "withdrawn", "balance"),
        columns={
            "booking_date": ("completion time",), "value_date": ("completion time",), "credit": ("paid in",), "debit": ("withdrawn",),
            "balance": ("balance",), "description": ("details",), "type": ("reason type",), "status": ("transaction status",),
            "counterparty": ("other party info",), "currency": ("currency",),
        },
        references={"transaction": ("receipt no",), "customer": ("a/c no", "account no"), "related": ("linked transaction id",)},
        currency="KES", settled=("completed", "success", ""), date_order="dmy", decimal=".",
    ),
    Profile(
        name="square_payouts",
        title="Square: payouts and their fees",
        signature=("payout id",),
        columns={
            "booking_date": ("date", "payment date", "entry date", "created at", "effective at", "payout date"), "value_date": ("payout date", "deposit date", "arrival date"), "currency": ("currency", "net currency"),
            "net": ("net total", "net amount", "net", "payout amount", "deposited", "deposit amount", "amount"), "gross": ("gross amount", "gross sales", "gross", "total collected", "collected", "gross total"), "fee": ("fees", "fee amount", "fee", "total fees", "processing fees"),
            "payout": ("payout id",), "type": ("type", "entry type", "activity type", "payout type"), "status": ("status", "payout status"),
            "description": ("description", "details", "event type"), "account": ("location", "location id"),
        },
        references={"id": ("payment id", "transaction id", "entry id", "payout entry id"), "payout": ("payout id",)}, currency="USD", decimal=".",
        amount_terms=((1, "net"),), date_order="mdy",
    ),
    Profile(
        name="square_deposits",
        title="Square: deposit details",
        signature=("deposit id", "fees"),
        columns={
            "booking_date": ("transaction date", "date"), "value_date": ("deposit date",), "net": ("net total", "net amount", "net"), "gross": ("gross amount", "total collected", "collected"),
            "fee": ("fees",), "payout": ("deposit id",), "type": ("type", "event type"), "account": ("location",), "currency": ("currency",),
        },
        references={"id": ("transaction id", "payment id"), "payout": ("deposit id",)}, currency="USD", decimal=".", amount_terms=((1, "net"),), date_order="mdy",
    ),
)  # fmt: skip

# Not every row of the accounting report moved the balance: authorisations and sent captures only announce it.
ADYEN_ACCOUNTING = Profile(
    name="adyen_accounting", title="Adyen: payments accounting report", signature=("psp reference", "record type", "payable (sc)"),
    columns={"booking_date": ("booking date",), "currency": ("settlement currency",), "amount": ("payable (sc)",), "gross": ("main amount",), "fee": ("commission (sc)",),
             "type": ("record type",), "row_kind": ("record type",), "account": ("merchant account",), "payout": ("batch number", "modification reference"), "description": ("payment method",)},
    references={"id": ("psp reference",), "customer": ("merchant reference",), "modification": ("modification reference", "modification psp reference")},
    row_kinds=("Settled", "SettledReversed", "Refunded", "RefundedReversed", "RefundedExternally", "Chargeback", "ChargebackReversed", "ChargebackExternally", "SecondChargeback",
               "Fee", "MiscCosts", "MerchantPayout", "MerchantPayin", "InvoiceDeduction", "DepositCorrection", "BalanceTransfer", "Transfer", "SettledInInstallments"),
    decimal=".",
)  # fmt: skip
# One row is one payment with all that became of it: what is left of it is charged less refunded less the fee.
STRIPE_PAYMENTS = Profile(
    name="stripe_payments", title="Stripe: payments export from the dashboard", signature=("id", "seller message", "converted amount", "converted amount refunded", "fee", "status"),
    columns={"booking_date": ("created (utc)", "created", "created date (utc)"), "currency": ("converted currency", "currency"), "amount": ("converted amount",), "gross": ("converted amount",),
             "fee": ("fee",), "status": ("status",), "description": ("description",), "payout": ("transfer", "payout"), "counterparty": ("customer description", "customer email")},
    references={"id": ("id",), "customer": ("invoice id", "customer id"), "source": ("payment source type", "paymentintent id")},
    amount_terms=((1, "amount"), (-1, "converted amount refunded"), (-1, "fee")), decimal=".", unique="id", settled=("paid", "refunded", "partially refunded", "partial refund", "succeeded", "disputed", ""),
)  # fmt: skip
STRIPE_PAYOUTS = Profile(
    name="stripe_payouts_export", title="Stripe: payouts export from the dashboard", signature=("id", "amount", "arrival date (utc)", "destination", "status"),
    columns={"booking_date": ("created (utc)", "created"), "value_date": ("arrival date (utc)",), "currency": ("currency",), "amount": ("amount",), "type": ("type",), "status": ("status",),
             "description": ("description",), "payout": ("id",)},
    references={"id": ("id",), "transaction": ("balance transaction",)}, negate=True, decimal=".", unique="id", settled=("paid", "in_transit", "in transit", "pending", ""),
)  # fmt: skip
# Amount and fee move the balance together; what is pending or reverted moved nothing.
REVOLUT = Profile(
    name="revolut_export", title="Revolut: account statement",
    signature=("type", "started date", "completed date", "description", "amount", "fee", "currency", "state", "balance"),
    columns={"booking_date": ("completed date",), "value_date": ("completed date",), "amount": ("amount",), "gross": ("amount",), "fee": ("fee",),
             "currency": ("currency",), "balance": ("balance",), "status": ("state",), "type": ("type",), "description": ("description",), "account": ("product",)},
    amount_terms=((1, "amount"), (-1, "fee")), settled=("completed", ""), decimal=".",
)  # fmt: skip
REVOLUT_BUSINESS = Profile(
    name="revolut_business", title="Revolut Business: account statement",
    signature=("date completed (utc)", "id", "type", "state", "payment currency", "total amount", "balance"),
    columns={"booking_date": ("date completed (utc)",), "value_date": ("date completed (utc)",), "amount": ("total amount",), "gross": ("amount",), "fee": ("fee",),
             "currency": ("payment currency",), "balance": ("balance",), "status": ("state",), "type": ("type",), "description": ("description",), "account": ("account",)},
    references={"id": ("id",), "customer": ("reference",)}, settled=("completed", ""), decimal=".",
)  # fmt: skip
PROFILES = (*PROFILES, REVOLUT, REVOLUT_BUSINESS, ADYEN_ACCOUNTING, STRIPE_PAYMENTS, STRIPE_PAYOUTS)

#: What an operator may force: the processor, whichever of its reports it is.
FAMILIES = {
    "stripe": "stripe",
    "adyen": "adyen",
    "paypal": "paypal",
    "mpesa": "mpesa",
    "m-pesa": "mpesa",
    "square": "square",
    "psp-other": "",
}


def recognise_rows(rows: Sequence[Sequence[object]], family: str = "") -> Profile | None:
    """The built-in profile whose signature one of the first rows holds; the most demanding one wins."""
    best: Profile | None = None
    for row in rows[:60]:
        names = {plain(cell if isinstance(cell, str) else "" if cell is None else number_text(cell)) for cell in row}
        for profile in PROFILES:
            if family and not profile.name.startswith(family):
                continue
            if names.issuperset(plain(name) for name in profile.signature) and _usable(profile, names):
                if best is None or len(profile.signature) > len(best.signature):
                    best = profile
        if best is not None:
            return best
    return None


def _usable(profile: Profile, names: set[str]) -> bool:
    wanted = [name for _, name in profile.amount_terms] or ["amount", "credit", "debit", "net"]
    return any(plain(option) in names for name in wanted for option in profile.columns.get(name, ()))


def recognise(head: bytes, family: str = "") -> Profile | None:
    """The built-in profile of a delimited file, from its first bytes."""
    from ingestion.parsers.csvfile import delimiter_of, encoding_of

    text = head.decode(encoding_of(head), "replace").lstrip("\ufeff")
    delimiter = delimiter_of(text)
    if not delimiter:
        return None
    lines = text.splitlines()[:60]
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return None
    return recognise_rows(rows, FAMILIES.get(family, family))


#: Every profile that comes with the product, by name: usable wherever a profile is named, and to copy from.
BUILT_IN: dict[str, tuple[str, Profile]] = {
    **{profile.name: ("csv", profile) for profile in PROFILES},
    **{profile.name: ("json", profile) for profile in JSON_PROFILES},
}
