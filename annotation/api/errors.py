"""One shape for every refusal: `{"error": {"code", "message", "detail"}}`, whatever raised it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from annotation.errors import AnnotationError

log = logging.getLogger(__name__)

#: What a client may do about a status that carries no words of its own.
WORDS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("invalid", "The request could not be understood."),
    401: ("not_authenticated", "Sign in, or send a token as `Authorization: Bearer ...`."),
    403: ("denied", "You may not do this."),
    404: ("not_found", "There is nothing at this address. Addresses of this API are listed at /api/schema/."),
    405: ("method_not_allowed", "This address does not take that method."),
    406: ("not_acceptable", "This address answers in JSON only."),
    408: ("too_slow", "The request did not arrive in time; send it again."),
    413: ("too_large", "The request is larger than this address takes."),
    415: ("unsupported_media_type", "This address does not take that content type."),
    429: ("too_many_requests", "Too many requests in a short time; wait and try again."),
    500: (
        "internal_error",
        "Something went wrong here. It has been logged; try again or report the request id.",
    ),
    503: ("unavailable", "The service is not ready just now; try again in a moment."),
}


def body(code: str, message: str, detail: Any = None) -> dict[str, Any]:
    """Return the one shape that every error has."""
    return {"error": {"code": code, "message": message, "detail": detail if detail is not None else {}}}


def plain(status: int, **headers: str) -> JsonResponse:
    """Return an error known only by its status, for places where no view ran."""
    code, message = WORDS.get(status, WORDS[400] if status < 500 else WORDS[500])
    return JsonResponse(body(code, message), status=status, headers=headers)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn any exception of an API view into a response; None only for a database that is away.

    The site's own middleware answers that one with 503, the same for pages and API.
    """
    set_rollback()
    if isinstance(error, OperationalError | InterfaceError):
        return None
    if isinstance(error, AnnotationError):
        return Response(body(error.code, error.message, error.detail), status=error.status)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, RequestDataTooBig):
        return _worded(413)
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return _worded(400)
    request: HttpRequest | None = context.get("request")
    # The exception goes to the log only: it may quote a text, a path or a statement.
    log.error("500 %s %s", getattr(request, "method", ""), getattr(request, "path", ""), exc_info=error)
    return _worded(500)


def _worded(status: int) -> Response:
    code, message = WORDS[status]
    return Response(body(code, message), status=status)


def _of_framework(error: exceptions.APIException) -> Response:
    headers: dict[str, str] = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if isinstance(error, exceptions.ValidationError):
        detail = _fields(error.detail)
        message = f"Some values are not valid: {', '.join(sorted(detail))}."
        return Response(body("invalid", message, detail), status=400)
    code, message = WORDS.get(error.status_code, (error.default_code, str(error.detail)))
    if isinstance(error, exceptions.Throttled):
        wait = max(1, math.ceil(getattr(error, "wait", None) or 1))
        headers["Retry-After"] = str(wait)
        message = f"Too many requests in a short time; wait {wait} s and try again."
    elif isinstance(error, exceptions.ParseError | exceptions.AuthenticationFailed):
        message = str(error.detail)
        code = "invalid_json" if isinstance(error, exceptions.ParseError) else "not_authenticated"
    elif isinstance(error, exceptions.PermissionDenied) and str(error.detail).startswith("CSRF"):
        code, message = "csrf_failed", f"{error.detail} Send the csrftoken cookie's value as X-CSRFToken."
    elif isinstance(error, exceptions.UnsupportedMediaType | exceptions.MethodNotAllowed):
        message = str(error.detail)
    return Response(body(code, message), status=error.status_code, headers=headers)


def _fields(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """Flatten the framework's nested messages to `{field path: [messages]}`."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            found.update(_fields(inner, f"{prefix}.{name}" if prefix else str(name)))
        return found
    if isinstance(detail, list | tuple):
        if all(not isinstance(item, Mapping | list | tuple) for item in detail):
            return {prefix or "request": [str(item) for item in detail]}
        found = {}
        for index, item in enumerate(detail):
            if item:
                found.update(_fields(item, f"{prefix}[{index}]"))
        return found
    return {prefix or "request": [str(detail)]}
