"""Console pages of endpoints, deliveries and attempts; the debug page is in `admin_debug.py`."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from payos.kernel import clock, ids, tenancy
from payos.kernel.admin import ReadOnlyModelAdmin, needs, pretty
from payos.kernel.forms import ReasonForm
from webhooks import admin_debug, replays, selectors, services
from webhooks import render as rendering
from webhooks.admin_forms import ChangeEndpointForm, EnableForm, NewEndpointForm, ReplayForm
from webhooks.models import Attempt, Delivery, DeliveryState, Endpoint
from webhooks.samples import as_curl

STATE_LABELS = {"Delivered": "success", "Pending": "info", "Retrying": "warning", "Dead": "danger", "Discarded": "default"}


def _dialog(title: str, description: str, form: type[forms.Form], submit: str) -> dict[str, Any]:
    return {"title": title, "description": description, "form_class": form, "form_submit_text": submit}


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyModelAdmin):
    list_display = [
        "url",
        "partner",
        "show_mode",
        "show_state",
        "show_success",
        "show_latency",
        "show_backlog",
        "show_last_error",
        "public_id",
    ]
    list_filter = ["enabled", "livemode", "disabled_reason", "partner"]
    list_select_related = ["partner", "lane"]
    search_fields = ["url", "description", "partner__name"]
    search_help_text = "URL, description, partner or endpoint id"
    empty_words = "An endpoint is where a partner's events are sent: partners register theirs by the API, you with New endpoint."
    actions_list = ["new_endpoint"]
    actions_detail = ["change_endpoint", "enable", "disable", "rotate", "replay", "remove"]
    has_make_permission = needs("webhooks.add_endpoint")
    has_manage_permission = needs("webhooks.change_endpoint")
    has_remove_permission = needs("webhooks.delete_endpoint")
    has_work_permission = needs("webhooks.work_delivery")
    fieldsets = (
        (None, {"fields": ("public_id", "url", "partner", "show_mode", "description", "show_debug")}),
        ("State", {"fields": ("show_state", "disabled_reason", "disabled_at", "show_health")}),
        ("What is sent", {"fields": ("event_types", "show_headers", "api_version", "secret_created_at", "previous_secret_until")}),
        ("How", {"fields": ("ordered", "rate_limit", "max_in_flight", "retry_seconds", "notify_emails", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(deleted_at=None)

    def get_urls(self) -> list[Any]:
        return [*admin_debug.urls(self.admin_site), *super().get_urls()]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        rows = list(changes.result_list)
        figures = selectors.health([row.pk for row in rows])  # one question for the page, not one for each row
        for row in rows:
            row.figures = figures[row.pk]
        changes.result_list = rows
        return changes

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, row: Endpoint) -> str:
        return "Live" if row.livemode else "Test"

    @display(description="State", label={"Working": "success", "Failing": "warning", "Off": "danger", "Unused": "info"})
    def show_state(self, row: Endpoint) -> str:
        if not row.enabled:
            return "Off"
        if row.lane.consecutive_failures:
            return "Failing"
        return "Working" if row.lane.last_success_at else "Unused"

    @display(description="Success")
    def show_success(self, row: Any) -> str:
        rate = row.figures["success_rate"]
        return "–" if rate is None else f"{rate * 100:.1f} %"

    @display(description="p50 / p95")
    def show_latency(self, row: Any) -> str:
        return "–" if row.figures["p50_ms"] is None else f"{row.figures['p50_ms']:,.0f} / {row.figures['p95_ms']:,.0f} ms"

    @display(description="Owed / dead")
    def show_backlog(self, row: Any) -> str:
        return f"{row.figures['backlog']:,} / {row.figures['dead']:,}"

    @display(description="Last error")
    def show_last_error(self, row: Endpoint) -> str:
        return row.lane.last_error[:80] if row.lane.consecutive_failures else "–"

    @display(description="Health")
    def show_health(self, row: Endpoint) -> Any:
        found = rendering.health(row)
        rate, p50, p95 = found["success_rate"], found["p50_ms"], found["p95_ms"]
        lines = [
            f"{found['attempts']:,} attempts in a day (the latest {selectors.HEALTH_ATTEMPTS:,} at most)",
            "no attempt yet" if rate is None else f"{rate * 100:.1f} % succeeded; latency p50 {p50:,.0f} ms, p95 {p95:,.0f} ms",
            f"{found['backlog']:,} owed, {found['dead']:,} dead, {found['consecutive_failures']:,} failures in a row",
            f"last success {found['last_success_at'] or 'never'}, last failure {found['last_failure_at'] or 'never'}",
        ]
        return pretty("\n".join(lines + ([f"last error: {found['last_error']}"] if found["last_error"] else [])))

    @display(description="Headers")
    def show_headers(self, row: Endpoint) -> str:
        return ", ".join(sorted(row.headers)) or "–"

    @display(description="Test and debug")
    def show_debug(self, row: Endpoint) -> Any:
        deliveries = f"{reverse('admin:webhooks_delivery_changelist')}?endpoint__id__exact={row.pk}"
        return format_html(
            '<a class="underline" href="{}">Send a test, verify a signature, see samples</a> · <a class="underline" href="{}">Deliveries</a>',
            reverse("admin:webhooks_endpoint_debug", args=[row.pk]), deliveries,
        )  # fmt: skip

    @action(
        description="New endpoint", icon="add", permissions=["make"],
        dialog=_dialog("New webhook endpoint", "The secret is shown once, right after this.", NewEndpointForm, "Register it"),
    )  # fmt: skip
    def new_endpoint(self, request: HttpRequest, form: NewEndpointForm) -> HttpResponse:
        endpoint, secret = services.endpoint_create(partner=form.cleaned_data["partner"], livemode=form.live(), **form.values())
        return _shown_once(request, endpoint, secret)

    @action(
        description="Change", icon="edit", permissions=["manage"],
        dialog=_dialog("Change the endpoint", "It holds for everything that is sent from now on.", ChangeEndpointForm, "Change it"),
    )  # fmt: skip
    def change_endpoint(self, request: HttpRequest, form: ChangeEndpointForm, object_id: str) -> HttpResponse:
        services.endpoint_update(endpoint_id=uuid.UUID(object_id), **form.values())
        return _done(request, object_id, "The endpoint is changed.")

    @action(
        description="Enable", icon="play_arrow", permissions=["work"],
        dialog=_dialog("Enable the endpoint", "Events are sent to it again.", EnableForm, "Enable it"),
    )  # fmt: skip
    def enable(self, request: HttpRequest, form: EnableForm, object_id: str) -> HttpResponse:
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            _, count = services.endpoint_enable(endpoint_id=uuid.UUID(object_id), replay=form.cleaned_data["replay"])
        return _done(request, object_id, f"The endpoint is on; {_owed(count)}")

    @action(
        description="Disable", icon="pause", permissions=["manage"],
        dialog=_dialog("Disable the endpoint", "Nothing is sent to it; what it misses can be replayed for 30 days.", ReasonForm, "Disable it"),
    )  # fmt: skip
    def disable(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            services.endpoint_disable(endpoint_id=uuid.UUID(object_id))
        return _done(request, object_id, "The endpoint is off.")

    @action(
        description="Rotate secret", icon="autorenew", permissions=["manage"],
        dialog=_dialog("Rotate the secret", "For a day both secrets sign. The new one is shown once.", ReasonForm, "Rotate it"),
    )  # fmt: skip
    def rotate(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            endpoint, secret = services.secret_rotate(endpoint_id=uuid.UUID(object_id))
        return _shown_once(request, endpoint, secret)

    @action(
        description="Replay", icon="replay", permissions=["work"],
        dialog=_dialog("Send again", "The same deliveries under the same ids.", ReplayForm, "Send them again"),
    )  # fmt: skip
    def replay(self, request: HttpRequest, form: ReplayForm, object_id: str) -> HttpResponse:
        given = form.cleaned_data
        with tenancy.acting(reason=given["reason"]):
            count = replays.many(
                endpoint=Endpoint.objects.get(pk=object_id),
                since=clock.now() - timedelta(hours=given["hours"]),
                status=given["status"] or None,
                include_missed=given["include_missed"],
            )
        return _done(request, object_id, _owed(count).capitalize())

    @action(
        description="Remove", icon="delete", permissions=["remove"],
        dialog=_dialog("Remove the endpoint", "Nothing is sent to it any more. Its log stays for 30 days.", ReasonForm, "Remove it"),
    )  # fmt: skip
    def remove(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            services.endpoint_delete(endpoint_id=uuid.UUID(object_id))
        messages.success(request, "The endpoint is removed.")
        return redirect(reverse("admin:webhooks_endpoint_changelist"))


def _done(request: HttpRequest, object_id: str, said: str) -> HttpResponse:
    messages.success(request, said)
    return redirect(reverse("admin:webhooks_endpoint_change", args=[object_id]))


def _owed(count: int) -> str:
    if not count:
        return "no delivery is owed again."
    return "1 delivery is owed again." if count == 1 else f"{count:,} deliveries are owed again."


def _shown_once(request: HttpRequest, endpoint: Endpoint, secret: str) -> HttpResponse:
    """The secret goes straight into the dialog: kept in no cookie, no session and no log."""
    response = render(request, "webhooks/secret_made.html", {"endpoint": endpoint, "secret": secret})
    response["HX-Retarget"] = response["HX-Reselect"] = "#dialog"
    return response


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyModelAdmin):
    empty_words = "Events that go to an endpoint are listed here with each attempt. Register an endpoint first."
    list_display = [
        "created_at",
        "event_type",
        "show_subject",
        "show_state",
        "show_endpoint",
        "partner",
        "attempts",
        "last_status",
        "last_error",
        "public_id",
    ]
    list_filter = ["state", "event_type", "livemode", "partner", "endpoint"]
    list_select_related = ["partner", "endpoint"]
    search_fields = ["=subject", "=event_type"]
    search_help_text = "Event id, delivery id, endpoint id, subject such as trf_…, or event type"
    ordering = ["-id"]
    actions_detail = ["send_again"]
    has_work_permission = needs("webhooks.work_delivery")
    fields = [
        "public_id", "show_event", "event_type", "show_subject", "show_endpoint", "partner", "show_state", "attempts", "replays",
        "next_attempt_at", "finished_at", "last_status", "last_error", "created_at", "show_body", "show_curl", "show_attempts",
    ]  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        term = search_term.strip()
        for prefix, field in (("evt", "event_id"), ("whe", "endpoint_id")):
            if term.startswith(f"{prefix}_"):
                try:
                    return queryset.filter(**{field: ids.decode(prefix, term)}), False
                except ids.InvalidId:
                    return queryset.none(), False
        if term.partition("_")[0] in selectors.KINDS:
            return queryset.filter(subject__in=selectors.subjects_like(term)), False
        return super().get_search_results(request, queryset, search_term)

    @display(description="Subject")
    def show_subject(self, row: Delivery) -> str:
        return selectors.subject_shown(row.subject)

    @display(description="State", label=STATE_LABELS)
    def show_state(self, row: Delivery) -> str:
        return DeliveryState(row.state).label

    @display(description="Endpoint")
    def show_endpoint(self, row: Delivery) -> Any:
        return format_html(
            '<a class="underline" href="{}">{}</a>',
            reverse("admin:webhooks_endpoint_change", args=[row.endpoint_id]),
            row.endpoint.url[:60],
        )

    @display(description="Event")
    def show_event(self, row: Delivery) -> str:
        return ids.encode("evt", row.event_id) + (" (sample)" if row.sample_body else "")

    @display(description="Request body")
    def show_body(self, row: Delivery) -> Any:
        return pretty(rendering.body_of(row))

    @display(description="The last request as curl")
    def show_curl(self, row: Delivery) -> Any:
        last = row.attempt_log.order_by("-id").first()
        return pretty(as_curl(last.url, last.request_headers, rendering.body_of(row))) if last else "–"

    @display(description="Attempts")
    def show_attempts(self, row: Delivery) -> Any:
        log = row.attempt_log.order_by("-id")[: rendering.ATTEMPTS_SHOWN]
        return pretty([rendering.attempt(entry) for entry in log])

    @action(
        description="Send again", icon="replay", permissions=["work"],
        dialog=_dialog("Send again", "The same event under the same id: the receiver recognises it.", ReasonForm, "Send it again"),
    )  # fmt: skip
    def send_again(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        row = Delivery.objects.select_related("endpoint").get(pk=object_id)
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            replays.one(endpoint=row.endpoint, delivery=row)
        messages.success(request, "The delivery is owed again.")
        return redirect(reverse("admin:webhooks_delivery_change", args=[object_id]))


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyModelAdmin):
    empty_words = "Each attempt to reach an endpoint is listed here with the answer."
    list_display = ["created_at", "event_type", "number", "show_outcome", "status", "error", "latency_ms", "url", "partner"]
    list_filter = ["succeeded", "event_type", "error_code", "livemode", "partner"]
    list_select_related = ["partner"]
    search_fields = ["=event_type", "=error_code"]
    search_help_text = "Event id, attempt id, event type or error code"
    ordering = ["-id"]
    fields = [
        "public_id", "created_at", "event_type", "delivery", "number", "show_outcome", "url", "address", "show_request", "status",
        "latency_ms", "error_code", "error", "show_response_headers", "show_response_body",
    ]  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        term = search_term.strip()
        if term.startswith("evt_"):
            try:
                deliveries = Delivery.objects.filter(event_id=ids.decode("evt", term)).values("pk")
            except ids.InvalidId:
                return queryset.none(), False
            return queryset.filter(delivery_id__in=deliveries), False
        return super().get_search_results(request, queryset, search_term)

    @display(description="Outcome", label={"Success": "success", "Failure": "danger"})
    def show_outcome(self, row: Attempt) -> str:
        return "Success" if row.succeeded else "Failure"

    @display(description="Request headers")
    def show_request(self, row: Attempt) -> Any:
        return pretty(row.request_headers)

    @display(description="Response headers")
    def show_response_headers(self, row: Attempt) -> Any:
        return pretty(row.response_headers)

    @display(description="Response body")
    def show_response_body(self, row: Attempt) -> Any:
        return pretty(row.response_body)
