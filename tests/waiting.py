"""Waiting for what must happen, as long as the slowest machine may need; no test measures a time by it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 120.0
"""After so long it will not happen: the test ends as failed instead of hanging."""
AT_ONCE_S: Final = 30.0
"""What waits for nothing is over by then even on a busy machine; what a bound had to end is not."""


def until(condition: Callable[[], object], told: Callable[[], object] | str = "it never happened") -> None:
    """Wait until `condition` holds; fail with what is `told` once patience has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(told() if callable(told) else told)
        time.sleep(0.02)
