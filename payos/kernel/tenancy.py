"""Who the current code acts for, carried into Postgres by every transaction.

A `Scope` lives in a context variable. The database backend (`payos.kernel.db`) writes it with SET LOCAL
before the first statement of every transaction, so row-level security holds for ORM and raw SQL alike.
Without a scope the application role sees no tenant row at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Scope:
    partner_id: uuid.UUID | None = None
    livemode: bool | None = None
    platform: bool = False
    actor: str = ""
    ip: str = ""
    request_id: str = ""
    reason: str = ""

    def settings(self) -> dict[str, str]:
        return {
            "payos.tenant": str(self.partner_id or ""),
            "payos.livemode": "" if self.livemode is None else str(self.livemode).lower(),
            "payos.platform": "on" if self.platform else "",
            "payos.actor": self.actor,
            "payos.ip": self.ip,
            "payos.request_id": self.request_id,
            "payos.reason": self.reason,
        }


NO_SCOPE = Scope()
_scope: ContextVar[Scope] = ContextVar("payos_scope", default=NO_SCOPE)


class NoTenant(RuntimeError):
    """Code that needs a tenant ran without one."""


def current() -> Scope:
    return _scope.get()


def current_partner_id() -> uuid.UUID:
    partner_id = _scope.get().partner_id
    if partner_id is None:
        raise NoTenant("no tenant is set: open tenant_scope(partner_id) around this call")
    return partner_id


@contextmanager
def _use(scope: Scope) -> Iterator[Scope]:
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


@contextmanager
def tenant_scope(partner_id: uuid.UUID | str, livemode: bool | None = None, **who: str) -> Iterator[Scope]:
    """Act for one partner; `livemode` None sees its live and its test rows."""
    partner_id = partner_id if isinstance(partner_id, uuid.UUID) else uuid.UUID(str(partner_id))
    scope = replace(_scope.get(), partner_id=partner_id, livemode=livemode, platform=False, **who)
    with _use(scope):
        yield scope


@contextmanager
def platform_scope(reason: str = "", **who: str) -> Iterator[Scope]:
    """Act for the platform: every tenant's rows are visible. For staff, the clock and maintenance."""
    scope = replace(_scope.get(), partner_id=None, livemode=None, platform=True, **who)
    with _use(replace(scope, reason=reason) if reason else scope):
        yield scope


@contextmanager
def no_scope() -> Iterator[Scope]:
    with _use(NO_SCOPE):
        yield NO_SCOPE


def arriving(*, ip: str, request_id: str) -> AbstractContextManager[Scope]:
    """A request comes in: whoever was acted for before, here is nobody yet."""
    return _use(Scope(ip=ip, request_id=request_id))


@contextmanager
def acting(**who: str) -> Iterator[Scope]:
    """Add actor, ip, request_id or reason to the current scope; the audit trail reads them."""
    with _use(replace(_scope.get(), **who)) as scope:  # type: ignore[arg-type]
        yield scope
