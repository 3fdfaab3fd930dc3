"""What other apps and pages call: cases, work on them, bulk acts and approvals.

Cases: `open_case`, `open_cases` (many at once), `resolve_by_cause`. The cause key is unique over all partners: build
it from the id of what is wrong, for example f"statement:{statement.pk}:out_of_balance".
Work: `claim`, `release`, `assign`, `snooze`, `comment`, `resolve`, `undo`, `viewed`, `wake_up`, and
`register_undo(resolution, handler)` for a resolution whose effects elsewhere can be taken back.
Approvals: `register_approval_action`, `needs_approval`, `request_approval`, `decide_approval`; see `approvals.py` for
what an action's preview, fingerprint and execute are given.
"""

from operations.services.approvals import (
    current_preview,
    decide_approval,
    expire_approvals,
    needs_approval,
    register_approval_action,
    request_approval,
)
from operations.services.bulk import LIMIT as BULK_LIMIT
from operations.services.bulk import apply_bulk, preview_bulk, undo_bulk
from operations.services.golive import ask_go_live
from operations.services.limits import ask_limit
from operations.services.opening import open_case, open_cases, resolve_by_cause
from operations.services.views import change_view, delete_view, save_view
from operations.services.watch import watch_approvals, watch_ledger
from operations.services.work import (
    LEASE,
    amend_resolution,
    assign,
    claim,
    comment,
    register_undo,
    release,
    resolve,
    restate,
    snooze,
    undo,
    viewed,
    wake_up,
)

__all__ = [
    "BULK_LIMIT",
    "LEASE",
    "amend_resolution",
    "apply_bulk",
    "ask_go_live",
    "ask_limit",
    "assign",
    "change_view",
    "claim",
    "comment",
    "current_preview",
    "decide_approval",
    "delete_view",
    "expire_approvals",
    "needs_approval",
    "open_case",
    "open_cases",
    "preview_bulk",
    "register_approval_action",
    "register_undo",
    "release",
    "request_approval",
    "resolve",
    "resolve_by_cause",
    "restate",
    "save_view",
    "snooze",
    "undo",
    "undo_bulk",
    "viewed",
    "wake_up",
    "watch_approvals",
    "watch_ledger",
]
