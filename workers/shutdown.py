"""Ask the work of this worker to stop at its next boundary.

The parent process hears SIGTERM; the work may run in a forked child. One byte of shared memory, made before
any fork, carries the news to both without a lock that could be held at the wrong moment.
"""

from __future__ import annotations

import mmap
import time
from typing import Final

GRACE_S: Final = 6.0
"""How long work may go on after being asked, before its claims are handed back under its feet.

Shorter, by the time a hand-back takes, than `config.up.WORKER_STOP_S`, after which there is a SIGKILL."""

_asked = mmap.mmap(-1, 1)
_seen: float | None = None


def ask() -> None:
    """Ask every process of this worker to stop taking work. Safe in a signal handler."""
    _asked[0] = 1


def asked() -> bool:
    """Say whether the worker was asked to stop."""
    return bool(_asked[0])


def overdue() -> bool:
    """Say whether this process has known for more than `GRACE_S` that it should stop."""
    global _seen
    if not asked():
        return False
    if _seen is None:
        _seen = time.monotonic()
    return time.monotonic() - _seen > GRACE_S


def forget() -> None:
    """Take the request back: for tests, which run several workers' code in one process."""
    global _seen
    _asked[0] = 0
    _seen = None
