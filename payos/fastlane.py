"""The short way to the payment webhook: past the console's middleware, which it needs none of.

Sessions, CSRF, messages and the content policy are for people in browsers; a processor's message proves itself by its
signature. What stays: the request's identity (id, address), Django's signals that keep database connections in order, and
everything that the view itself checks. Any other path, and plain HTTP where HTTPS is demanded, takes the ordinary way.
Measured by `manage.py bench webhook`; see docs/decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core import signals
from django.core.handlers.wsgi import WSGIRequest, get_path_info
from django.http import HttpResponse

PREFIX = "/api/v1/payments/webhook"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class FastLane:
    def __init__(self, application: Application) -> None:
        from ingestion import webhook
        from payos.kernel.middleware import request_identity

        self.application = application
        self.receive = request_identity(lambda request: webhook.receive(request, getattr(request, "payos_channel", "generic")))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        channel = self._channel(environ)
        if channel is None:
            return self.application(environ, start_response)
        signals.request_started.send(sender=type(self), environ=environ)
        request = WSGIRequest(environ)
        request.payos_channel = channel  # type: ignore[attr-defined]
        response: HttpResponse = self.receive(request)
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Length"] = str(len(response.content))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        # Closing the response, which the server does, tells Django that the request is over.
        return response

    def _channel(self, environ: dict[str, Any]) -> str | None:
        path = get_path_info(environ)
        if not path.startswith(PREFIX) or (settings.SECURE_SSL_REDIRECT and not self._secure(environ)):
            return None
        rest = path[len(PREFIX) :]
        if not rest:
            return "generic"
        return rest[1:] if rest[0] == "/" and len(rest) > 1 and "/" not in rest[1:] else None

    def _secure(self, environ: dict[str, Any]) -> bool:
        return WSGIRequest(environ).is_secure()
