"""Who is calling: API keys for partners, passwords with lock-out and a second factor for staff."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.db.models import F
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from partners import services
from partners.models import ApiKey, User
from payos.kernel import audit, clock
from payos.kernel.errors import Problem


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[ApiKey, ApiKey]:
        header = request.headers.get("Authorization", "")
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Problem("authentication_required")
        key = services.api_key_find(secret.strip())
        if key is None:
            raise Problem("key_revoked", "This API key is unknown, revoked or expired.")
        return key, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="PayOS"'


class LockingBackend(AuthenticationBackend):
    """Passwords, with a lock after repeated failures. Counted in Postgres: a lost cache unlocks nobody."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:
        login = credentials.get("username") or credentials.get("email") or ""
        account = User.objects.filter(username__iexact=login).first() or User.objects.filter(email__iexact=login).first()
        if account is not None and account.locked:
            return None
        user = super().authenticate(request, **credentials)
        if account is None:
            return user
        if user is None:
            self._failed(account)
        elif account.failed_logins:
            User.objects.filter(pk=account.pk).update(failed_logins=0, locked_until=None)
        return user

    def _failed(self, account: User) -> None:
        User.objects.filter(pk=account.pk).update(failed_logins=F("failed_logins") + 1)
        account.refresh_from_db(fields=["failed_logins"])
        audit.record(action="login.failed", subject=account, after={"failures": account.failed_logins})
        if account.failed_logins >= settings.LOGIN_FAILURE_LIMIT:
            until = clock.now() + timedelta(minutes=settings.LOGIN_LOCK_MINUTES)
            User.objects.filter(pk=account.pk).update(locked_until=until, failed_logins=0)
            audit.record(action="login.locked", subject=account, after={"until": until.isoformat()})


class StaffAccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """The lock in Postgres counts failures; allauth's own counter would live in the cache."""
