"""JSON of processors' APIs and callbacks: which document it is, where its records are, and the profile that reads them."""

from __future__ import annotations

from typing import Any

from ingestion.parsers.profiles import Profile

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
STRIPE_OUT_JSON = Profile.from_dict(
    {**STRIPE_OBJECT_JSON.as_dict(), "name": "stripe_payouts", "title": "Stripe: payouts and refunds of the API", "negate": True}
)
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
SQUARE_ENTRIES = Profile(
    name="square_payout_entries", title="Square: entries of a payout, of the API", minor_units=True, decimal=".",
    columns={"booking_date": ("effective_at",), "currency": ("net_amount_money.currency_code", "net_amount_money.currency"), "net": ("net_amount_money.amount",),
             "gross": ("gross_amount_money.amount",), "fee": ("fee_amount_money.amount",), "type": ("type",), "payout": ("payout_id",)},
    references={"id": ("id",), "source": ("type_charge_details.payment_id", "type_refund_details.payment_id"), "payout": ("payout_id",)}, amount_terms=((1, "net"),), unique="id",
)  # fmt: skip
# The fee comes signed: what moved the balance is the sum. Pending and denied transactions moved nothing.
PAYPAL_TRANSACTIONS = Profile(
    name="paypal_transactions_api", title="PayPal: transactions of the reporting API", decimal=".", settled=("S", "V"),
    columns={"booking_date": ("transaction_info.transaction_updated_date", "transaction_info.transaction_initiation_date"), "value_date": ("transaction_info.transaction_initiation_date",),
             "currency": ("transaction_info.transaction_amount.currency_code",), "gross": ("transaction_info.transaction_amount.value",), "fee": ("transaction_info.fee_amount.value",),
             "balance": ("transaction_info.ending_balance.value",), "type": ("transaction_info.transaction_event_code",), "status": ("transaction_info.transaction_status",),
             "description": ("transaction_info.transaction_subject", "transaction_info.transaction_note"), "counterparty": ("payer_info.payer_name.alternate_full_name", "payer_info.email_address"),
             "account": ("account_number",)},
    references={"id": ("transaction_info.transaction_id",), "customer": ("transaction_info.invoice_id",), "related": ("transaction_info.paypal_reference_id",),
                "custom": ("transaction_info.custom_field",)},
    amount_terms=((1, "gross"), (1, "fee")), unique="id",
)  # fmt: skip
JSON_PROFILES = (
    STRIPE_JSON,
    STRIPE_OBJECT_JSON,
    STRIPE_OUT_JSON,
    SQUARE_PAYOUT,
    SQUARE_ENTRIES,
    PAYPAL_TRANSACTIONS,
    MPESA_CALLBACK,
    MPESA_RESULT,
    MPESA_CONFIRMATION,
)


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
        entries = document.get("payout_entries")
        if isinstance(entries, list) and entries and all(isinstance(item, dict) and "net_amount_money" in item for item in entries):
            return entries, SQUARE_ENTRIES, ""
        details = document.get("transaction_details")
        if (
            isinstance(details, list)
            and details
            and all(isinstance(item, dict) and isinstance(item.get("transaction_info"), dict) for item in details)
        ):
            return [{**item, "account_number": document.get("account_number", "")} for item in details], PAYPAL_TRANSACTIONS, ""
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
        inner = [
            {"created": record.get("created"), **item}
            for record in records
            for item in record["balance_transactions"]
            if isinstance(item, dict)
        ]
        return (inner, STRIPE_JSON, "") if inner else ([], None, "a dispute that has moved no money yet")
    if kinds and all(isinstance(kind, str) for kind in kinds) and all(isinstance(record, dict) and "id" in record for record in records):
        return [], None, f"{', '.join(sorted(map(str, kinds)))[:100]}: no movement of a balance"
    if (
        kinds
        and kinds <= {None}
        and all(isinstance(record, dict) and "TransID" in record and "TransAmount" in record for record in records)
    ):
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
