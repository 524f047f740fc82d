"""Who sends a request: a bearer token, or the session of a page."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed

from annotation.models import User

LONGEST = 200
"""Characters; ours have 64."""
INVALID = "The token is not valid or has expired. Ask for a new one at /api/auth/token/."


class BearerToken(TokenAuthentication):  # type: ignore[misc]
    """Accept `Authorization: Bearer <token>`; whatever is no token of ours is one and the same 401."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        """Return the token's user and the token, or raise AuthenticationFailed.

        One look-up by the digest, which is the key; the library's own way reads all tokens of the user.
        """
        # Bytes that are no token must not reach the database, which refuses some of them.
        if not token.isalnum() or len(token) > LONGEST:
            raise AuthenticationFailed(INVALID)
        digest = hash_token(token.decode("ascii"))
        found = AuthToken.objects.select_related("user").filter(pk=digest).first()
        if found is None or not found.user.is_active:
            raise AuthenticationFailed(INVALID)
        if found.expiry is not None and found.expiry <= timezone.now():
            found.delete()
            raise AuthenticationFailed(INVALID)
        user: User = found.user
        return user, found


class PageSession(SessionAuthentication):
    """Accept the session cookie; changes need the CSRF token in the `X-CSRFToken` header."""

    def authenticate_header(self, request: Any) -> str:
        """Name no scheme: a browser would open its password dialog."""
        return ""
