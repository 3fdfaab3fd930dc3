from operations.models.alert import Alert, AlertChannel, AlertNotice, AlertRule, MetricSample
from operations.models.approval import Approval, ApprovalLimit
from operations.models.case import Case, CaseEvent, CaseReference, SavedView, Sla

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertNotice",
    "AlertRule",
    "Approval",
    "ApprovalLimit",
    "Case",
    "CaseEvent",
    "CaseReference",
    "MetricSample",
    "SavedView",
    "Sla",
]
