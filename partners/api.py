"""/v1/me, /v1/branches and /v1/keys: who a key acts for, the partner's outlets, and its keys without their secrets."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from partners import services
from partners.models import ApiKey, Branch
from payos.kernel.api import PayosAPIView, get_or_404
from payos.kernel.fields import StrictInteger, StrictSerializer, StrictText, read_body
from payos.kernel.openapi import id_parameter, listing, object_name, writing


class PartnerSerializer(serializers.Serializer):
    object = object_name("partner")
    id = serializers.CharField()
    name = serializers.CharField()
    country = serializers.CharField()
    timezone = serializers.CharField()
    currencies = serializers.ListField(child=serializers.CharField())
    live_enabled = serializers.BooleanField()


class RateLimitSerializer(serializers.Serializer):
    requests = serializers.IntegerField()
    window_seconds = serializers.IntegerField()


class KeySerializer(serializers.Serializer):
    object = object_name("api_key")
    id = serializers.CharField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    livemode = serializers.BooleanField()
    scopes = serializers.ListField(child=serializers.CharField())
    api_version = serializers.CharField()
    usable = serializers.BooleanField()
    created = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    replaces = serializers.CharField(allow_null=True)


class MeSerializer(serializers.Serializer):
    object = object_name("me")
    livemode = serializers.BooleanField()
    key = KeySerializer()
    partner = PartnerSerializer()
    rate_limit = RateLimitSerializer()


class BranchSerializer(serializers.Serializer):
    object = object_name("branch")
    id = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    timezone = serializers.CharField()
    holding_days = serializers.IntegerField()
    active = serializers.BooleanField()
    livemode = serializers.BooleanField()
    created = serializers.DateTimeField()


class NewBranch(StrictSerializer):
    code = StrictText(
        max_length=40,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._-]*$", "Letters, digits, dot, dash and underscore; a letter or digit first.")],
        help_text="Your own name of the branch, once a mode.",
    )
    name = StrictText(max_length=200, validators=[RegexValidator(r"\S", "Write a name.")])
    timezone = StrictText(max_length=64, required=False, help_text="Such as Africa/Nairobi; the partner's own without it.")
    holding_days = StrictInteger(
        min_value=0, max_value=365, required=False, default=0, help_text="Banking days before a payment becomes available."
    )


def show_key(key: ApiKey) -> dict[str, Any]:
    return {
        "object": "api_key",
        "id": key.public_id,
        "name": key.name,
        "prefix": key.prefix,
        "livemode": key.livemode,
        "scopes": key.scopes,
        "api_version": key.api_version,
        "usable": key.usable,
        "created": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "replaces": None if key.replaces_id is None else key.replaces.public_id,  # type: ignore[union-attr]
    }


def show_branch(branch: Branch) -> dict[str, Any]:
    return {
        "object": "branch",
        "id": branch.public_id,
        "code": branch.code,
        "name": branch.name,
        "timezone": branch.timezone,
        "holding_days": branch.holding_days,
        "active": branch.active,
        "livemode": branch.livemode,
        "created": branch.created_at,
    }


class Me(PayosAPIView):
    @extend_schema(operation_id="me", summary="Who am I", responses=MeSerializer, tags=["account"])
    def get(self, request: Request) -> Response:
        """The key that asks, the partner it acts for, and its mode. Any key may ask."""
        key: Any = request.auth
        partner = self.partner
        return Response(
            {
                "object": "me",
                "livemode": self.livemode,
                "key": show_key(key),
                "partner": {
                    "object": "partner",
                    "id": partner.public_id,
                    "name": partner.name,
                    "country": partner.country,
                    "timezone": partner.timezone,
                    "currencies": partner.currencies,
                    "live_enabled": partner.live_enabled,
                },
                "rate_limit": {
                    "requests": key.rate_limit or settings.API_RATE_LIMIT,
                    "window_seconds": settings.API_RATE_WINDOW,
                },
            }
        )


class Branches(PayosAPIView):
    resource = "branches"

    @extend_schema(operation_id="branches_list", summary="List branches", tags=["branches"], **listing(BranchSerializer, "brn"))
    def get(self, request: Request) -> Response:
        return self.page(Branch.objects.filter(livemode=self.livemode), show_branch)

    @extend_schema(operation_id="branches_create", summary="Open a branch", tags=["branches"], **writing(NewBranch, BranchSerializer))
    def post(self, request: Request) -> Response:
        body = read_body(NewBranch, request.data)
        branch = services.branch_create(partner=self.partner, livemode=self.livemode, **body)
        return Response(show_branch(branch), status=201, headers={"Location": f"{request.path}/{branch.public_id}"})


class OneBranch(PayosAPIView):
    resource = "branches"

    @extend_schema(
        operation_id="branches_read",
        summary="Read a branch",
        responses=BranchSerializer,
        tags=["branches"],
        parameters=[id_parameter("brn")],
    )
    def get(self, request: Request, public_id: str) -> Response:
        return Response(show_branch(get_or_404(Branch.objects.filter(livemode=self.livemode), "brn", public_id)))


class Keys(PayosAPIView):
    resource = "keys"

    @extend_schema(operation_id="keys_list", summary="List API keys", tags=["account"], **listing(KeySerializer, "key"))
    def get(self, request: Request) -> Response:
        """The partner's keys of this mode, without their secrets. Keys are made, rotated and revoked in the console."""
        return self.page(ApiKey.objects.filter(livemode=self.livemode).select_related("replaces"), show_key)


urlpatterns = [
    path("me", Me.as_view()),
    path("branches", Branches.as_view()),
    path("branches/<str:public_id>", OneBranch.as_view()),
    path("keys", Keys.as_view()),
]
