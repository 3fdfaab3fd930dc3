"""Tables of partners, branches, people and API keys."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from payos.kernel import clock
from payos.kernel.models import BaseModel, TenantModel

currency_validator = RegexValidator(r"^[A-Z]{3,4}$", "Write the currency as its code, for example USD.")


class Partner(BaseModel):
    """A tenant: who submits payments and transfers and to whom the balances are owed."""

    public_prefix = "par"
    rls = "id"
    audit = "all"

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=60, unique=True)
    country = models.CharField(max_length=2, default="US")
    timezone = models.CharField(max_length=64, default="UTC")
    currencies = ArrayField(models.CharField(max_length=4, validators=[currency_validator]), default=list)
    active = models.BooleanField(default=True)
    live_enabled = models.BooleanField(default=False, help_text="Live keys may be made once go-live was approved.")
    settings = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Branch(TenantModel):
    """An outlet of a partner: collections are booked to it and settled to its account."""

    public_prefix = "brn"
    audit = "all"

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC")
    holding_days = models.PositiveSmallIntegerField(
        default=0, help_text="Banking days before a payment becomes available; 0 makes it available at once."
    )
    active = models.BooleanField(default=True)
    settings = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "branches"
        ordering = ["partner", "code"]
        constraints = [
            models.UniqueConstraint(fields=["partner", "livemode", "code"], name="partners_branch_code_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class User(AbstractUser):
    """A person. What they may do follows from their roles (groups); see `roles.py`."""

    audit = "all"

    failed_logins = models.PositiveSmallIntegerField(default=0, editable=False)
    locked_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(AbstractUser.Meta):
        verbose_name = "person"
        verbose_name_plural = "people"

    @property
    def locked(self) -> bool:
        return self.locked_until is not None and self.locked_until > clock.now()

    @property
    def role_names(self) -> list[str]:
        return [group.name for group in self.groups.all()]


class ApiKey(TenantModel):
    """A key of the API. The secret is `sk_test_...` or `sk_live_...`; only its hash is kept."""

    public_prefix = "key"
    audit = "all"

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=24, help_text="The start of the secret, to recognise it by.")
    hashed = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=60), default=list)
    api_version = models.CharField(max_length=10)
    rate_limit = models.PositiveIntegerField(null=True, blank=True, help_text="Requests per window; empty: the default.")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by")

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def usable(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > clock.now())

    def allows(self, scope: str) -> bool:
        resource = scope.split(":")[0]
        return any(have in self.scopes for have in ("*", scope, f"{resource}:*"))

    @property
    def is_authenticated(self) -> bool:
        return True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.api_version:
            from django.conf import settings

            self.api_version = settings.API_VERSIONS[-1]
        super().save(*args, **kwargs)
