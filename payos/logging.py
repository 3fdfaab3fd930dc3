"""One way to log: structured lines that say who and for whom, and from which secrets are gone before they are written.

`config` is Django's LOGGING. Code logs with the standard library (`log.info("transfer.accepted", extra={...})`); the
formatter adds request id, tenant and actor of the current scope, removes secrets and account numbers, and renders
JSON for machines or aligned text for people. Removal looks at names of fields and at what values look like, in
messages and tracebacks too. It is the last net, not a licence to log them.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from structlog.typing import EventDict, Processor

REMOVED = "[removed]"
MAX_DEPTH = 6
MAX_ITEMS = 200
MAX_TEXT = 20_000

SECRET_NAMES = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|api_?key|private_?key|field_?keys?|hash_?key|signature"
    r"|credential|(^|_)otp($|_)|recovery_code|(^|_)(cvv|cvc|pin|pan|ssn|cpf|cnpj|curp|rfc|ein|tin|dob)($|_)|tax_?id|iban"
    r"|clabe|card_?number|account_?(number|no)($|_)|beneficiary_account|routing_?and_?account|pix_?key|msisdn",
    re.IGNORECASE,
)
# Alternatives that come first win: what must stay readable, then what must go.
VALUES = re.compile(
    r"""
    (?P<keep>
        \b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b
      | \b\d{4}-\d{2}-\d{2}(?:[T\ ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?
      | \b\d{1,7}\.\d+(?:\.\d+)*\b
      | \b[a-z]{3}_[0-9a-z]{26}\b
    )
  | (?P<url>(?<=://)[^/\s:@'"]*:[^/\s@'"]+(?=@))
  | (?P<secret>
        \bsk_(?:test|live)_[A-Za-z0-9_\-]+
      | \bwhsec_[A-Za-z0-9+/=_\-]+
      | (?<=\bBearer\ )[A-Za-z0-9._~+/=\-]+
      | (?<=\bBasic\ )[A-Za-z0-9+/=]{8,}
      | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*
      | -----BEGIN[ A-Z]*PRIVATE\ KEY-----[\s\S]*?-----END[ A-Z]*PRIVATE\ KEY-----
    )
  | (?P<named>(?P<label>\b(?i:\w{0,30}password|passwd|passphrase|\w{0,30}secret|\w{0,30}token|api_?key|private_?key|authorization)["']?\s{0,3}[=:]\s{0,3}["']?)
        (?!\[removed|Bearer\ |Basic\ |None\b|True\b|False\b)[^\s"',;&)}\]]{4,})
  | (?P<iban>\b[A-Z]{2}\d{2}(?:\ ?[A-Z0-9]{4}){2,7}(?:\ ?[A-Z0-9]{1,4})?\b)
  | (?P<digits>(?<![\w.])(?:\d{4}(?:[\ \-]\d{4}){2,4}(?:[\ \-]?\d{1,3})?|\d{2,}(?:-\d+){1,3}|\d{8,34})(?!\w))
    """,
    re.VERBOSE,
)


def _replace(match: re.Match[str]) -> str:
    kind, text = match.lastgroup, match.group()
    if kind == "keep":
        return text
    if kind in {"secret", "url"}:
        return REMOVED
    if kind == "named":
        return match["label"] + REMOVED
    digits = [character for character in text if character.isalnum()]
    if kind == "digits" and len(digits) < 8:
        return text
    return "****" + "".join(digits[-4:])


def scrub_text(text: str) -> str:
    """The text without secrets; account numbers keep their last four places."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + " ... (cut)"
    return VALUES.sub(_replace, text)


def scrub(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return scrub_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if depth >= MAX_DEPTH:
        return "(too deep)"
    if isinstance(value, Mapping):
        return {
            str(key): REMOVED if SECRET_NAMES.search(str(key)) and item not in (None, "") else scrub(item, depth + 1)
            for key, item in list(value.items())[:MAX_ITEMS]
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(item, depth + 1) for item in list(value)[:MAX_ITEMS]]
    return scrub_text(str(value))


LEFT_BY_OTHERS = ("message", "asctime")  # another handler's formatter leaves them on the record
UNTOUCHED = {"timestamp", "level", "logger", "request_id", "tenant"}


def remove_secrets(_: Any, __: str, event: EventDict) -> EventDict:
    for name in LEFT_BY_OTHERS:
        event.pop(name, None)
    kept = {name: event[name] for name in UNTOUCHED if name in event}
    return scrub({name: value for name, value in event.items() if name not in kept}) | kept  # type: ignore[no-any-return]


def add_scope(_: Any, __: str, event: EventDict) -> EventDict:
    """Who acts, for which tenant, in which request: from the scope that the database sees as well."""
    from payos.kernel import tenancy

    scope = tenancy.current()
    for name, value in (
        ("request_id", scope.request_id),
        ("tenant", str(scope.partner_id or "") or ("platform" if scope.platform else "")),
        ("actor", scope.actor),
        ("ip", scope.ip),
    ):
        if value:
            event.setdefault(name, value)
    return event


SHARED: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_scope,
]


class Formatter(structlog.stdlib.ProcessorFormatter):
    """A line that cannot be rendered is replaced by one that says so: logging never breaks the work it reports."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception as error:  # noqa: BLE001  whatever an object's own __str__ may raise
            return f'{{"level": "error", "event": "log.unreadable", "logger": "{record.name}", "error": "{type(error).__name__}"}}'


def _formatter(form: str) -> dict[str, Any]:
    renderer: Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=30)
    return {
        "()": Formatter,
        "foreign_pre_chain": SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            remove_secrets,
            renderer,
        ],
    }


def config(*, level: str, form: str) -> dict[str, Any]:
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": _formatter(form)},
        # Standard output belongs to commands and their --json.
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            "django.server": {"level": level, "handlers": [], "propagate": True},
            # Every line of the API's answers 4xx is in payos.request already.
            "django.request": {"level": "ERROR", "propagate": True},
            "django.db.backends": {"level": "INFO", "propagate": True},
            # One line a second and task says nothing that a metric does not say better.
            "celery.app.trace": {"level": "WARNING", "propagate": True},
            "celery.worker.strategy": {"level": "WARNING", "propagate": True},
            "celery.beat": {"level": "WARNING", "propagate": True},
            "httpx": {"level": "WARNING", "propagate": True},
            "httpcore": {"level": "WARNING", "propagate": True},
            "fontTools": {"level": "ERROR", "propagate": True},
            "weasyprint": {"level": "ERROR", "propagate": True},
        },
    }


QUIET = ("/healthz", "/readyz", "/metrics", "/static/")


def request_log(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """One line per request. The path without its query: names and numbers stand in queries."""
    log = logging.getLogger("payos.request")

    def handle(request: HttpRequest) -> HttpResponse:
        started = time.monotonic()
        response = get_response(request)
        if not request.path.startswith(QUIET):
            log.log(
                logging.ERROR if response.status_code >= 500 else logging.INFO,
                "request",
                extra={
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "milliseconds": round((time.monotonic() - started) * 1000, 1),
                },
            )
        return response

    return handle
