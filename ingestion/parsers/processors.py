"""Built-in profiles for processor reports: Stripe, Adyen, PayPal, M-Pesa, Square.

The amount of a line is what the processor's balance moved by (net of the fee in the same row); gross, fee, net and
payout id are in `extra`. Reports that give fees as rows of their own need nothing special: such a row is a line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

from ingestion.parsers.paypal import parse as parse_paypal
from ingestion.parsers.paypal import sniff as sniff_paypal
from ingestion.parsers.profiles import Profile
from ingestion.parsers.values import number_text, plain

VERSION = "2"
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
PROFILES = (*PROFILES, REVOLUT, REVOLUT_BUSINESS)

#: What an operator may force: the processor, whichever of its reports it is.
FAMILIES = {"stripe": "stripe", "adyen": "adyen", "paypal": "paypal", "mpesa": "mpesa", "m-pesa": "mpesa", "square": "square", "psp-other": ""}

# Stripe's API counts these without-decimals currencies in hundredths.
_STRIPE_PLACES = {"ISK": 2, "UGX": 2}

STRIPE_JSON = Profile(
    name="stripe_api", title="Stripe: balance transactions of the API", minor_units=True, minor_places=_STRIPE_PLACES,
    columns={"booking_date": ("created",), "value_date": ("available_on",), "currency": ("currency",), "net": ("net",), "gross": ("amount",), "fee": ("fee",),
             "type": ("reporting_category", "type"), "description": ("description",), "payout": ("payout",), "status": ("status",)},
    references={"id": ("id",), "source": ("source", "source.id")}, amount_terms=((1, "net"),), unique="id", decimal=".",
)  # fmt: skip
STRIPE_OBJECT_JSON = Profile(
    name="stripe_objects", title="Stripe: charges of the API", minor_units=True, minor_places=_STRIPE_PLACES,
    columns={"booking_date": ("created",), "value_date": ("arrival_date", "created"), "currency": ("currency",), "amount": ("amount",), "type": ("object",),
             "description": ("description",), "status": ("status",)},
    references={"id": ("id",), "charge": ("charge",), "transaction": ("balance_transaction",)}, decimal=".",
)  # fmt: skip
STRIPE_OUT_JSON = Profile.from_dict({**STRIPE_OBJECT_JSON.as_dict(), "name": "stripe_payouts", "title": "Stripe: payouts and refunds of the API", "negate": True})
SQUARE_PAYOUT = Profile(
    name="square_payouts_api", title="Square: payouts of the API", minor_units=True, negate=True, decimal=".",
    columns={"booking_date": ("created_at",), "value_date": ("arrival_date", "created_at"), "currency": ("amount_money.currency", "amount_money.currency_code"),
             "amount": ("amount_money.amount",), "status": ("status",), "type": ("type",), "account": ("location_id",), "payout": ("id",)},
    references={"id": ("id",), "end_to_end": ("end_to_end_id",)},
)  # fmt: skip
MPESA_CALLBACK = Profile(
    name="mpesa_callback", title="M-Pesa: STK push result", currency="KES", decimal=".",
    columns={"booking_date": ("TransactionDate",), "amount": ("Amount",), "counterparty": ("PhoneNumber",), "description": ("ResultDesc",)},
    references={"id": ("MpesaReceiptNumber",), "customer": ("MerchantRequestID",), "bank": ("CheckoutRequestID",)},
)  # fmt: skip
MPESA_RESULT = Profile(
    name="mpesa_result", title="M-Pesa: result of a payment out", currency="KES", decimal=".", negate=True, date_order="dmy",
    columns={"booking_date": ("TransactionCompletedDateTime", "TransCompletedTime", "FinalisedTime"), "amount": ("TransactionAmount", "Amount"),
             "counterparty": ("ReceiverPartyPublicName", "CreditPartyName"), "description": ("ResultDesc",)},
    references={"id": ("TransactionReceipt", "ReceiptNo", "TransactionID"), "customer": ("OriginatorConversationID",), "bank": ("ConversationID",)},
)  # fmt: skip
MPESA_CONFIRMATION = Profile(
    name="mpesa_confirmation", title="M-Pesa: paybill or till confirmation", currency="KES", decimal=".",
    columns={"booking_date": ("TransTime",), "amount": ("TransAmount",), "counterparty": ("MSISDN", "FirstName"), "account": ("BusinessShortCode",),
             "type": ("TransactionType",)},
    references={"id": ("TransID",), "customer": ("BillRefNumber", "InvoiceNumber")},
)  # fmt: skip


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


def recognise_json(document: Any) -> tuple[list[Any], Profile | None, str] | None:
    """Records and profile of a JSON document that a processor's API or callback sends; None if it is none."""
    if isinstance(document, list):
        records = document
    elif isinstance(document, dict):
        callback = document.get("Body", {}).get("stkCallback") if isinstance(document.get("Body"), dict) else None
        if isinstance(callback, dict):
            return _callback(callback)
        if document.get("object") == "balance" and isinstance(document.get("available"), list):
            return [], None, "a balance as it stands now; it holds no movements"
        if isinstance(document.get("Result"), dict) and "ResultCode" in document["Result"]:
            return _result(document["Result"])
        if "TransID" in document and "TransAmount" in document:
            return [document], MPESA_CONFIRMATION, ""
        payouts = document.get("payouts")
        if isinstance(payouts, list) and payouts and all(isinstance(item, dict) and "amount_money" in item for item in payouts):
            return payouts, SQUARE_PAYOUT, ""
        inner = document.get("data")
        if isinstance(inner, dict) and inner.get("type") == "payout" and isinstance(inner.get("object"), dict):
            payout = inner["object"].get("payout")
            if isinstance(payout, dict) and "amount_money" in payout:
                return [payout], SQUARE_PAYOUT, ""
        if isinstance(inner, dict) and isinstance(inner.get("object"), dict):  # a webhook event
            records = [inner["object"]]
        else:
            records = inner if document.get("object") == "list" and isinstance(inner, list) else [document]
    else:
        return None
    kinds = {record.get("object") for record in records if isinstance(record, dict)} if records else set()
    if kinds == {"balance_transaction"}:
        return records, STRIPE_JSON, ""
    if kinds and kinds <= {"payout", "refund", "transfer"}:
        return records, STRIPE_OUT_JSON, ""
    if kinds and kinds <= {"charge", "topup"}:
        return records, STRIPE_OBJECT_JSON, ""
    if kinds == {"dispute"} and all(isinstance(record.get("balance_transactions"), list) for record in records):
        # The inner objects may leave the date to the dispute around them.
        inner = [{"created": record.get("created"), **item} for record in records for item in record["balance_transactions"] if isinstance(item, dict)]
        return (inner, STRIPE_JSON, "") if inner else ([], None, "a dispute that has moved no money yet")
    if kinds and all(isinstance(kind, str) for kind in kinds) and all(isinstance(record, dict) and "id" in record for record in records):
        return [], None, f"{', '.join(sorted(map(str, kinds)))[:100]}: no movement of a balance"
    if kinds and kinds <= {None} and all(isinstance(record, dict) and "TransID" in record and "TransAmount" in record for record in records):
        return records, MPESA_CONFIRMATION, ""
    return None


def _result(result: dict[str, Any]) -> tuple[list[Any], Profile | None, str]:
    code = str(result.get("ResultCode", ""))
    if code != "0":
        return [], None, f"result {code[:20]}: {str(result.get('ResultDesc', ''))[:200]}; no money moved"
    holder = result.get("ResultParameters")
    items = holder.get("ResultParameter") if isinstance(holder, dict) else None
    record = {key: value for key, value in result.items() if not isinstance(value, dict | list)}
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("Key") and "Value" in item:
            record[str(item["Key"])] = item["Value"]
    return [record], MPESA_RESULT, ""


def _callback(callback: dict[str, Any]) -> tuple[list[Any], Profile | None, str]:
    code = str(callback.get("ResultCode", ""))
    if code != "0":
        return [], None, f"result {code[:20]}: {str(callback.get('ResultDesc', ''))[:200]}; no money moved"
    metadata = callback.get("CallbackMetadata")
    items = metadata.get("Item") if isinstance(metadata, dict) else None
    record = {key: value for key, value in callback.items() if not isinstance(value, dict | list)}
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("Name") and "Value" in item:
            record[str(item["Name"])] = item["Value"]
    return [record], MPESA_CALLBACK, ""


#: Every profile that comes with the product, by name: usable wherever a profile is named, and to copy from.
BUILT_IN: dict[str, tuple[str, Profile]] = {
    **{profile.name: ("csv", profile) for profile in PROFILES},
    **{profile.name: ("json", profile) for profile in (STRIPE_JSON, STRIPE_OBJECT_JSON, STRIPE_OUT_JSON, SQUARE_PAYOUT, MPESA_CALLBACK, MPESA_RESULT, MPESA_CONFIRMATION)},
}
