"""Who sends a request: a bearer token, or the session of a page."""

from __future__ import annotations

from typing import Any

from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed

from annotation.models import User

INVALID = "The token is not valid or has expired. Ask for a new one at /api/auth/token/."


class BearerToken(TokenAuthentication):  # type: ignore[misc]
    """Accept `Authorization: Bearer <token>`; whatever is no token of ours is one and the same 401."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        """Return the token's user and the token, or raise AuthenticationFailed."""
        # Bytes that are no token must not reach the database, which refuses some of them.
        if not token.isalnum() or len(token) > 200:
            raise AuthenticationFailed(INVALID)
        try:
            found: tuple[User, AuthToken] = super().authenticate_credentials(token)
        except AuthenticationFailed:
            raise AuthenticationFailed(INVALID) from None
        return found


class PageSession(SessionAuthentication):
    """Accept the session cookie; changes need the CSRF token in the `X-CSRFToken` header."""

    def authenticate_header(self, request: Any) -> str:
        """Name no scheme: a browser would open its password dialog."""
        return ""
