"""Base classes of every admin page. The kernel's own pages are in `adminpages.py`."""

from __future__ import annotations

import copy
from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.fields import UnfoldAdminReadonlyField

from payos.kernel import audit
from payos.kernel.reading import pretty, readings

__all__ = ["EstimatedCountPaginator", "PayosModelAdmin", "ReadOnlyModelAdmin", "needs", "pretty"]

ESTIMATE_FROM = 50_000


class EstimatedCountPaginator(Paginator):
    """Counts exactly what is small; what is large by the planner's estimate, because COUNT(*) reads every row."""

    @property
    def count(self) -> int:  # type: ignore[override]
        if not hasattr(self, "_payos_count"):
            self._payos_count = self._count()
        return self._payos_count

    def _count(self) -> int:
        objects: Any = self.object_list
        if not isinstance(objects, QuerySet):
            return len(objects)
        capped = objects.order_by()[: ESTIMATE_FROM + 1].count()
        if capped <= ESTIMATE_FROM:
            return capped
        sql, params = objects.order_by().query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (FORMAT JSON) " + sql, params)
            (plan,) = cursor.fetchone()
        return max(int(plan[0]["Plan"]["Plan Rows"]), capped)


def needs(permission: str) -> Any:
    """A method for `permissions=["x"]` of an action: `has_x_permission = needs("app.codename")`.

    Unfold looks a name with a dot up in the database while it checks the project, which fails before the
    migration that adds the permission.
    """

    def check(self: Any, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm(permission)  # type: ignore[union-attr]

    return check


class PayosModelAdmin(ModelAdmin):
    paginator = EstimatedCountPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    compressed_fields = True
    warn_unsaved_form = True
    list_select_related: Any = ()
    conditional_fields: Any = {}  # as unfold spells it
    sensitive = False  # opening a row is a look at sensitive data, and is recorded

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().change_view(request, object_id, *args, **kwargs)
        if self.sensitive and request.method == "GET" and response.status_code == 200:
            row = self.get_object(request, object_id)
            audit.record(action="viewed", subject=row if row is not None else object_id)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], add: bool = False, change: bool = False, form_url: str = "", obj: Any = None
    ) -> HttpResponse:
        shown = context["adminform"]
        shown.form.asked_by = request.user
        if self.conditional_fields and not (self.has_change_permission(request, obj) if change else add):
            # Fields that hide by what another says have nothing to ask on a page without fields.
            shown.model_admin = copy.copy(self)
            shown.model_admin.conditional_fields = {}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        """A pasted public id finds its row whatever the search fields are."""
        from payos.kernel import ids

        prefix = getattr(self.model, "public_prefix", "")
        if prefix and search_term.strip().startswith(prefix + "_"):
            try:
                return queryset.filter(pk=ids.decode(prefix, search_term.strip())), False
            except ids.InvalidId:
                return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)


class ReadOnlyModelAdmin(PayosModelAdmin):
    """A page to look at. Services write; nobody edits a row by hand."""

    actions = None  # a page without a bulk act needs no check boxes

    def __init__(self, model: Any, admin_site: Any) -> None:
        super().__init__(model, admin_site)
        self._readings = {name: f"read_{name}" for name in readings(model)}
        for name, show in readings(model).items():
            setattr(self, f"read_{name}", show)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """As a person reads them; the currency is said by the amounts."""
        named = super().get_fields(request, obj)
        money = any(name.endswith("_minor") for name in self._readings)
        return [self._read(name) for name in named if self.fields or not (money and name == "currency")]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            (title, {**options, "fields": [self._read(name) for name in options["fields"]]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def _read(self, name: Any) -> Any:
        return self._readings.get(name, name) if isinstance(name, str) else [self._read(one) for one in name]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _linked(self: UnfoldAdminReadonlyField, remote_field: Any, remote_obj: Any) -> Any:
    """A row's neighbour as a link for whoever may open it, as its name for everybody else: no link leads to a refusal."""
    neighbour = self.model_admin.admin_site._registry.get(remote_field.model)
    user = getattr(self.form, "asked_by", None)
    opts = remote_field.model._meta
    if (
        neighbour is None
        or user is None
        or not any(user.has_perm(f"{opts.app_label}.{act}_{opts.model_name}") for act in ("view", "change"))
    ):
        return str(remote_obj)
    return _link(self, remote_field, remote_obj)


_link = UnfoldAdminReadonlyField.get_admin_url
UnfoldAdminReadonlyField.get_admin_url = _linked


def autodiscovered() -> None:
    """Django looks for pages in `admin.py`; importing the others from here registers them."""
    from payos.kernel import adminpages  # noqa: F401


autodiscovered()
