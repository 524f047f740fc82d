"""How many feature frames go through the model in one call: found by trying, halved when memory runs out.

Memory is activations and grows with frames; time of a step does, too, and a step can't be interrupted.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable
from typing import Final

from transcription.engines.pieces import FULL_FRAMES

log = logging.getLogger(__name__)

CPU_FRAMES: Final = 12_000
"""Four windows of 30 s: on a CPU the decoder is best at 4 and the encoder at 1 (PERFORMANCE of tiny, 2 cores:
662 ms a window at 4, 767 at 1, 720 at 8), and 12,000 frames of `base` with beam 5 take about 0.4 GB.
"""
_MAX_ROWS: Final = 64
_MAX_BEAMS: Final = 480
"""Hypotheses of one call: each has a cache of its own in the decoder."""
STEP_S: Final = 0.5
"""The longest step on a GPU: somebody who waits for a draft waits for it."""
MEMORY_SHARE: Final = 0.8


class Budget:
    """Frames for one call on one device. `find` measures them, once, when they are first asked for."""

    def __init__(self, frames: int | None = None, *, find: Callable[[], int] | None = None) -> None:
        self._frames = frames or CPU_FRAMES
        self._find = find

    @property
    def frames(self) -> int:
        """Give the frames of one call."""
        if self._find is not None:
            find, self._find = self._find, None
            self._frames = max(FULL_FRAMES, find())
        return self._frames

    def rows(self, frames: int, beam_size: int) -> int:
        """Give how many pieces of `frames` each may go through the model together, at least one."""
        return max(1, min(self.frames // frames, _MAX_ROWS, _MAX_BEAMS // beam_size))

    def shrink(self, rows: int, frames: int) -> None:
        """Remember that `rows` of `frames` were too much: at most half of it from now on."""
        self._frames = max(1, min(self._frames, rows * frames // 2))
        log.warning(
            "out of memory with %d windows of %d frames; %d frames from now on", rows, frames, self._frames
        )


def largest(step: Callable[[int], float], memory_share: Callable[[], float], *, most: int = _MAX_ROWS) -> int:
    """Find the frames of the largest batch of full windows that is quick and leaves memory.

    `step(rows)` runs one batch and gives its seconds, or raises RuntimeError where it does not fit.
    `memory_share()` gives the used share of the device's memory, 0..1.
    """
    rows, best = 1, 1
    try:
        step(1)  # the first call pays for kernels and caches
        while rows <= most:
            took = step(rows)
            if took > STEP_S or memory_share() > MEMORY_SHARE:
                break
            best = rows
            rows *= 2
    except (RuntimeError, MemoryError) as error:
        log.info("a batch of %d windows does not fit: %s", rows, error)
    return best * FULL_FRAMES


def timed(call: Callable[[], object]) -> float:
    """Give the seconds a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def cuda_memory_share(device_index: int) -> float:
    """Give the used share of a GPU's memory by nvidia-smi; 0 where it can't be asked."""
    try:
        answer = subprocess.run(
            [
                "nvidia-smi",
                f"--id={device_index}",
                "--query-gpu=memory.used,memory.total",
                "--format=csv,noheader,nounits",
            ],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
        used, total = (float(part) for part in answer.stdout.strip().split(","))
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0
    return used / total if total else 0.0
