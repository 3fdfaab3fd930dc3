"""Commands on partners, branches, people and keys."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from partners import registry
from partners.models import ApiKey, Branch, Partner, User
from payos.kernel import audit, clock, crypto, tenancy
from payos.kernel.errors import Problem, register
from payos.kernel.money import is_currency

register("partner_exists", 422, "A partner of that name exists", "Choose another name.")
register("branch_exists", 422, "A branch with that code exists", "Choose another code.")
register("live_not_enabled", 422, "The partner is not live yet", "Ask for go-live: a second person approves it.")
register("person_exists", 422, "A person of that user name exists", "Choose another user name.")
KEY_PURPOSE = "api-key"


def field(pointer: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": detail}


def check_zone(name: str) -> None:
    try:
        clock.tz(name)
    except ValueError as error:
        raise Problem("invalid_request", errors=[field("/timezone", "time_zone", str(error))]) from None


@transaction.atomic
def partner_create(
    *,
    name: str,
    country: str = "US",
    timezone: str = "UTC",
    currencies: tuple[str, ...] = ("USD",),
    live_enabled: bool = False,
) -> Partner:
    """Make a tenant and, in the same transaction, everything that higher layers give a new one."""
    name = " ".join(name.split())
    if not name:
        raise Problem("invalid_request", errors=[field("/name", "blank", "Give the partner a name.")])
    check_zone(timezone)
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise Problem("invalid_request", errors=[field("/country", "country", "Two capital letters, such as US.")])
    unknown = [code for code in currencies if not is_currency(code)]
    if unknown:
        raise Problem("invalid_request", f"Unknown currency: {', '.join(unknown)}. Use ISO codes such as USD, or USDC.")
    with tenancy.platform_scope():
        partner = Partner(
            name=name,
            slug=slugify(name)[:60] or f"partner-{secrets.token_hex(4)}",
            country=country,
            timezone=timezone,
            currencies=list(currencies),
            live_enabled=live_enabled,
        )
        try:
            with transaction.atomic():
                partner.save(force_insert=True)
        except IntegrityError:
            raise Problem("partner_exists", f"There is already a partner {partner.slug!r}: choose another name.") from None
        registry.partner_created(partner=partner)
    return partner


@transaction.atomic
def branch_create(*, partner: Partner, code: str, name: str, livemode: bool = False, timezone: str = "", holding_days: int = 0) -> Branch:
    branch = Branch(
        partner=partner,
        livemode=livemode,
        code=code.strip(),
        name=name.strip() or code,
        timezone=timezone or partner.timezone,
        holding_days=holding_days,
    )
    check_zone(branch.timezone)
    try:
        branch.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        errors = [field(f"/{name}", "invalid", text) for name, texts in error.message_dict.items() for text in texts]
        raise Problem("invalid_request", errors=errors) from None
    try:
        with transaction.atomic():
            branch.save(force_insert=True)
    except IntegrityError:
        raise Problem("branch_exists", f"{partner.name} already has a branch {code!r}.") from None
    return branch


@transaction.atomic
def api_key_create(
    *,
    partner: Partner,
    livemode: bool,
    name: str = "default",
    scopes: tuple[str, ...] = ("*",),
    expires_at: datetime | None = None,
    rate_limit: int | None = None,
    replaces: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; the secret is returned here and never again."""
    if livemode and not partner.live_enabled:
        raise Problem("live_not_enabled", f"{partner.name} has no approved go-live: live keys cannot be made yet.")
    scopes = clean_scopes(scopes)
    secret = f"sk_{'live' if livemode else 'test'}_{secrets.token_urlsafe(30)}"
    key = ApiKey(
        partner=partner,
        livemode=livemode,
        name=name,
        prefix=secret[:12],
        hashed=crypto.blind_index(secret, KEY_PURPOSE),
        scopes=list(scopes),
        expires_at=expires_at,
        rate_limit=rate_limit,
        replaces=replaces,
    )
    key.save(force_insert=True)
    return key, secret


@transaction.atomic
def api_key_rotate(*, key: ApiKey, overlap: timedelta = timedelta(hours=24)) -> tuple[ApiKey, str]:
    """Make the successor of a key; the old one works until the overlap ends."""
    old = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
    if not old.usable:
        raise Problem("invalid_state", f"{old.public_id} is revoked or expired: make a new key instead of rotating it.")
    until = clock.now() + overlap
    if old.expires_at is None or old.expires_at > until:
        old.expires_at = until
        old.save(update_fields=["expires_at"])
    return api_key_create(
        partner=old.partner,
        livemode=old.livemode,
        name=old.name,
        scopes=tuple(old.scopes),
        rate_limit=old.rate_limit,
        replaces=old,
    )


@transaction.atomic
def api_key_revoke(*, key: ApiKey, reason: str) -> ApiKey:
    key = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        with tenancy.acting(reason=reason):
            key.save(update_fields=["revoked_at"])
    return key


def api_key_find(secret: str) -> ApiKey | None:
    """The usable key of this secret. Runs for the platform: the tenant is not known before."""
    if not secret.startswith(("sk_test_", "sk_live_")) or len(secret) > 200 or not secret.isascii():
        return None
    with tenancy.platform_scope():
        key = ApiKey.objects.select_related("partner").filter(hashed=crypto.blind_index(secret, KEY_PURPOSE)).first()
        if key is None or not key.usable or not key.partner.active:
            return None
        _touch(key)
    return key


def _touch(key: ApiKey) -> None:
    now = clock.now()
    if key.last_used_at is None or now - key.last_used_at > timedelta(minutes=5):
        # Skipped when another request holds the row: the time is a hint, not worth waiting for.
        fresh = ApiKey.objects.filter(pk=key.pk).select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
        with tenancy.acting(reason="used"):
            ApiKey.objects.filter(pk__in=list(fresh)).update(last_used_at=now)


def partner_set_live(*, partner: Partner, approval: Any, reason: str) -> Partner:
    """Carry out an approved go-live; called by the approval, never directly by a page."""
    with transaction.atomic(), tenancy.acting(reason=reason):
        partner = Partner.objects.select_for_update().get(pk=partner.pk)
        partner.live_enabled = True
        partner.save(update_fields=["live_enabled"])
        audit.record(action="partner.live", subject=partner, after={"approval": str(approval)}, reason=reason, partner_id=partner.pk)
    return partner


@transaction.atomic
def user_unlock(*, user_id: int, reason: str) -> None:
    user = User.objects.select_for_update().get(pk=user_id)
    user.failed_logins, user.locked_until = 0, None
    user.save(update_fields=["failed_logins", "locked_until"])
    audit.record(action="login.unlocked", subject=user, reason=reason)


@transaction.atomic
def user_create(*, username: str, password: str, roles: tuple[str, ...], email: str = "", name: str = "") -> User:
    """Make a person of the staff; what they may do follows from the roles alone."""
    groups = list(Group.objects.filter(name__in=roles))
    missing = set(roles) - {group.name for group in groups}
    if missing or not roles:
        known = ", ".join(Group.objects.order_by("name").values_list("name", flat=True))
        raise Problem("invalid_request", f"Unknown role: {', '.join(sorted(missing)) or 'none given'}. The roles are: {known}.")
    user = User(username=username, email=email, first_name=name, is_staff=True)
    user.set_password(password)
    user.full_clean(exclude={"password"}, validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise Problem("person_exists", f"There is already a person {username!r}: choose another user name.") from None
    user.groups.set(groups)
    audit.record(action="person.created", subject=user, after={"username": username, "roles": sorted(roles)})
    return user


@transaction.atomic
def user_set_password(*, user: User, password: str, reason: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record(action="person.password", subject=user, reason=reason)


@transaction.atomic
def user_reset_second_factor(*, user_id: int, reason: str) -> None:
    """Forget a person's authenticator and recovery codes, for one who lost the telephone."""
    user = User.objects.select_for_update().get(pk=user_id)
    gone, _ = Authenticator.objects.filter(user=user).delete()
    audit.record(action="person.second_factor_reset", subject=user, before={"authenticators": gone}, reason=reason)


SCOPE = re.compile(r"(\*|[a-z_]+:(\*|read|write))\Z")


def clean_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes without repeats; anything that could never match is refused."""
    kept = tuple(dict.fromkeys(scopes))
    wrong = [scope for scope in kept if not SCOPE.match(scope)]
    if wrong or not kept:
        detail = f"Not a scope: {', '.join(wrong)[:100] or 'none given'}. Write them as transfers:write, payments:read, or * for all."
        raise Problem("invalid_request", detail, errors=[field("/scopes", "scope", detail)])
    return kept
