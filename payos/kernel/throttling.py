"""Rate limits per API key, told in RateLimit headers. Counted in Redis; without Redis nobody is refused."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from payos.kernel import redis


class KeyThrottle(BaseThrottle):
    def allow_request(self, request: Request, view: Any) -> bool:
        key: Any = request.auth
        if key is None:
            return True
        quota, window = key.rate_limit or settings.API_RATE_LIMIT, settings.API_RATE_WINDOW
        moment = time.time()
        self._reset = window - moment % window
        used = _count(f"payos:rate:{request.auth.pk}:{int(moment // window)}", window)
        request._request.payos_headers = {  # type: ignore[attr-defined]
            "RateLimit-Policy": f'"default";q={quota};w={window}',
            "RateLimit": f'"default";r={max(0, quota - used)};t={int(self._reset) + 1}',
        }
        return used <= quota

    def wait(self) -> float:
        return max(1.0, self._reset)


def _count(key: str, window: int) -> int:
    try:
        pipe = redis.client().pipeline(transaction=False)
        pipe.incr(key)
        pipe.expire(key, window + 5)
        return int(pipe.execute()[0])
    except redis.Unavailable:
        return 0
