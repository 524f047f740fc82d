"""Remember what this process cannot do for now, so that it leaves that work to healthy ones.

A machine at fault (a broken device, too little memory, an unreadable disk) is quicker at failing than others
are at working: it would go through the whole queue.
"""

from __future__ import annotations

import time
from typing import Final

REST_S: Final = 120.0
"""How long the process does not try again what it could not do."""


class Shunned:
    """Hold what is shunned, each with why; what is older than `REST_S` is tried again."""

    def __init__(self) -> None:
        self._why: dict[str, tuple[float, str]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """List what is shunned now."""
        return tuple(self._fresh())

    @property
    def trouble(self) -> str:
        """Say why, for the people who look after the site; empty while nothing is shunned."""
        return " ".join(dict.fromkeys(self._fresh().values()))

    def add(self, name: str, why: str) -> None:
        """Shun a model, or a kind of work, from now on."""
        self._why[name] = (time.monotonic(), why)

    def clear(self) -> None:
        """Forget everything, as a new process would."""
        self._why.clear()

    def _fresh(self) -> dict[str, str]:
        now = time.monotonic()
        return {name: why for name, (since, why) in self._why.items() if now - since < REST_S}


shunned: Final = Shunned()
"""What this process shuns."""
