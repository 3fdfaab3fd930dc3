"""The Celery application. Queues are apart so that a long reconciliation never delays a settlement window."""

from __future__ import annotations

import gc
import os
from contextlib import suppress
from typing import Any

from celery import Celery, signals
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payos.settings")

app = Celery("payos")
# Named by its path so that it is read when first needed: reading it may start the embedded Valkey.
app.config_from_object("payos.celery_config")
app.autodiscover_tasks()


@signals.worker_ready.connect
def _warm_the_caches(**_: Any) -> None:
    """A fresh start, perhaps with an empty Redis: the newest references are known again before the first repeat arrives."""
    with suppress(OperationalError):
        app.send_task("ingestion.tasks.warm_dedup", expires=300, retry=False)


@signals.setup_logging.connect
def _log_as_everyone_does(**_: Any) -> None:
    """Celery leaves logging alone: Django has set it up by then, secrets removed and all."""


@signals.worker_init.connect
@signals.worker_process_init.connect
def _keep_what_is_loaded(**_: Any) -> None:
    """What is loaded by now stays: a full collection would walk all of it again and again."""
    gc.collect()
    gc.freeze()
