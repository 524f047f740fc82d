"""What every request gets: an id, and an honest 503 while the database is away."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import Awaitable, Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.defaults import server_error as django_server_error

from annotation.middleware import BothWays

log = logging.getLogger("earmark.web")

ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
RETRY_AFTER_S = 2
# SQLSTATE classes of a server that is away or going: connection exception, operator intervention
# (shutdown, crash recovery), insufficient resources; and transactions rolled back to let another one pass.
AWAY = ("08", "40", "57P", "53")

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class RequestId(BothWays):
    """Give each request an id, the proxy's when it sent a sane one; the response and the audit carry it."""

    def before(self, request: HttpRequest) -> None:
        sent = request.headers.get("X-Request-ID", "")
        request.request_id = sent if ACCEPTED_ID.fullmatch(sent) else secrets.token_hex(8)  # type: ignore[attr-defined]

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response


class DatabaseAway(BothWays):
    """Answer 503 with Retry-After when PostgreSQL cannot be reached or is recovering.

    Nothing was stored in that case and the same request may be sent again; a 500 would say neither.
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_away(exception):
            return None
        log.warning("503 %s %s: database away (%s)", request.method, request.path, type(exception).__name__)
        return unavailable(request)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer for an error outside any view, such as in reading the session: 503 or 500 alike."""
    error = sys.exc_info()[1]
    if error is not None and is_away(error):
        return unavailable(request)
    return django_server_error(request)


def is_away(error: BaseException) -> bool:
    """Tell whether `error` means that the server, not the statement, failed."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None)
    return state is None or state.startswith(AWAY)


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return the 503 in the form the caller reads."""
    message = "The database is not reachable just now. Nothing was changed; try again in a moment."
    if request.path.startswith(("/api/", "/v1/")):
        body = {"error": {"code": "database_unavailable", "message": message, "detail": {}}}
        response: HttpResponse = JsonResponse(body, status=503)
    else:
        response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = str(RETRY_AFTER_S)
    response["Cache-Control"] = "no-store"
    return response
