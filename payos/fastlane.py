"""The short way to the payment webhook: past the console's middleware, which it needs none of.

Sessions, CSRF, messages and the content policy are for people in browsers; a processor's message proves itself by its
signature. What stays: the request's identity (id, address) and everything that the endpoint itself checks. The database
connection is looked after where it is used (`payos.kernel.db.prepared`), since most requests share another's. Any other path,
and plain HTTP where HTTPS is demanded, takes the ordinary way. Measured by `manage.py bench webhook`; see docs/decisions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest, get_path_info

from payos.kernel import tenancy
from payos.kernel.errors import Problem
from payos.kernel.middleware import client_ip, request_id_of

PREFIX = "/api/v1/payments/webhook"
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
REASONS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
PLAIN = {"CONTENT-TYPE": "CONTENT_TYPE", "CONTENT-LENGTH": "CONTENT_LENGTH"}
log = logging.getLogger("payos.ingestion")


class Headers(Mapping[str, str]):
    """The request's headers by any spelling, read from WSGI's own when asked for."""

    def __init__(self, meta: dict[str, Any]) -> None:
        self.meta = meta

    def __getitem__(self, name: str) -> str:
        upper = name.upper()
        return str(self.meta[PLAIN.get(upper) or "HTTP_" + upper.replace("-", "_")])

    def __iter__(self) -> Iterator[str]:
        return (name[5:].replace("_", "-").title() for name in self.meta if name.startswith("HTTP_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Message:
    """A request as the webhook endpoint reads it."""

    def __init__(self, environ: dict[str, Any], path: str) -> None:
        self.META, self.path = environ, path
        self.method: str | None = str(environ["REQUEST_METHOD"]).upper()
        self.headers = Headers(environ)
        self._body: bytes | None = None

    @property
    def GET(self) -> Mapping[str, str]:
        query = self.META.get("QUERY_STRING", "")
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=None)) if query else {}

    @property
    def body(self) -> bytes:
        """At most as long as was said; the endpoint has looked at that before it asks."""
        if self._body is None:
            length = int(self.META.get("CONTENT_LENGTH") or 0)
            self._body = self.META["wsgi.input"].read(length) if length else b""
        return self._body


class FastLane:
    def __init__(self, application: Application) -> None:
        from ingestion import webhook

        self.application = application
        self.respond = webhook.respond

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = get_path_info(environ)
        channel = self._channel(environ, path)
        if channel is None:
            return self.application(environ, start_response)
        message = Message(environ, path)
        request_id = request_id_of(message.headers)
        with tenancy.arriving(ip=client_ip(message), request_id=request_id):
            try:
                status, headers, body = self.respond(message, channel)
            except Exception:
                log.exception("webhook.failed")
                status, headers, body = (
                    500,
                    {"Content-Type": "application/problem+json"},
                    json.dumps(Problem("internal_error").as_dict(instance=path, request_id=request_id)).encode(),
                )
        named = [*headers.items(), ("Request-Id", request_id), ("X-Content-Type-Options", "nosniff"), ("Content-Length", str(len(body)))]
        start_response(REASONS[status], named)
        return [body]

    def _channel(self, environ: dict[str, Any], path: str) -> str | None:
        if not path.startswith(PREFIX) or (settings.SECURE_SSL_REDIRECT and not self._secure(environ)):
            return None
        rest = path[len(PREFIX) :]
        if not rest:
            return "generic"
        return rest[1:] if rest[0] == "/" and len(rest) > 1 and "/" not in rest[1:] else None

    def _secure(self, environ: dict[str, Any]) -> bool:
        return WSGIRequest(environ).is_secure()
