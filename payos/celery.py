"""The Celery application. Queues are apart so that a long reconciliation never delays a settlement window."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payos.settings")

app = Celery("payos")
# Named by its path so that it is read when first needed: reading it may start the embedded Valkey.
app.config_from_object("payos.celery_config")
app.autodiscover_tasks()
