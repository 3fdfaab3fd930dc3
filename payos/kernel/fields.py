"""Fields of API bodies that take exactly what the document says: no "5" for 5, no 1 for true, no unknown names."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

from payos.kernel.errors import Problem

__all__ = ["StrictBoolean", "StrictInteger", "StrictSerializer", "StrictText", "read_body"]


class StrictSerializer(serializers.Serializer):
    """Refuses names it does not know: a misspelt field must not be ignored in silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {name[:80]: serializers.ErrorDetail(f"There is no such field; there are: {known}.", "unknown") for name in unknown[:20]}
                )
        return super().to_internal_value(data)


class StrictText(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        # What is sent is what is kept: services trim where trimming is right.
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class StrictInteger(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class StrictBoolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=str(data)[:40])
        return data


class StrictSchema(OpenApiSerializerExtension):
    """The document says that other names are refused."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False} if direction == "request" else schema


def read_body(serializer_class: type[serializers.Serializer], data: Any) -> dict[str, Any]:
    """The validated body; what is wrong with it leaves as a problem that points at the fields."""
    if not isinstance(data, dict):
        raise Problem(
            "invalid_request", "The body must be one JSON object.", errors=[{"pointer": "", "code": "type", "detail": "not an object"}]
        )
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
