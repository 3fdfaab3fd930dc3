"""The exception queue: a list and the open case side by side."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from operations import selectors, services, subjects
from operations.admin import case_acts
from operations.case_actions import actions_for, section_of, suggested_for
from operations.models import Case, SavedView, Sla
from operations.models.case import Severity
from operations.pages import answer, needs, page
from operations.templatetags.payos import span, words
from payos.kernel import clock, ids, money
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin
from payos.kernel.errors import Problem

LIST = "admin:operations_case_changelist"


class SlaForm(forms.ModelForm):
    """The amount as people write it; it is kept in minor units."""

    minimum = forms.CharField(
        required=False,
        label="From the amount",
        widget=UnfoldAdminTextInputWidget,
        help_text="In the currency, for example 1000.00. Empty: any amount.",
    )

    class Meta:
        model = Sla
        fields = ["order", "kind", "currency", "severity", "minutes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.currency and self.instance.minimum_minor:
            self.fields["minimum"].initial = money.to_decimal_str(self.instance.minimum_minor, self.instance.currency)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        text, currency = str(data.get("minimum") or "").strip(), str(data.get("currency") or "")
        if text and not currency:
            self.add_error("currency", "An amount needs its currency.")
        elif text:
            try:
                self.instance.minimum_minor = money.parse_minor(text, currency)
            except money.MoneyError as error:
                self.add_error("minimum", str(error))
        else:
            self.instance.minimum_minor = 0
        return data


def queue_address(query: str) -> str:
    """The queue with these filters; without any it says so, or the person's own first view would come instead."""
    return f"{reverse(LIST)}?{query or 'view=all'}"


def case_or_404(key: uuid.UUID) -> Case:
    try:
        return Case.objects.select_related("partner", "branch", "assignee", "resolved_by").get(pk=key)
    except Case.DoesNotExist:
        raise Http404(f"There is no case {key}") from None


@admin.register(Case)
class CaseAdmin(ReadOnlyModelAdmin):
    search_fields = ["=words__text"]  # for the command palette; a pasted id is found by its prefix
    list_display = ["title"]

    def get_urls(self) -> list[Any]:
        site = self.admin_site.admin_view
        return [
            path("", site(require_GET(self.queue)), name="operations_case_changelist"),
            path("bulk/preview/", site(require_POST(self.bulk_preview)), name="operations_case_bulk_preview"),
            path("bulk/undo/", site(require_POST(self.undo_bulk)), name="operations_case_undo_bulk"),
            path("bulk/", site(require_POST(self.bulk)), name="operations_case_bulk"),
            path("views/", site(require_POST(self.save_view)), name="operations_case_save_view"),
            path("views/<uuid:key>/change/", site(require_POST(self.change_view)), name="operations_case_change_view"),
            path("views/<uuid:key>/delete/", site(require_POST(self.delete_view)), name="operations_case_delete_view"),
            path("<uuid:key>/pane/", site(require_GET(self.pane)), name="operations_case_pane"),
            path("<uuid:key>/act/<slug:act>/", site(require_POST(self.act)), name="operations_case_act"),
            path("<uuid:key>/change/", site(require_GET(self.case_page)), name="operations_case_change"),
        ]

    @needs("operations.view_case")
    def queue(self, request: HttpRequest) -> HttpResponse:
        saved = list(SavedView.objects.filter(user=request.user))  # type: ignore[misc]
        opens = next((view for view in saved if view.opens), None)
        if opens is not None and not request.GET:
            return HttpResponseRedirect(queue_address(opens.query))
        filters = selectors.Filters.read(request.GET)
        found = selectors.queue_page(filters, request.user)
        if not found.cases and filters.page > 1:
            return HttpResponseRedirect(f"{reverse(LIST)}?{filters.query(p=1)}")
        chosen = self._chosen(request, found)
        context = {
            "filters": filters,
            "found": found,
            "chosen": chosen,
            "now": clock.now(),
            "views": [(name, label, filters.query(view=name, p=1) or "view=all") for name, label in selectors.VIEWS.items()],
            "counts": selectors.counts(request.user),
            "kinds": selectors.facets("kind"),
            "severities": [(str(value), name) for value, name in reversed(Severity.choices)],
            "sorts": [("due", "Most urgent first"), ("amount", "Largest first"), ("age", "Oldest first"), ("newest", "Newest first")],
            "rails": selectors.facets("rail"),
            "saved": saved,
            "done": request.session.pop("bulk_done", None),
            "may_work": request.user.has_perm("operations.work_case"),  # type: ignore[union-attr]
            "may_save": request.user.has_perm("operations.add_savedview"),  # type: ignore[union-attr]
            "snoozes": case_acts.SNOOZES,
            "resolutions": case_acts.RESOLUTIONS,
            "workers": case_acts.workers(),
            "query": filters.query(),
            "next_page": filters.query(p=filters.page + 1),
            "previous_page": filters.query(p=filters.page - 1),
        }
        if chosen is not None:
            context |= self._pane_context(request, chosen)
        return page(request, "operations/queue.html", "Exception queue", **context)

    def _chosen(self, request: HttpRequest, found: selectors.Page) -> Case | None:
        wanted = request.GET.get("case", "")
        if wanted:
            try:
                return case_or_404(ids.decode("cas", wanted))
            except (ids.InvalidId, Http404):
                messages.error(request, f"There is no case {wanted[:60]!r}.")
        return case_or_404(found.cases[0].pk) if found.cases else None

    @needs("operations.view_case")
    def pane(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        case = case_or_404(key)
        return HttpResponse(render_to_string("operations/pane.html", self._pane_context(request, case), request))

    @needs("operations.view_case")
    def case_page(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        case = case_or_404(key)
        return page(request, "operations/case.html", case.title, **self._pane_context(request, case), alone=True)

    def _pane_context(self, request: HttpRequest, case: Case) -> dict[str, Any]:
        user: Any = request.user
        text, address = subjects.link(case.subject_type, case.subject_id)
        events = list(case.events.order_by("-id")[:100])
        return {
            "case": case,
            "events": events,
            "approvals": case.approvals.select_related("requested_by", "decided_by").order_by("-id")[:10],
            "subject_text": text,
            "subject_link": address,
            "actions": (actions := actions_for(case, user)),
            "suggested": suggested_for(case, user, actions),
            "section": section_of(case, request),  # safe where it was rendered, escaped where it was not
            "may_work": user.has_perm("operations.work_case"),
            "held": case.state == "claimed" and case.assignee_id != user.pk and case.lease_until and case.lease_until > clock.now(),
            "mine": case.assignee_id == user.pk,
            "snoozes": case_acts.SNOOZES,
            "resolutions": case_acts.RESOLUTIONS,
            "workers": case_acts.workers(),
            "now": clock.now(),
        }

    @needs("operations.work_case")
    def act(self, request: HttpRequest, key: uuid.UUID, act: str) -> HttpResponse:
        case = case_or_404(key)
        return answer(
            request,
            lambda: case_acts.run(act, case, request.user, request.POST),
            f"{reverse(LIST)}?case={case.public_id}",
            case=str(case.pk),
        )

    def _selected(self, request: HttpRequest) -> list[uuid.UUID]:
        try:
            chosen = [uuid.UUID(text) for text in request.POST.getlist("case")[: services.BULK_LIMIT + 1]]
        except ValueError:
            raise Problem("unprocessable", "One of the chosen cases has no valid id: reload the page and choose again.") from None
        if request.POST.get("everything") == "1":
            # All that the filter shows, not only this page.
            from django.http import QueryDict

            filters = selectors.Filters.read(QueryDict(request.POST.get("query", "")))
            chosen = list(selectors.queue(filters, request.user).values_list("pk", flat=True)[: services.BULK_LIMIT + 1])
        if not chosen:
            raise Problem("unprocessable", "No case is chosen: tick some first.")
        return chosen

    @needs("operations.work_case")
    def bulk_preview(self, request: HttpRequest) -> HttpResponse:
        try:
            seen = services.preview_bulk(act=request.POST.get("act", ""), user=request.user, case_ids=self._selected(request))
        except Problem as problem:
            return JsonResponse({"ok": False, "message": problem.detail}, status=problem.status)
        amounts = ", ".join(money.display(total, currency) for currency, total in seen.amounts) or "no amount"
        text = f"{seen.count} case{'' if seen.count == 1 else 's'}, {amounts}."
        if seen.skipped:
            text += f" Left out: {', '.join(seen.left_out)}."
        return JsonResponse({"ok": True, "count": seen.count, "message": text})

    @needs("operations.work_case")
    def bulk(self, request: HttpRequest) -> HttpResponse:
        def act() -> str:
            name, chosen, bulk_id = request.POST.get("act", ""), self._selected(request), uuid.uuid4().hex
            seen = services.preview_bulk(act=name, user=request.user, case_ids=chosen)
            done = services.apply_bulk(
                act=name,
                user=request.user,
                case_ids=chosen,
                reason=request.POST.get("reason", ""),
                until=case_acts.snooze_until(request.POST.get("until", "")) if name == "snooze" else None,
                assignee=case_acts.person(request.POST.get("assignee", "")) if name == "assign" else None,
                resolution=case_acts.resolution(request.POST.get("resolution", "")) if name == "resolve" else "",
                bulk_id=bulk_id,
            )
            left = f" Left as they are: {', '.join(seen.left_out)}." if seen.left_out else ""
            text = f"{done} case{'' if done == 1 else 's'} {case_acts.BULK_DONE[name]}."
            if done and name != "comment":
                request.session["bulk_done"] = {"id": bulk_id, "text": text}
            return text + left

        return answer(request, act, queue_address(request.POST.get("query", "")[:500]))

    @needs("operations.work_case")
    def undo_bulk(self, request: HttpRequest) -> HttpResponse:
        def act() -> str:
            back, stay = services.undo_bulk(user=request.user, bulk_id=request.POST.get("bulk", "")[:40])
            kept = f" {stay} changed since and stay{'s' if stay == 1 else ''} as {'it is' if stay == 1 else 'they are'}." if stay else ""
            return f"Taken back: {back} case{'' if back == 1 else 's'}.{kept}"

        return answer(request, act, queue_address(request.POST.get("query", "")[:500]))

    @needs("operations.add_savedview")
    def save_view(self, request: HttpRequest) -> HttpResponse:
        from django.http import QueryDict

        query = selectors.Filters.read(QueryDict(request.POST.get("query", ""))).query(p=1)

        def act() -> str:
            services.save_view(user=request.user, name=request.POST.get("name", ""), query=query)
            return "The view is kept."

        return answer(request, act, queue_address(query))

    @needs("operations.change_savedview")
    def change_view(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        def act() -> str:
            view = services.change_view(
                user=request.user, view_id=key, name=request.POST.get("name", ""), opens=request.POST.get("opens") == "1"
            )
            return f"The view {view.name} is kept{', and the queue opens with it' if view.opens else ''}."

        return answer(request, act, queue_address(""))

    @needs("operations.delete_savedview")
    def delete_view(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        def act() -> str:
            services.delete_view(user=request.user, view_id=key)
            return "The view is gone."

        return answer(request, act, queue_address(""))


@admin.register(Sla)
class SlaAdmin(PayosModelAdmin):
    empty_words = "Rules say how grave a case is and by when it is due. Without any, the severity alone decides."
    form = SlaForm
    list_display = ["show_kind", "show_minimum", "show_severity", "show_span", "order"]
    list_filter = ["severity"]
    search_fields = ["kind"]
    search_help_text = "Kind of case"
    ordering = ["order", "-minimum_minor"]
    fields = ["order", "kind", "currency", "minimum", "severity", "minutes"]

    @display(description="Kind of case", ordering="kind")
    def show_kind(self, row: Sla) -> str:
        return words(row.kind) if row.kind else "Every kind"

    @display(description="From the amount", ordering="minimum_minor")
    def show_minimum(self, row: Sla) -> str:
        return money.display(row.minimum_minor, row.currency) if row.currency else "any amount"

    @display(
        description="Severity", ordering="severity", label={"Critical": "danger", "High": "warning", "Medium": "info", "Low": "default"}
    )
    def show_severity(self, row: Sla) -> str:
        return row.get_severity_display()

    @display(description="Due after", ordering="minutes")
    def show_span(self, row: Sla) -> str:
        return span(timedelta(minutes=row.minutes))
