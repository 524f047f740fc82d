"""What the OpenAPI document says about every operation alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from annotation.api.serializers import Error

F = TypeVar("F", bound=Callable[..., Any])

REFUSALS: Mapping[int, Any] = {400: Error, 401: Error, 403: Error, 404: Error, 429: Error}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the token of `/api/auth/token/`."""

    target_class = "annotation.api.auth.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describe the session of a page."""

    target_class = "annotation.api.auth.PageSession"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the scheme."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def operation(
    name: str,
    *,
    takes: Any = None,
    gives: Any = None,
    status: int = 200,
    also: Mapping[Any, Any] | None = None,
    query: tuple[OpenApiParameter, ...] = (),
    refuses: tuple[int, ...] = (),
) -> Callable[[F], F]:
    """Describe one operation: its id, what it takes and gives, and the refusals beyond the usual ones."""
    responses: dict[Any, Any] = {**REFUSALS, **dict.fromkeys(refuses, Error), **(also or {})}
    if gives is not None or not also:
        responses = {status: gives, **responses}
    decorate: Callable[[F], F] = extend_schema(
        operation_id=name, request=takes, responses=responses, parameters=list(query)
    )
    return decorate


def page_of(serializer: Any) -> Any:
    """Return the schema of one cursor page of `serializer`."""
    name = f"{serializer.__name__.removesuffix('Out')}Page"
    return inline_serializer(
        name,
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": serializer(many=True),
        },
    )


def text(
    name: str, about: str = "", enum: list[str] | None = None, *, required: bool = False
) -> OpenApiParameter:
    """Describe a text parameter of the query."""
    return OpenApiParameter(name, str, description=about, enum=enum, required=required)


def whole(name: str, about: str = "") -> OpenApiParameter:
    """Describe a number parameter of the query."""
    return OpenApiParameter(name, int, description=about)


def header(name: str, about: str = "", *, required: bool = False) -> OpenApiParameter:
    """Describe a header of the request."""
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=about, required=required)


PAGING = (
    text("cursor", "From `next` or `previous`."),
    whole("page_size", "1 to 500, 50 unless told."),
)
