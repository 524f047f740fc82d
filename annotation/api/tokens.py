"""Tokens for programs: asked for with a password, ended by whoever holds them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth import authenticate
from knox.models import AuthToken
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import operation
from annotation.api.serializers import Credentials, Token
from annotation.errors import AnnotationError, Conflict
from annotation.middleware import act_for

WRONG = "No account matches this name and password. Check both; names are case-sensitive."


class TooManyAttempts(AnnotationError):
    """Refuse further log-in attempts for a while."""

    status = 429
    code = "too_many_attempts"


class WrongCredentials(AnnotationError):
    """Refuse a name and password without saying which of them is wrong."""

    status = 401
    code = "wrong_credentials"


class TokenView(ApiView):
    """Ask for a token, or end the one that is sent."""

    throttle_scopes: ClassVar = {"POST": "token"}

    def get_authenticators(self) -> list[Any]:
        """Read no credentials on POST: an old token or session must not decide about a new log-in."""
        if getattr(self.request, "method", "") == "POST":
            return []
        return super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        """Let strangers in to ask."""
        return [AllowAny()] if self.request.method == "POST" else [IsAuthenticated()]

    @operation("create_token", takes=Credentials, gives=Token)
    def post(self, request: Request) -> Response:
        """Exchange a name and password for a token.

        The answer is the same, and takes as long, whether the name or the password is wrong. After some
        failures for one name from one address further attempts are refused for a while.
        """
        values = self.valid(Credentials(data=request.data))
        plain: Any = request._request
        user = authenticate(request=plain, **values)
        if getattr(plain, "axes_locked_out", False):
            plain.axes_locked_out = False  # answered here; the middleware would answer in HTML
            error = TooManyAttempts("Too many failed attempts. Wait before you try again.")
            seconds = int(float(settings.AXES_COOLOFF_TIME) * 3600)
            return Response(
                {
                    "error": {
                        "code": error.code,
                        "message": error.message,
                        "detail": {"retry_after_s": seconds},
                    }
                },
                status=error.status,
                headers={"Retry-After": str(seconds)},
            )
        if user is None:
            raise WrongCredentials(WRONG)
        act_for(user, plain)
        instance, token = AuthToken.objects.create(user)
        return Response({"token": token, "expiry": instance.expiry}, headers={"Cache-Control": "no-store"})

    @operation("delete_token", gives=None, status=204, refuses=(409,))
    def delete(self, request: Request) -> Response:
        """End the token this request carries; it is refused from now on."""
        if not isinstance(request.auth, AuthToken):
            raise Conflict("This request carries no token; a session is ended on the page.")
        request.auth.delete()
        return Response(status=204)
