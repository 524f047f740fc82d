"""How much to decode at once, learnt from how long it takes: a step is what nobody can break into."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

from annotation.services.decodings import Fit
from annotation.states import Pass

DRAFT_STEP_S: Final = 0.4
"""Of a processor that drafts: a person who comes waits for the end of the step, at most about so long."""
REFINE_STEP_S: Final = 1.0
GPU_STEP_S: Final = 0.5
GPU_WINDOWS: Final = 256
"""A GPU is filled by many windows; the length of the step is what bounds them."""


def step_s(passes: Collection[Pass], *, gpu: bool) -> float:
    """Return how long one step of a worker may take that serves these passes."""
    if gpu:
        return GPU_STEP_S
    return DRAFT_STEP_S if Pass.DRAFT in passes else REFINE_STEP_S


class Pace:
    """Learn how long a second of audio takes with one model, and say how much of it fits in one step."""

    def __init__(self) -> None:
        self._rtf: float | None = None
        self._largest = 0
        self._most: int | None = None

    @property
    def known(self) -> bool:
        """Tell whether a step was measured."""
        return self._rtf is not None

    def fit(self, step_s: float, windows: int) -> Fit:
        """Return what to decode at once, up to so many windows: one until the pace is known.

        Twice as many as ever before at most: on a GPU more at once are cheaper each, and that shows only when
        it is tried.
        """
        if self._rtf is None:
            return Fit(1)
        most = min(windows, 2 * self._largest, self._most or windows)
        return Fit(max(1, most), math.floor(1000 * step_s / self._rtf))

    def learn(self, audio_ms: int, spent_s: float, windows: int) -> None:
        """Take in one step: half of what is known, half of what was seen."""
        rtf = max(1e-6, spent_s / max(0.1, audio_ms / 1000))
        self._rtf = rtf if self._rtf is None else (self._rtf + rtf) / 2
        self._largest = max(self._largest, windows)

    def shrink(self, windows: int) -> None:
        """Remember that `windows` at once were too many for the memory of the device."""
        self._most = max(1, min(self._most or windows, windows // 2))
