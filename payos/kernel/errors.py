"""Errors a person can meet: RFC 9457 problem+json with stable codes.

Every code stands once in `CODES` (an app adds its own with `register` when it is imported); the table in
`docs/partner/errors.md` is generated from it by `manage.py error_table`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TYPE_BASE = "urn:payos:problem:"


@dataclass(frozen=True, slots=True)
class Code:
    code: str
    status: int
    title: str
    remedy: str = ""


CODES: dict[str, Code] = {}


def register(code: str, status: int, title: str, remedy: str = "") -> str:
    known = CODES.get(code)
    entry = Code(code, status, title, remedy)
    if known is not None and known != entry:
        raise ValueError(f"problem code {code!r} is registered twice with different meanings")
    CODES[code] = entry
    return code


class Problem(Exception):
    """Something a caller did or met. `errors` points at fields: [{pointer, code, detail}]."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.entry = CODES[code]
        self.code = code
        self.detail = detail or self.entry.remedy or self.entry.title
        self.errors = errors or []
        self.headers = headers or {}
        self.extra = extra
        super().__init__(f"{code}: {self.detail}")

    @property
    def status(self) -> int:
        return self.entry.status

    def as_dict(self, *, instance: str = "", request_id: str = "") -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": TYPE_BASE + self.code,
            "title": self.entry.title,
            "status": self.entry.status,
            "detail": self.detail,
            "code": self.code,
        }
        if instance:
            body["instance"] = instance
        if request_id:
            body["request_id"] = request_id
        if self.errors:
            body["errors"] = self.errors
        return body | self.extra


register("invalid_request", 400, "The request is not valid", "Read `errors`: each names the field and what to change.")
register("malformed_body", 400, "The body cannot be read", "Send one JSON object in UTF-8.")
register(
    "idempotency_key_missing",
    400,
    "The Idempotency-Key header is missing",
    "Send a fresh unique key with every new write and the same key with its retries.",
)
register("idempotency_key_invalid", 400, "The Idempotency-Key header is not valid", "Use 1 to 255 printable characters.")
register("version_unknown", 400, "The PayOS-Version header names no version", "Leave it out to use the version pinned to the key.")
register("authentication_required", 401, "No valid API key was sent", "Send `Authorization: Bearer sk_...`.")
register("key_revoked", 401, "The API key is no longer valid", "Use the key that replaced it, or make a new one.")
register("permission_denied", 403, "The API key may not do this", "Use a key with the scope named in `detail`.")
register("not_found", 404, "There is no such thing", "Check the id, and that the key is of the same mode (test or live).")
register("method_not_allowed", 405, "This address does not take that method", "")
register("not_acceptable", 406, "No such representation", "Ask for application/json.")
register("conflict", 409, "It was changed meanwhile", "Read it again and repeat the change if it still applies.")
register("idempotency_in_flight", 409, "The first request with this key is still running", "Wait as long as Retry-After says and repeat.")
register("invalid_state", 409, "Its state does not allow this", "Read it again: the detail says in which state it is.")
register("payload_too_large", 413, "The body is too large", "Send less at once; the detail names the limit.")
register("unsupported_media_type", 415, "The body has a type that this address does not read", "Send application/json.")
register("idempotency_key_reused", 422, "The key was used for another request", "Use a new key for a new request.")
register("unprocessable", 422, "The request cannot be carried out", "")
register("rate_limited", 429, "Too many requests", "Wait as long as Retry-After says.")
register(
    "internal_error",
    500,
    "Something failed on our side",
    "Nothing was done. Repeat with the same Idempotency-Key; quote the request id if it stays.",
)
register("unavailable", 503, "A part that this needs is not available", "Repeat later with the same Idempotency-Key.")
