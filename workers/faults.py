"""A fake engine that fails on purpose, for the fault tests: it dies, hangs or lacks memory on marked windows.

A window is marked by its loudness, so the mark travels with the audio and through any batch: the option
`kill_above=0.9` kills the process that decodes a window with a sample above 0.9 of full scale.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from transcription.engines.fake import FakeEngine
from transcription.errors import EngineError

if TYPE_CHECKING:
    from transcription.engines.base import Ready
    from transcription.types import Heard

KNOWN: Final = frozenset(
    {"seconds", "kill_above", "memory_above", "hang_above", "fail_above", "most_windows"}
)


class FaultyEngine(FakeEngine):
    """Hear made-up words after `seconds` for each window, and do to marked windows what the options say.

    Where a window is above several bounds, dying goes before hanging, then want of memory, then failing.

    `most_windows`: more than so many at once are refused for want of memory, as a small device would.
    """

    def __init__(self, name: str, figures: Mapping[str, float]) -> None:
        unknown = sorted(set(figures) - KNOWN)
        if unknown:
            raise ValueError(f"the fake engine knows {', '.join(sorted(KNOWN))}, not {', '.join(unknown)}")
        super().__init__(sleep_s=figures.get("seconds", 0.0), name=name)
        self._figures = dict(figures)

    def decode_ready(self, ready: Ready) -> list[Heard]:
        """Decode as FakeEngine does, unless a window of the batch is marked."""
        batch = ready.windows
        if len(batch) > self._figures.get("most_windows", float("inf")):
            raise EngineError("out_of_memory", f"{len(batch)} windows at once are too many for this device.")
        loudest = max((float(np.abs(window.samples).max(initial=0.0)) for window in batch), default=0.0)
        if self._above("kill_above", loudest):
            os.kill(os.getpid(), signal.SIGKILL)
        if self._above("hang_above", loudest):
            while True:
                time.sleep(60)
        if self._above("memory_above", loudest):
            raise MemoryError("the fake engine was told to run out of memory")
        if self._above("fail_above", loudest):
            raise EngineError("decode_failed", "The fake engine was told to fail on this window.")
        return super().decode_ready(ready)

    def _above(self, name: str, loudest: float) -> bool:
        return loudest > self._figures.get(name, float("inf"))
