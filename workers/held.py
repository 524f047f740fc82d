"""What a worker has claimed and not answered for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from annotation.services.decodings import Claimed


class Held:
    """Know every window this worker has claimed and not answered for; asked by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: dict[int, Claimed] = {}

    def add(self, claims: Sequence[Claimed]) -> None:
        """Take in what was claimed."""
        with self._lock:
            self._claims.update({claimed.id: claimed for claimed in claims})

    def drop(self, claims: Sequence[Claimed]) -> None:
        """Forget what was answered for."""
        with self._lock:
            for claimed in claims:
                self._claims.pop(claimed.id, None)

    def all(self, *, but: Sequence[Claimed] = ()) -> tuple[Claimed, ...]:
        """List what is held, in order, but for some."""
        left_out = {claimed.id for claimed in but}
        with self._lock:
            return tuple(c for pk, c in sorted(self._claims.items()) if pk not in left_out)
