"""Forms of the console's dialogs: an action that changes something shows one on GET and acts on POST with its token."""

from __future__ import annotations

from django import forms
from unfold.forms import BaseDialogForm as DialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

__all__ = ["DialogForm", "ReasonForm"]


class ReasonForm(DialogForm):
    reason = forms.CharField(
        max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="Kept in the audit trail."
    )
