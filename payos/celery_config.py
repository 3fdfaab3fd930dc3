"""Celery's settings. The effect of a task is protected by its own unique rows, never by the broker."""

from payos.kernel.redis import redis_url
from payos.schedule import SCHEDULE

broker_url = redis_url()
result_backend = None
task_ignore_result = True
broker_connection_retry_on_startup = True
broker_transport_options = {"visibility_timeout": 3600, "socket_keepalive": True, "queue_order_strategy": "priority"}
task_acks_late = True
task_reject_on_worker_lost = True
worker_prefetch_multiplier = 1
task_time_limit = 3600
task_soft_time_limit = 3300
task_serializer = "json"
accept_content = ["json"]
timezone = "UTC"
enable_utc = True
task_default_queue = "default"
task_routes = {
    "settlement.*": {"queue": "settlement"},
    "reconciliation.*": {"queue": "reconciliation"},
    "webhooks.*": {"queue": "webhooks"},
}
beat_scheduler = "payos.kernel.beat:Scheduler"
worker_hijack_root_logger = False
worker_max_tasks_per_child = 2000
beat_schedule = SCHEDULE
