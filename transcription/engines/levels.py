"""How loud a window is over time, in steps of 20 ms: where it sounds, and whether it ever pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from transcription.types import SAMPLE_RATE

if TYPE_CHECKING:
    from transcription.engines.base import Samples

STEP_MS: Final = 20
_STEP: Final = SAMPLE_RATE * STEP_MS // 1000
_BELOW_LOUD_DB: Final = 30.0
"""Speech falls by more than this in its pauses; its quietest sounds stay above."""
_ABOVE_FLOOR_DB: Final = 6.0
_STEADY_DB: Final = 12.0
"""Speech varies by 20 dB and more within seconds; hum, noise and fans by less than this."""
_STEADY_FROM_MS: Final = 1_500


def levels(samples: Samples) -> NDArray[np.float32]:
    """Give the level of each whole step in dB of full scale, never below -100. 30 s cost about 1 ms."""
    steps = len(samples) // _STEP
    power = np.square(samples[: steps * _STEP]).reshape(steps, _STEP).mean(axis=1)
    result: NDArray[np.float32] = 10 * np.log10(np.maximum(power, np.float32(1e-10)))
    return result


def sounding(found: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which steps sound: within 30 dB of the loud ones and clear of the floor, where there is one."""
    if not len(found):
        return np.zeros(0, dtype=np.bool_)
    loud, floor = np.percentile(found, 95), np.percentile(found, 5)
    threshold = max(loud - _BELOW_LOUD_DB, min(floor + _ABOVE_FLOOR_DB, loud - _ABOVE_FLOOR_DB))
    return found > threshold


def is_steady(found: NDArray[np.float32]) -> bool:
    """Tell whether a window of some length has hardly any change of level, as no speech has."""
    if len(found) * STEP_MS < _STEADY_FROM_MS:
        return False
    low, high = np.percentile(found, (10, 90))
    return bool(high - low < _STEADY_DB)


def span_of_sound(found: NDArray[np.float32]) -> tuple[int, int]:
    """Give start and end in ms of what sounds; (0, 0) where nothing does."""
    where = np.flatnonzero(sounding(found))
    return (int(where[0]) * STEP_MS, int(where[-1] + 1) * STEP_MS) if len(where) else (0, 0)
