"""What the ledger's endpoints answer, for the OpenAPI document."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from ledger.models import Kind, Layer
from payos.kernel.openapi import object_name

KINDS = [value for value, _ in Kind.choices]
LAYERS = [label for _, label in Layer.choices]
AMOUNT = "Decimal text with the currency's own number of places."


class AccountSerializer(serializers.Serializer):
    object = object_name("account")
    id = serializers.CharField()
    code = serializers.CharField(help_text="Its place in the chart of accounts, such as partner:available or cash:ach.")
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    currency = serializers.CharField()
    branch = serializers.CharField(allow_null=True)
    parent = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    no_overdraft = serializers.BooleanField(help_text="Whether the database keeps what is available from falling below zero.")
    livemode = serializers.BooleanField()
    created = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class BalanceSerializer(serializers.Serializer):
    object = object_name("balance")
    account = serializers.CharField()
    currency = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True, help_text="The instant asked for; null is now.")
    axis = serializers.ChoiceField(["effective", "recorded"])
    posted = serializers.CharField(help_text=AMOUNT)
    pending = serializers.CharField(help_text="What holds take away.")
    available = serializers.CharField(help_text="Posted less pending.")
    incoming = serializers.CharField(help_text="What holds will add once they are posted.")


class LedgerEntrySerializer(serializers.Serializer):
    object = object_name("entry")
    id = serializers.CharField()
    transaction = serializers.CharField()
    account = serializers.CharField()
    direction = serializers.ChoiceField(["debit", "credit"])
    amount = serializers.CharField(help_text=AMOUNT)
    currency = serializers.CharField()
    layer = serializers.ChoiceField(LAYERS, help_text="posted; pending (a hold); released (a hold given back or turned into a posting).")
    effective_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    livemode = serializers.BooleanField()


class SubjectSerializer(serializers.Serializer):
    type = serializers.CharField()
    id = serializers.CharField()


class SealSerializer(serializers.Serializer):
    position = serializers.IntegerField()
    hash = serializers.CharField()
    sealed_at = serializers.DateTimeField()


class LedgerTransactionSerializer(serializers.Serializer):
    object = object_name("ledger_transaction")
    id = serializers.CharField()
    kind = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    description = serializers.CharField(allow_blank=True)
    metadata = serializers.DictField()
    subject = SubjectSerializer(allow_null=True, help_text="What caused it.")
    effective_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    reverses = serializers.CharField(allow_null=True)
    hold = serializers.CharField(allow_null=True, help_text="The hold that it resolves.")
    hold_expires_at = serializers.DateTimeField(allow_null=True)
    livemode = serializers.BooleanField()


class LedgerTransactionDetailSerializer(LedgerTransactionSerializer):
    entries = LedgerEntrySerializer(many=True)
    seal = SealSerializer(allow_null=True, help_text="Its place in the hash chain; null until it is sealed, seconds later.")
    reversed_by = serializers.CharField(allow_null=True)


class StatementEntrySerializer(serializers.Serializer):
    object = object_name("statement_entry")
    id = serializers.CharField()
    transaction = serializers.CharField()
    effective_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    kind = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    direction = serializers.ChoiceField(["debit", "credit"])
    amount = serializers.CharField(help_text=AMOUNT)
    balance = serializers.CharField(help_text="The account's balance after this entry.")


class StatementSerializer(serializers.Serializer):
    object = object_name("account_statement")
    account = serializers.CharField()
    currency = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    opening = serializers.CharField(help_text="The balance before the first entry of this page.")
    data = StatementEntrySerializer(many=True)  # type: ignore[assignment]
    closing = serializers.CharField(help_text="The balance after the last entry of this page.")
    has_more = serializers.BooleanField()
    url = serializers.CharField()


class TrialLineSerializer(serializers.Serializer):
    account = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    currency = serializers.CharField()
    branch = serializers.CharField(allow_null=True)
    debit = serializers.CharField()
    credit = serializers.CharField()


class TrialTotalSerializer(serializers.Serializer):
    currency = serializers.CharField()
    debit = serializers.CharField()
    credit = serializers.CharField()
    equal = serializers.BooleanField(help_text="True for a whole book. A branch alone need not balance.")


class TrialBalanceSerializer(serializers.Serializer):
    object = object_name("trial_balance")
    at = serializers.DateTimeField(allow_null=True)
    data = TrialLineSerializer(many=True)  # type: ignore[assignment]
    totals = TrialTotalSerializer(many=True)


class EntryListSerializer(serializers.Serializer):
    object = object_name("list")
    data = LedgerEntrySerializer(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    url = serializers.CharField()


@extend_schema_field({"type": "string"})
class CsvField(serializers.CharField):
    pass


INSTANT = {"type": "string", "format": "date-time", "example": "2026-11-02T15:04:05Z"}


def instant_parameter(name: str, text: str) -> OpenApiParameter:
    return OpenApiParameter(name, INSTANT, description=text)


def text_parameter(name: str, text: str, **schema: object) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": "string", "minLength": 1, "maxLength": 200, **schema}, description=text)


AT = instant_parameter("at", "As of this instant; without it, now.")
AXIS = OpenApiParameter(
    "axis",
    {"type": "string", "enum": ["effective", "recorded"], "default": "effective"},
    description="Whose time `at` is: when it counts (effective) or when it was written down (recorded).",
)
START = instant_parameter("start", "The first instant; without it, the beginning.")
END = instant_parameter("end", "The first instant after the span; without it, now.")
LIMIT = OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}, description="Rows a page.")
ENTRY_CURSOR = r"^ent_[0-7][0-9a-z]{25}_[1-9][0-9]{0,4}$"
AFTER = text_parameter("starting_after", "The id of the last entry that you have. Gives what follows it in the list.", pattern=ENTRY_CURSOR)
BEFORE = text_parameter(
    "ending_before", "The id of the first entry that you have. Gives what stands before it in the list.", pattern=ENTRY_CURSOR
)
BRANCH = text_parameter("branch", "Only accounts of this branch (brn_...).")
