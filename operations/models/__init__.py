from operations.models.approval import Approval, ApprovalLimit
from operations.models.case import Case, CaseEvent, SavedView, Sla

__all__ = ["Approval", "ApprovalLimit", "Case", "CaseEvent", "SavedView", "Sla"]
