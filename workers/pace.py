"""How much to decode at once, learnt from how long it takes: a step is what nobody can break into."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from annotation import presence
from annotation.services.decodings import Fit
from annotation.services.turns import Head
from annotation.states import Pass, Priority

DRAFT_STEP_S: Final = 0.4
"""Of a processor that drafts, while a person may come: they wait for the end of the step, about so long."""
LONG_STEP_S: Final = 1.0
"""Of one that only refines, or of anyone while nobody is there. Eight windows at once are 14 % cheaper each
than one (tiny.en, fitted), and the first person who comes still waits no longer than this."""
GPU_STEP_S: Final = 0.5
GPU_WINDOWS: Final = 256
"""A GPU is filled by many windows; the length of the step is what bounds them."""


COMPANY_S: Final = 60.0
"""For so long after a person waited, the next one may come."""
FRESH_S: Final = 5.0
"""The first text of what was just uploaded comes in short steps; what follows of it is bulk to the eye."""
PAUSE_S: Final = 2.0
"""An upload that turns up after so long without any is a new one."""
ASK_EVERY_S: Final = 1.0


def step_s(passes: Collection[Pass], *, gpu: bool, hurry: bool) -> float:
    """Return how long one step of a worker may take that serves these passes; `hurry`: a person may come."""
    if gpu:
        return GPU_STEP_S
    return DRAFT_STEP_S if hurry and Pass.DRAFT in passes else LONG_STEP_S


class Company:
    """Tell whether somebody may come who waits: one has waited lately, has a recording open, or uploads.

    Short steps cost throughput, and are worth it only then.
    """

    def __init__(
        self,
        ask: Callable[[], bool] = presence.is_anybody_here,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._clock = ask, clock
        self._person_at = self._fresh_at = self._fresh_since = self._asked_at = -math.inf
        self._is_here = False

    def saw(self, heads: Sequence[Head]) -> None:
        """Note who waits now."""
        now = self._clock()
        hastes = {head.haste for head in heads}
        if Priority.PERSON in hastes:
            self._person_at = now
        if Priority.FRESH in hastes:
            if now - self._fresh_at > PAUSE_S:
                self._fresh_since = now
            self._fresh_at = now

    @property
    def may_come(self) -> bool:
        """Tell whether steps have to be short."""
        now = self._clock()
        if now - self._person_at < COMPANY_S or now - self._fresh_since < FRESH_S:
            return True
        if now - self._asked_at >= ASK_EVERY_S:
            self._asked_at, self._is_here = now, self._ask()
        return self._is_here


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
