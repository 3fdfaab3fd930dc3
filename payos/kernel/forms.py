"""Forms of the console's dialogs: an action that changes something shows one on GET and acts on POST with its token."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import BaseDialogForm as DialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

__all__ = ["DialogForm", "PlainFileInput", "ReasonForm"]


class ReasonForm(DialogForm):
    reason = forms.CharField(max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="Kept in the audit trail.")


class PlainFileInput(forms.FileInput):
    """Unfold writes the name of the chosen file into the first text field that it finds three levels up: here into one of its
    own. Without it the name lands in whatever field of the form comes first, and is sent as that field's value."""

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        return format_html('<span><span><span>{}</span></span><input type="text" hidden disabled></span>', super().render(*args, **kwargs))
