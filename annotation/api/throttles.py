"""How often one person may call: counters in Redis, so that losing Redis opens them.

Right for saving work, wrong for guessing passwords: log-in attempts are counted in PostgreSQL (axes).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError
from rest_framework.throttling import BaseThrottle

from annotation import progress
from annotation.middleware import address_of

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

log = logging.getLogger(__name__)

#: Scope: requests per window of seconds. A person at full speed stays far below; a runaway script does not.
RATES: Final[dict[str, tuple[int, int]]] = {
    "read": (1000, 10),
    "write": (200, 10),
    "save": (400, 10),
    "upload": (400, 10),
    "export": (20, 60),
    "token": (60, 60),
}


#: After a failure nothing is counted for so long: a Redis that hangs must not slow every request.
QUIET_S: Final = 2.0


class _Quiet:
    until = 0.0


_quiet = _Quiet()


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
    """Count one event under `key`, kept for two windows; 1 when Redis is away.

    Not through Django's cache, which opens a connection for each request of an ASGI site.
    """
    if time.monotonic() < _quiet.until:
        return 1
    try:
        with progress.client().pipeline(transaction=False) as pipe:
            pipe.set(f"earmark:{key}", 0, ex=seconds * 2, nx=True)
            pipe.incr(f"earmark:{key}")
            return int(pipe.execute()[1])
    except (RedisError, OSError) as error:
        _quiet.until = time.monotonic() + QUIET_S
        log.warning("rates not counted (%s)", type(error).__name__)
        return 1


def _who(request: Any) -> str:
    user = request.user
    if user is not None and user.is_authenticated:
        return f"u{user.pk}"
    return f"a{address_of(request)}"
