"""Fields and serializers that say exactly what may come in and what goes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api.parsers import MAX_DIGITS


@extend_schema_field(OpenApiTypes.STR)
class Id(serializers.Field[int, Any, str, Any]):
    """An opaque id: a string on the wire, so that no client rounds it."""

    default_error_messages = {"invalid": "Expected an id."}

    def to_representation(self, value: Any) -> str:
        """Return the id as a string."""
        return str(value)

    def to_internal_value(self, data: Any) -> int:
        """Return the number behind an id."""
        text = str(data) if isinstance(data, int | str) and not isinstance(data, bool) else ""
        if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
            self.fail("invalid")
        return int(text)


class Strict(serializers.Serializer[Any]):
    """Refuse fields that are not asked for, by name: a value that would be ignored is a mistake."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the clean values, or raise with every unknown or wrong field."""
        if isinstance(data, Mapping):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(str(name) for name in set(data) - writable)
            if unknown:
                raise serializers.ValidationError(
                    dict.fromkeys(unknown, f"Cannot be set here; known are {', '.join(sorted(writable))}.")
                )
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Text of people. NUL and lone surrogates are refused by the parser, for every field at once."""

    def to_internal_value(self, data: Any) -> str:
        """Return text, and nothing that merely can be turned into text."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    """A whole number; no text, no fraction, no truth value."""

    def to_internal_value(self, data: Any) -> int:
        """Return an int that fits."""
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Share(serializers.FloatField):
    """A number from 0 to 1; no text, no truth value, no NaN."""

    default_error_messages = {"invalid": "Expected a number from 0 to 1."}

    def to_internal_value(self, data: Any) -> float:
        """Return a float within the bounds."""
        if isinstance(data, bool) or not isinstance(data, int | float) or not 0 <= data <= 1:
            self.fail("invalid")
        return float(data)


class Client(Text):
    """The id that a tab gave itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, required=False, allow_blank=True, default="", **kwargs)
