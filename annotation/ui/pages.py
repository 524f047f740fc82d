"""The frame of every page view: who may see it, which methods it takes, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers

from annotation.errors import AnnotationError
from annotation.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

#: What each refusal is called on the page; its message says what to do.
TITLES = {
    403: "Not for your role",
    404: "Nothing here",
    409: "Somebody was faster",
    413: "Too large",
    415: "Not a recording",
    423: "Held",
    507: "Disk nearly full",
}


def page(*methods: str) -> Callable[[View[P]], View[P]]:
    """Make a view for signed-in people: other methods are 405, strangers go to the login."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method not in methods and not (request.method == "HEAD" and "GET" in methods):
                return HttpResponseNotAllowed(methods)
            if not request.user.is_authenticated:
                return _to_login(request)
            try:
                response = view(request, *args, **kwargs)
            except AnnotationError as error:
                response = refused(request, error)
            patch_cache_control(response, private=True, no_cache=True)
            patch_vary_headers(response, ("Cookie",))
            return response

        return wrapped

    return decorate


def _to_login(request: HttpRequest) -> HttpResponse:
    if is_fragment(request):
        # A page that was left open asks for pieces; sending it a login form to put into a row helps nobody.
        return HttpResponse("Your login has ended; reload the page.", status=401, content_type="text/plain")
    target = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
    return redirect_to_login(target)


def is_fragment(request: HttpRequest) -> bool:
    """Tell whether a script of ours asks for a piece of a page."""
    return request.headers.get("X-Earmark-Fragment") == "1"


def refused(request: HttpRequest, error: AnnotationError, **context: Any) -> HttpResponse:
    """Show a refusal as a page with its status, its words and a way on."""
    values = {"error": error, "title": TITLES.get(error.status, "That did not work"), **context}
    return render(request, "ui/refused.html", values, status=error.status)


def person_of(request: HttpRequest) -> User:
    """Return who asks; only for views behind `page`."""
    return cast("User", request.user)


def whole_number(raw: str | None, default: int, low: int, high: int) -> int:
    """Return a number from a query, pulled into its bounds; `default` for anything that is none."""
    if raw is None or not (raw.isascii() and raw.isdecimal() and len(raw) < 19):
        return default
    return max(low, min(high, int(raw)))


def plain_text(raw: str | None, longest: int = 200) -> str:
    """Return a search text from a query without what the database refuses."""
    return "".join(c for c in (raw or "")[:longest] if c.isprintable()).strip()
