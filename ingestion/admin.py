"""Console pages of payments in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ingestion import channels, services
from ingestion.adminfiles import profile_choices
from ingestion.connectors import ConnectorError
from ingestion.models import (
    Connector,
    ConnectorRun,
    Payment,
    PaymentReference,
    PaymentStaging,
    RawMessage,
    Source,
    StagingProcessLog,
)
from ledger.models import Account
from payos.kernel import clock, ids
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin, needs, pretty
from payos.kernel.formrows import SettingsField
from payos.kernel.forms import DialogForm, ReasonForm
from payos.kernel.money import display as show_money

STATES = {"recorded": "info", "settled": "warning", "reconciled": "success", "reversed": "danger", "disputed": "danger"}


class Lately(admin.SimpleListFilter):
    """A filter on what many payments have in common. It looks at the last 90 days, because at ten million payments a value that
    is rare, or a list of all values, would read every partition."""

    days = 90

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        return queryset.filter(pk__gte=ids.floor(clock.now() - timedelta(days=self.days)), **{str(self.parameter_name): self.value()})


class StateLately(Lately):
    title = "state (last 90 days)"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state.capitalize()) for state in STATES]


class ChannelLately(Lately):
    title = "channel (last 90 days)"
    parameter_name = "payment_channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        # Every channel that was ever posted has its receivable account.
        codes = Account.objects.filter(code__startswith="receivable:").values_list("code", flat=True).distinct().order_by("code")[:100]
        return [(name, name) for name in (code.partition(":")[2] for code in codes)]


@admin.register(Payment)
class PaymentAdmin(ReadOnlyModelAdmin):
    list_display = ["reference_number", "show_amount", "show_state", "payment_channel", "source", "loan_account_number", "partner", "payment_date"]
    empty_words = "Payments come by the API, webhooks, connectors, files and the staging table."
    list_filter = [StateLately, ChannelLately, "livemode"]
    list_select_related = ["partner"]
    search_help_text = "A payment id, a reference number or a loan account"
    search_fields = ["reference_number"]
    ordering = ["-id"]
    actions_detail = ["reverse"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """References are found through their own unique table, which no partition scan can match."""
        term = search_term.strip()
        if term and not term.startswith("pay_"):
            known = list(PaymentReference.objects.filter(reference_number=term).values_list("payment_id", flat=True)[:100])
            return (queryset.filter(pk__in=known) if known else queryset.filter(loan_account_number=term)), False
        return super().get_search_results(request, queryset, search_term)

    @display(description="Amount", ordering="amount_minor")
    def show_amount(self, payment: Payment) -> str:
        return show_money(payment.amount_minor, payment.currency)

    @display(description="State", label={state.capitalize(): colour for state, colour in STATES.items()})
    def show_state(self, payment: Payment) -> str:
        return payment.state.capitalize()

    has_work_permission = needs("ingestion.work_payment")

    @action(
        description="Reverse",
        icon="undo",
        permissions=["work"],
        dialog={
            "title": "Reverse the payment",
            "description": "Posts the compensation to the ledger: the amount is taken back from the partner.",
            "form_class": ReasonForm,
            "form_submit_text": "Reverse",
        },
    )
    def reverse(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        payment = Payment.objects.get(pk=object_id)
        services.reverse_payment(payment=payment, reason=form.cleaned_data["reason"])
        messages.success(request, f"{payment.reference_number} is reversed.")
        return redirect(reverse("admin:ingestion_payment_change", args=[object_id]))


@admin.register(PaymentStaging)
class PaymentStagingAdmin(ReadOnlyModelAdmin):
    list_display = ["id", "reference_number", "amount", "currency", "payment_date", "processed", "outcome", "error", "processed_at"]
    list_filter = ["processed", "outcome"]
    search_fields = ["=reference_number"]
    ordering = ["-id"]


@admin.register(StagingProcessLog)
class StagingProcessLogAdmin(ReadOnlyModelAdmin):
    list_display = ["id", "status", "total", "processed", "duplicates", "conflicts", "errors", "show_time", "started_at"]
    list_filter = ["status"]
    date_hierarchy = "started_at"

    @display(description="Took", ordering="milliseconds")
    def show_time(self, log: StagingProcessLog) -> str:
        return f"{log.milliseconds:,.0f} ms"


@admin.register(RawMessage)
class RawMessageAdmin(ReadOnlyModelAdmin):
    list_display = ["created_at", "source", "reason", "partner"]
    list_filter = ["source"]
    list_select_related = ["partner"]
    search_fields = ["reason"]
    exclude = ["body"]
    readonly_fields = ["show_body"]

    @display(description="Message")
    def show_body(self, raw: RawMessage) -> Any:
        return pretty(bytes(raw.body)[:4000].decode("utf-8", "replace"))


@admin.register(Source)
class SourceAdmin(PayosModelAdmin):
    list_display = ["name", "adapter", "partner", "show_mode", "currency", "channel", "active"]
    list_filter = ["adapter", "active", "livemode"]
    list_select_related = ["partner"]
    search_fields = ["name"]
    fields = ["partner", "name", "adapter", "currency", "channel", "branch", "tolerance_seconds", "allowed_networks", "rate_per_minute", "active"]
    actions_detail = ["rotate"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "adapter":
            return forms.ChoiceField(choices=[(name, name) for name in channels.ADAPTERS], widget=UnfoldAdminSelectWidget)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["partner", "name", "adapter"] if obj else []

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, source: Source) -> str:
        return "Live" if source.livemode else "Test"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            channels.forget_sources()
            return
        fields = {name: value for name, value in form.cleaned_data.items() if name not in {"partner", "name", "adapter"}}
        made, secret = services.source_create(
            partner=obj.partner, livemode=obj.livemode, name=obj.name, adapter=obj.adapter, **fields
        )
        obj.pk = made.pk
        obj._state.adding = False
        messages.success(request, f"The secret of {made.name} ({made.public_id}), shown once: {secret}")

    has_rotate_permission = needs("ingestion.change_source")

    @action(
        description="Rotate the secret",
        icon="autorenew",
        permissions=["rotate"],
        dialog={
            "title": "Rotate the secret",
            "description": "The old secret verifies for 24 more hours.",
            "form_class": ReasonForm,
            "form_submit_text": "Rotate",
        },
    )
    def rotate(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        secret = services.source_rotate(source=Source.objects.get(pk=object_id))
        messages.success(request, f"The new secret, shown once: {secret}")
        return redirect(reverse("admin:ingestion_source_change", args=[object_id]))


# What a connector understands, offered while its settings are written.
CONNECTOR_SETTINGS = {
    "path": "Folder with the files", "pattern": "Names to take, such as *.csv", "after": "What happens to a file that was read: keep, archive or delete",
    "quiet_seconds": "How long a file must not have changed", "host": "Name of the server", "port": "If it is not the usual one", "user": "Name to sign in with",
    "host_key": "The server's public key", "timeout": "Seconds", "tls": "no: a mailbox without encryption", "mailbox": "INBOX if not named",
    "sender": "Only mails from there, such as *@bank.example", "subject": "Only mails whose subject fits", "url": "Address to fetch", "auth": "none, basic, bearer or header",
    "header": "Name of the header that carries the secret", "params": "Query parameters as JSON", "items_path": "Where the rows are in the answer",
    "cursor_path": "Where the next page's mark is", "cursor_param": "Parameter that carries the mark", "name": "Name of the file that is made",
}  # fmt: skip


class ConnectorForm(forms.ModelForm):
    """The secret is written here and never shown again; left empty it stays as it is."""

    profile_name = forms.ChoiceField(required=False, choices=profile_choices, widget=UnfoldAdminSelectWidget, label="Mapping profile", help_text="For CSV, XLSX and JSON; its version of the day is used.")
    new_secret = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "password", "autocomplete": "off"}),
                                 help_text="Password, private key or token. Empty: keep what is there.")  # fmt: skip

    config = SettingsField(
        required=False, label="Settings", label_name="Setting", hint="such as path", offers=tuple(CONNECTOR_SETTINGS.items()),
        help_text="One a row; no secrets. Folder: path. SFTP: host, user, host_key, path. Mailbox: host, user. HTTP: url. "
        "All others have a usual value: pattern, after, port, timeout, quiet_seconds, mailbox, sender, subject, auth, header, items_path, cursor_path, cursor_param.",
    )  # fmt: skip

    class Meta:
        model = Connector
        labels = {"every_minutes": "Every (minutes)", "alert_after": "Case after (failures in a row)"}
        fields = ["partner", "name", "kind", "config", "format", "profile_name", "every_minutes", "alert_after", "active"]

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("new_secret"):
            self.instance.secret = self.cleaned_data["new_secret"]
        return super().save(commit)


@admin.register(Connector)
class ConnectorAdmin(PayosModelAdmin):
    form = ConnectorForm
    list_display = ["name", "kind", "partner", "show_health", "last_run_at", "next_run_at", "show_last", "active"]
    list_filter = ["kind", "active"]
    list_select_related = ["partner"]
    search_fields = ["name"]
    fields = ["partner", "name", "kind", "config", "new_secret", "format", "profile_name", "every_minutes", "alert_after", "active"]
    actions_detail = ["try_it", "run_now"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Health", label={"works": "success", "failing": "danger", "never ran": "info"})
    def show_health(self, connector: Connector) -> str:
        return "failing" if connector.failures else "works" if connector.last_run_at else "never ran"

    @display(description="Last run")
    def show_last(self, connector: Connector) -> str:
        return str(connector.runs.first() or "")

    has_work_permission = needs("ingestion.work_connector")

    @action(
        description="Test", icon="network_check", permissions=["work"],
        dialog={"title": "Test the connection", "description": "Reaches the other side; nothing is fetched.", "form_class": DialogForm, "form_submit_text": "Test"},
    )  # fmt: skip
    def try_it(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        try:
            messages.success(request, services.test_connector(connector=Connector.objects.get(pk=object_id)))
        except ConnectorError as error:
            messages.error(request, f"It does not work: {error}.")
        return redirect(reverse("admin:ingestion_connector_change", args=[object_id]))

    @action(
        description="Run now", icon="play_arrow", permissions=["work"],
        dialog={"title": "Run now", "description": "Fetches and reads what is new.", "form_class": DialogForm, "form_submit_text": "Run"},
    )  # fmt: skip
    def run_now(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        run = services.run_connector(connector=Connector.objects.get(pk=object_id))
        (messages.error if run.error else messages.success)(request, str(run))
        return redirect(reverse("admin:ingestion_connector_change", args=[object_id]))


@admin.register(ConnectorRun)
class ConnectorRunAdmin(ReadOnlyModelAdmin):
    list_display = ["started_at", "connector", "found", "fresh", "quarantined", "error"]
    list_filter = ["connector"]
    list_select_related = ["connector"]
    date_hierarchy = "started_at"


def autodiscovered() -> None:
    """Django looks for pages in `admin.py`; importing the others from here registers them."""
    from ingestion import adminprofiles  # noqa: F401


autodiscovered()
