"""Commands of ingestion: recording payments, working the staging table, sources, reversals, holding periods."""

from ingestion.services.connectors import run_connector, run_due, test_connector
from ingestion.services.files import path_of, process_file, receive_file, stored
from ingestion.services.holding import release_due
from ingestion.services.partitions import detach_month, forget_old_references, make_partitions
from ingestion.services.profiles import (
    check_profile,
    find_profile,
    preview_profile,
    profile_names,
    save_profile,
    suggest_profile,
    users_of,
)
from ingestion.services.recording import PaymentIn, Recorded, check, record
from ingestion.services.rereading import compare_readings, read_again
from ingestion.services.reversals import reverse_payment
from ingestion.services.sources import source_create, source_rotate
from ingestion.services.staging import BatchResult, process_all, process_batch
from ingestion.services.store import store_fault, watch_store

__all__ = [
    "BatchResult",
    "PaymentIn",
    "Recorded",
    "check",
    "check_profile",
    "compare_readings",
    "detach_month",
    "find_profile",
    "forget_old_references",
    "make_partitions",
    "path_of",
    "preview_profile",
    "process_all",
    "process_batch",
    "process_file",
    "profile_names",
    "read_again",
    "receive_file",
    "record",
    "release_due",
    "reverse_payment",
    "run_connector",
    "run_due",
    "save_profile",
    "source_create",
    "source_rotate",
    "store_fault",
    "stored",
    "suggest_profile",
    "test_connector",
    "users_of",
    "watch_store",
]
