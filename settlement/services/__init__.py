"""Commands of settlement: accepting transfers, closing windows, sending, recording outcomes, switching rails."""

from settlement.services.accepting import accept, accept_batch, transfer_cancel
from settlement.services.asking import ask_due
from settlement.services.checking import TransferIn, check_items
from settlement.services.closing import close_due_windows, close_now, close_window, next_window
from settlement.services.executing import execute_rail
from settlement.services.files import read_files, send_files, settle_files_due
from settlement.services.monitor import find_late, find_late_batches
from settlement.services.outcomes import apply
from settlement.services.rails import halt_all, rail_off, rail_on, resume_all
from settlement.services.resending import retry_batch, transfer_retry
from settlement.services.rules import check_rule, export_rules, import_rules, preview, rule_save
from settlement.services.sweeping import sweep

__all__ = [
    "TransferIn",
    "accept",
    "accept_batch",
    "apply",
    "ask_due",
    "check_items",
    "check_rule",
    "close_due_windows",
    "close_now",
    "close_window",
    "execute_rail",
    "export_rules",
    "find_late",
    "find_late_batches",
    "halt_all",
    "import_rules",
    "next_window",
    "preview",
    "rail_off",
    "rail_on",
    "read_files",
    "resume_all",
    "retry_batch",
    "rule_save",
    "send_files",
    "settle_files_due",
    "sweep",
    "transfer_cancel",
    "transfer_retry",
]
