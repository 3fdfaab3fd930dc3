"""The kernel's pages in the console: audit trail, bank holidays, events, circuit breakers, heartbeats."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.timesince import timesince
from unfold.contrib.filters.admin import DropdownFilter, FieldTextFilter, RangeDateFilter, RangeDateTimeFilter
from unfold.decorators import action, display

from payos.kernel import calendars, clock, ids, outbox, security, tenancy
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin, needs, pretty
from payos.kernel.breaker import Breaker
from payos.kernel.forms import ReasonForm
from payos.kernel.models import AuditEvent, CalendarDay, Circuit, Heartbeat, OutboxEvent


class SubjectTableFilter(DropdownFilter):
    """What is audited is known from the models: no DISTINCT over the whole trail."""

    title = "subject"
    parameter_name = "table"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        audited = [model for model in security.secured_models() if getattr(model, "audit", None)]
        return sorted(((m._meta.db_table, str(m._meta.verbose_name)) for m in audited), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(subject_table=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyModelAdmin):
    empty_words = "Every change, and every look at what is sensitive, is written here by the database."
    list_display = ["show_at", "actor", "show_action", "show_subject_short", "show_change", "reason", "ip"]
    list_filter = [("at", RangeDateTimeFilter), ("action", FieldTextFilter), ("actor", FieldTextFilter), SubjectTableFilter]
    list_filter_submit = True
    search_fields = ["=subject_id", "=actor", "=request_id"]
    search_help_text = "Subject id, actor or request id, in full"
    ordering = ["-id"]
    fields = ["at", "actor", "action", "show_subject", "show_partner", "reason", "ip", "request_id", "show_diff"]

    @display(description="When", ordering="id")
    def show_at(self, event: AuditEvent) -> Any:
        return format_html('<span class="whitespace-nowrap tabular-nums">{}</span>', f"{event.at:%Y-%m-%d %H:%M:%S}")

    @display(
        description="Action",
        label={"insert": "success", "update": "info", "state": "info", "delete": "danger", "viewed": "warning", "login.locked": "danger"},
    )
    def show_action(self, event: AuditEvent) -> str:
        return event.action

    @display(description="Subject")
    def show_subject_short(self, event: AuditEvent) -> Any:
        key = event.subject_id if len(event.subject_id) <= 12 else f"…{event.subject_id[-8:]}"
        name = _subject_name(event.subject_table)
        return format_html('<span class="whitespace-nowrap" title="{}">{} {}</span>', event.subject_id, name, key)

    @display(description="Subject")
    def show_subject(self, event: AuditEvent) -> str:
        return f"{_subject_name(event.subject_table)} {event.subject_id}".strip()

    @display(description="Partner")
    def show_partner(self, event: AuditEvent) -> str:
        return ids.encode("par", event.partner_id) if event.partner_id else "–"

    @display(description="Change")
    def show_change(self, event: AuditEvent) -> str:
        before, after = event.before or {}, event.after or {}
        if event.action not in {"state", "update"}:
            return ""
        parts = [f"{name}: {_short(before.get(name))} → {_short(after.get(name))}" for name in list(after)[:3]]
        return "; ".join(parts) + (" …" if len(after) > 3 else "")

    @display(description="Before and after")
    def show_diff(self, event: AuditEvent) -> Any:
        before, after = event.before or {}, event.after or {}
        names = sorted({*before, *after})
        if not names:
            return "–"
        rows = format_html_join(
            "",
            '<tr class="border-t border-base-200 dark:border-base-700"><th class="text-left pr-6 py-1 font-medium align-top">{}</th>'
            '<td class="pr-6 py-1 align-top">{}</td><td class="py-1 align-top">{}</td></tr>',
            ((name, pretty(before.get(name)), pretty(after.get(name))) for name in names),
        )
        head = '<tr><th class="text-left pr-6 py-1">Field</th><th class="text-left pr-6 py-1">Before</th><th class="text-left py-1">After</th></tr>'
        return format_html('<table class="w-full">' + head + "{}</table>", rows)


def _short(value: Any) -> str:
    text = "–" if value in (None, "") else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _subject_name(table: str) -> str:
    for model in security.secured_models():
        if model._meta.db_table == table:
            return str(model._meta.verbose_name)
    return table


@admin.register(CalendarDay)
class CalendarDayAdmin(PayosModelAdmin):
    """Days that people entered, below them what the calendars know for the next twelve months."""

    empty_words = "The holidays below are known already. Enter here what differs: a day that is closed, or open all the same."
    list_display = ["day", "show_weekday", "calendar", "show_effect", "show_known", "note"]
    list_filter = ["calendar", "closed", ("day", RangeDateFilter)]
    list_filter_submit = True
    search_fields = ["note"]
    date_hierarchy = "day"
    ordering = ["-day"]
    fields = ["calendar", "day", "closed", "note"]
    list_after_template = "kernel/known_holidays.html"

    @display(description="Weekday")
    def show_weekday(self, entry: CalendarDay) -> str:
        return f"{entry.day:%A}"

    @display(description="Effect", label={"Closed": "danger", "Open": "success"})
    def show_effect(self, entry: CalendarDay) -> str:
        return "Closed" if entry.closed else "Open"

    @display(description="Without this entry")
    def show_known(self, entry: CalendarDay) -> str:
        name = calendars.known_holidays(entry.calendar, entry.day.year).get(entry.day)
        return name or ("weekend" if entry.day.weekday() >= 5 else "banking day")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        today = clock.today()
        columns = [(code, name, _coming(code, today)) for code, name in calendars.CODES.items() if code != "NONE"]
        return super().changelist_view(request, {**(extra_context or {}), "known_holidays": columns})

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        super().delete_queryset(request, queryset)
        calendars.forget()


def _coming(code: str, today: Any) -> list[tuple[Any, str]]:
    last = today + timedelta(days=365)
    days = {**calendars.known_holidays(code, today.year), **calendars.known_holidays(code, last.year)}
    return [(day, days[day]) for day in sorted(days) if today <= day <= last and day.weekday() < 5]


class EventStateFilter(DropdownFilter):
    title = "state"
    parameter_name = "state"
    CONDITIONS: dict[str, tuple[str, dict[str, Any]]] = {
        "parked": ("Parked", {"parked_at__isnull": False}),
        "waiting": ("Waiting for subscribers", {"handled_at": None, "parked_at": None}),
        "unpublished": ("Waiting for the sink", {"published_at": None, "parked_at": None, "handled_at__isnull": False}),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, text) for key, (text, _) in self.CONDITIONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = self.CONDITIONS.get(self.value() or "")
        return queryset.filter(**chosen[1]) if chosen else queryset


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyModelAdmin):
    empty_words = "Whatever happens tells of itself by an event; the events of the last days are listed here."
    list_display = ["created_at", "event_type", "aggregate_id", "show_state", "attempts", "show_error", "public_id"]
    list_filter = [EventStateFilter, ("event_type", FieldTextFilter), "livemode"]
    list_filter_submit = True
    search_fields = ["=aggregate_id", "=event_type"]
    search_help_text = "Event id, aggregate id or event type, in full"
    ordering = ["-seq"]
    actions_detail = ["retry"]
    sensitive = True
    has_retry_permission = needs("kernel.retry_outboxevent")
    fields = [
        "public_id", "event_type", "topic", "aggregate_id", "show_partner", "livemode", "created_at", "handled_at",
        "published_at", "parked_at", "attempts", "error", "show_payload",
    ]  # fmt: skip

    @display(description="State", label={"Parked": "danger", "Waiting": "warning", "Handled": "info", "Published": "success"})
    def show_state(self, event: OutboxEvent) -> str:
        if event.parked_at:
            return "Parked"
        return "Published" if event.published_at else "Handled" if event.handled_at else "Waiting"

    @display(description="Last error")
    def show_error(self, event: OutboxEvent) -> str:
        return event.error[:80]

    @display(description="Partner")
    def show_partner(self, event: OutboxEvent) -> str:
        return ids.encode("par", event.partner_id) if event.partner_id else "–"

    @display(description="Payload")
    def show_payload(self, event: OutboxEvent) -> Any:
        return pretty(event.payload)

    @action(
        description="Try again",
        icon="replay",
        permissions=["retry"],
        dialog={
            "title": "Try the event again",
            "description": "It is handed to its subscribers again, as if it were new. Mend the cause first.",
            "form_class": ReasonForm,
            "form_submit_text": "Try again",
        },
    )
    def retry(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            if outbox.unpark(object_id):
                messages.success(request, "The event is in line again.")
            else:
                messages.warning(request, "The event is not parked: nothing was changed.")
        return redirect(reverse("admin:kernel_outboxevent_change", args=[object_id]))


@admin.register(Circuit)
class CircuitAdmin(ReadOnlyModelAdmin):
    empty_words = "A circuit appears with the first call to a rail or a receiver, and opens by itself when calls keep failing."
    list_display = ["name", "show_state", "failures", "opened_at", "retry_at", "show_error", "changed_at"]
    search_fields = ["name"]
    ordering = ["name"]
    actions_detail = ["reset"]
    has_reset_permission = needs("kernel.reset_circuit")

    @display(description="State", label={"Closed": "success", "Open": "danger", "Half open": "warning"})
    def show_state(self, circuit: Circuit) -> str:
        if circuit.opened_at is None:
            return "Closed"
        return "Open" if circuit.retry_at and circuit.retry_at > clock.now() else "Half open"

    @display(description="Last error")
    def show_error(self, circuit: Circuit) -> str:
        return circuit.last_error[:80]

    @action(
        description="Close it",
        icon="restart_alt",
        permissions=["reset"],
        dialog={
            "title": "Close the circuit",
            "description": "Calls pass again at once. If the other side still fails, it opens again.",
            "form_class": ReasonForm,
            "form_submit_text": "Close it",
        },
    )
    def reset(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        Breaker(object_id).reset(reason=form.cleaned_data["reason"])
        messages.success(request, f"The circuit of {object_id} is closed.")
        return redirect(reverse("admin:kernel_circuit_changelist"))


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyModelAdmin):
    empty_words = "Workers and the clock say here that they live. None does: is the product running?"
    list_display = ["name", "show_health", "show_age", "beat_at"]
    ordering = ["name"]
    fields = ["name", "beat_at", "show_age", "show_detail"]

    @display(description="State", label={"Alive": "success", "Silent": "danger"})
    def show_health(self, beat: Heartbeat) -> str:
        return "Alive" if clock.now() - beat.beat_at < timedelta(seconds=60) else "Silent"

    @display(description="Age")
    def show_age(self, beat: Heartbeat) -> str:
        seconds = (clock.now() - beat.beat_at).total_seconds()
        return f"{seconds:.0f} s" if seconds < 120 else timesince(beat.beat_at, clock.now())

    @display(description="Detail")
    def show_detail(self, beat: Heartbeat) -> Any:
        return format_html("{}", pretty(beat.detail))
