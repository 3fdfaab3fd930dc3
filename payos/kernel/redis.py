"""One place that knows where Redis is. Redis may vanish at any moment: callers treat it as a hint, never as truth."""

from __future__ import annotations

from functools import lru_cache

import redis
from django.conf import settings

TIMEOUT = 0.5


def redis_url() -> str:
    if settings.REDIS_URL:
        return str(settings.REDIS_URL)
    from payos import embedded

    return embedded.redis_url()


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """A shared client with short timeouts: a dead Redis must cost half a second, not a request."""
    return redis.Redis.from_url(redis_url(), socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, health_check_interval=30)


Unavailable = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, redis.exceptions.BusyLoadingError)
