"""Who acts, for the audit: set around every request, as soon as it is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from annotation.api.errors import plain
from annotation.audit import Actor, Origin, acting_as, become
from annotation.conf import conf

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class BothWays:
    """Run in a synchronous and in an asynchronous chain alike, without a thread."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._awaited = iscoroutinefunction(get_response)
        if self._awaited:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        self.before(request)
        if self._awaited:
            return self._later(request)
        return self.after(request, self.get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        return self.after(request, await self.get_response(request))  # type: ignore[misc]

    def before(self, request: HttpRequest) -> None:
        """Look at a request on its way in."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Look at its response on the way out."""
        return response


class ShapedErrors(BothWays):
    """Give refusals that were made before any API view ran the shape of all others.

    Such as a wrong host name, a body too large to read, or an address that does not exist.
    """

    def after(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return shaped(request, response)


def shaped(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return `response`, or the API's words for it when it is an HTML error at an address of the API."""
    if response.status_code < 400 or source_of(request.path) != "api":
        return response
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return response
    return plain(response.status_code)


class ActingPerson(BothWays):
    """Attribute what a request changes to the person behind it.

    Stands after Django's authentication. The contextvar is set in the task of the request; synchronous
    views run in a thread on a copy of its context, so they see it and no other request does.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._awaited:
            return self._later(request)
        with acting_as(actor_of(AnonymousUser(), request)):
            return self.get_response(request)

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        with acting_as(actor_of(AnonymousUser(), request)):
            return await self.get_response(request)  # type: ignore[misc, no-any-return]

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Name the person of the session; one lookup, which the view then finds done.

        The bearer of a token is known only in the view: `annotation.api.base` calls `act_for` there.
        """
        by_token = source_of(request.path) == "api" and "Authorization" in request.headers
        if settings.SESSION_COOKIE_NAME in request.COOKIES and not by_token:
            act_for(request.user, request)


def act_for(person: AbstractBaseUser | AnonymousUser, request: HttpRequest) -> None:
    """Attribute the rest of this request to `person`."""
    become(actor_of(person, request))


def actor_of(person: AbstractBaseUser | AnonymousUser, request: HttpRequest) -> Actor:
    """Return the actor the audit names for `person` in this request."""
    return Actor(
        id=person.pk,
        name=person.get_username() or "anonymous",
        source=source_of(request.path),
        request_id=getattr(request, "request_id", ""),
        ip=address_of(request),
    )


def source_of(path: str) -> Origin:
    """Say by which surface a path is served."""
    if path.startswith(("/api/", "/v1/")):
        return "api"
    admin = conf().admin_path
    return "admin" if admin and path.startswith(f"/{admin}/") else "web"


def address_of(request: HttpRequest) -> str:
    """Return the address of the client; behind a proxy, the one the proxy saw."""
    if conf().behind_proxy:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if forwarded:
            return str(forwarded)[:64]
    return str(request.META.get("REMOTE_ADDR") or "")[:64]
