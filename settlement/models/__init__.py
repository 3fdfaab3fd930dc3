from settlement.models.batch import AchFile, Correction, SettlementBatch, SettlementWindow, WindowRule
from settlement.models.rail import Halt, Rail, RailCursor
from settlement.models.transfer import (
    RailCallback,
    RoutingDecision,
    Submission,
    Transfer,
    TransferBatch,
)

__all__ = [
    "AchFile",
    "Correction",
    "Halt",
    "Rail",
    "RailCallback",
    "RailCursor",
    "RoutingDecision",
    "SettlementBatch",
    "SettlementWindow",
    "Submission",
    "Transfer",
    "TransferBatch",
    "WindowRule",
]
