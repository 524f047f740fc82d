"""Outlast a restart of PostgreSQL: the one service whose loss work has to wait for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from django.db import InterfaceError, OperationalError, connections

from workers import shutdown

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S: Final = 300.0
"""A crash recovery takes seconds; after minutes the claims have expired anyway."""
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0

AWAY: Final = (OperationalError, InterfaceError)
"""What a call raises whose connection was lost, refused or rolled back by a deadlock."""


def patiently(call: Callable[[], T], *, patience_s: float = PATIENCE_S) -> T:
    """Call until PostgreSQL answers, for up to `patience_s`; then let its error out.

    The call may have been committed although its answer was lost, so it must be one that is harmless twice:
    every service behind a claim is, because the second time the claim is gone.
    """
    wait = FIRST_WAIT_S
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return call()
        except AWAY as error:
            close_connections()
            if time.monotonic() + wait > deadline or shutdown.asked():
                raise
            log.warning("PostgreSQL does not answer (%s); trying again", first_line(error))
            time.sleep(wait)
            wait = min(LONGEST_WAIT_S, wait * 2)


def close_connections() -> None:
    """Close this thread's connections, dead or alive; the next query opens new ones."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its class where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
