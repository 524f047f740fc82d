"""The base of every API view: who asks, as whom the audit knows them, and one shape of refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpResponseBase
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from annotation.api.auth import BearerToken, PageSession
from annotation.api.body_limit import SCOPE_KEY
from annotation.api.parsers import StrictJSON
from annotation.api.throttles import PerPerson
from annotation.middleware import act_for
from annotation.models import User

P = ParamSpec("P")
R = TypeVar("R")


class AlwaysJSON(BaseContentNegotiation):
    """Answer in the view's one format whatever `Accept` says, and leave `?format=` to the views."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        """Return the parser of the request's content type."""
        given = (request.content_type or "").split(";")[0].strip().lower()
        for parser in parsers:
            if parser.media_type in (given, "*/*"):
                return cast("BaseParser", parser)
        return None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """Authenticate by token or session, refuse strangers, count requests, and tell the audit who acts."""

    authentication_classes = (BearerToken, PageSession)
    permission_classes = (IsAuthenticated,)
    throttle_classes = (PerPerson,)
    parser_classes: Sequence[type[BaseParser]] = (StrictJSON,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSON
    throttle_scopes: ClassVar[Mapping[str, str]] = {}
    """Scope of `throttles.RATES` by method, where it is not plain read or write."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Close the connection where a body was refused unread: the client would go on sending it."""
        final = super().finalize_response(request, response, *args, **kwargs)
        stream = getattr(request._request, "scope", {}).get(SCOPE_KEY)
        if stream is not None and not stream.over:
            final.headers["Connection"] = "close"
        return final

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and attribute what follows to them.

        A token's user is known only here, inside the view; what runs before has seen nobody.
        """
        super().perform_authentication(request)
        act_for(request.user, request._request)

    @property
    def person(self) -> User:
        """Return who asks; only for views that strangers cannot reach."""
        return cast("User", self.request.user)

    def valid(self, serializer: BaseSerializer[Any]) -> dict[str, Any]:
        """Return the serializer's clean values, or raise with every field that is wrong."""
        serializer.is_valid(raise_exception=True)
        return cast("dict[str, Any]", serializer.validated_data)

    def number(self, name: str, default: int | None = None, low: int = 0, high: int = 2**62) -> int | None:
        """Return a whole number from the query, `default` when it is not there."""
        raw = self.request.query_params.get(name)
        if raw is None or raw == "":
            return default
        if not (raw.isascii() and raw.isdecimal() and len(raw) <= 19 and low <= int(raw) <= high):
            raise ValidationError({name: f"Expected a whole number from {low} to {high}."})
        return int(raw)

    def word(self, name: str, longest: int = 200) -> str:
        """Return a text from the query that is safe to search for."""
        raw = self.request.query_params.get(name, "")
        if len(raw) > longest or "\x00" in raw or not raw.isprintable():
            raise ValidationError({name: f"Expected printable text of up to {longest} characters."})
        return raw

    def only_query(self, *known: str) -> None:
        """Refuse query parameters that this address does not know: a typing error must not widen a list."""
        unknown = sorted(set(self.request.query_params) - set(known))
        if unknown:
            raise ValidationError(dict.fromkeys(unknown, f"Unknown; known are {', '.join(sorted(known))}."))


class AsyncApiView(ApiView):
    """The same for coroutine handlers: bytes and events, which may last long and must hold no thread."""

    async def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """Check the request in a thread, as everywhere, then await the handler."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        response: Any
        try:
            await in_thread(self.initial, self.request, *args, **kwargs)
            name = (self.request.method or "").lower()
            handler = getattr(self, name, None) if name in self.http_method_names else None
            if handler is None:
                self.http_method_not_allowed(self.request)
            response = await handler(self.request, *args, **kwargs)  # type: ignore[misc]
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        """Describe the address."""
        return await in_thread(super().options, request, *args, **kwargs)


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run database work of an async view, then give its connection back.

    A stream may live for hours; a pooled connection kept for it would be one that nobody else has.
    """

    def work() -> R:
        try:
            return function(*args, **kwargs)
        finally:
            _give_connections_back()

    return await sync_to_async(work, thread_sensitive=True)()


def _give_connections_back() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # as it is when a test wraps the request
            connection.close_if_unusable_or_obsolete()
