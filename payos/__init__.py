"""The PayOS project: settings, URLs, the Celery application and the kernel that every app stands on."""

from payos.celery import app as celery_app

__all__ = ["celery_app"]
