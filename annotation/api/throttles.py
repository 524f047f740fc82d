"""How often one person may call: counters in the cache, so that losing Redis opens them.

Right for saving work, wrong for guessing passwords: log-in attempts are counted in PostgreSQL (axes).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from django.core.cache import cache
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

#: Scope: requests per window of seconds. A person at full speed stays far below; a runaway script does not.
RATES: Final[dict[str, tuple[int, int]]] = {
    "read": (1000, 10),
    "write": (200, 10),
    "save": (400, 10),
    "upload": (400, 10),
    "export": (20, 60),
    "token": (60, 60),
}


class PerPerson(BaseThrottle):
    """Count the requests of one person (or address, before they are known) in fixed windows."""

    wait_s: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Say whether this request is within its scope's rate."""
        scope: str = getattr(view, "throttle_scopes", {}).get(request.method, "")
        if not scope:
            scope = "read" if request.method in ("GET", "HEAD", "OPTIONS") else "write"
        limit, seconds = RATES[scope]
        now = time.time()
        window = int(now // seconds)
        key = f"rate:{scope}:{_who(request)}:{window}"
        if count(key, seconds) <= limit:
            return True
        self.wait_s = (window + 1) * seconds - now
        return False

    def wait(self) -> float | None:
        """Return the seconds until the next window."""
        return self.wait_s


def count(key: str, seconds: int) -> int:
    """Count one event under `key`, kept for two windows; 1 when the cache is away."""
    if cache.add(key, 1, seconds * 2):
        return 1
    try:
        return int(cache.incr(key))
    except ValueError:  # it ran out between the two
        return 1


def _who(request: Any) -> str:
    user = request.user
    if user is not None and user.is_authenticated:
        return f"u{user.pk}"
    return f"a{request.META.get('REMOTE_ADDR', '')}"
