"""Tell what the two channels of a recording are to each other: one sound, or a speaker on each.

A call recorded with a party on each channel is heard apart, a recording in stereo is not. Which it is shows
in the first stretch with sound: where one sound reached both channels they rise and fall together, whatever
their correlation (microphones apart shift it) and whatever the difference in level; where each has its own
speaker, now the one is louder, now the other.

Two channels of opposite polarity cancel when they are added, so their difference is taken then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from transcription.types import SAMPLE_RATE

Layout = Literal["mixed", "apart"]

_STEP: Final = SAMPLE_RATE // 10
_PIECE: Final = SAMPLE_RATE
"""Samples looked at together, so that the verdict does not depend on the pieces that come in."""
_SOUND_DBFS: Final = -70.0
"""What is softer in both channels is not looked at."""
_LOUD_DBFS: Final = -60.0
"""A channel that never gets louder than this has no speech of its own."""
_SPEECH_DB: Final = 20.0
"""Steps of 100 ms that are softer than this under the speech of both channels are pauses."""
_LOUDER_DB: Final = 6.0
_OWN_SHARE: Final = 0.03
"""Share of the steps with speech in which a channel must be louder than the other, by `_LOUDER_DB`, each."""
_TOGETHER: Final = 0.5
"""Correlation of the two levels over time from which on they rise and fall together. Calls have -0.4 to 0.25,
music and speech recorded in stereo 0.8 and more (measured on made calls and the stereo files of the corpus).
"""
_SAME: Final = 0.8
"""Correlation from which on two channels are one sound, without waiting for more."""
_SURELY_SAME: Final = 0.98
_CANCELS: Final = -0.5
"""Correlation under which a sum would lose more than 3 dB."""
_LOOK_AFTER_S: Final = (30, 60, 120)
"""When a verdict is sought, in seconds since the first sound. After the last there is one in any case."""
_LONGEST_LEAD_S: Final = 600
"""So much silence before the first sound is not waited for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How two channels are heard, and how they are mixed for playing."""

    layout: Layout
    difference: bool = False
    """Left less right instead of their mean: the sum would be silence."""

    def mix(self, frames: NDArray[np.int16]) -> NDArray[np.int16]:
        """Mix samples of shape `(n, 2)` to one channel, at the level of their mean."""
        left, right = frames[:, 0].astype(np.int32), frames[:, 1]
        mixed = (left - right if self.difference else left + right) >> 1
        return mixed.astype(np.int16)


class ChannelJudge:
    """Gives a verdict on two channels from samples that arrive in pieces: the same whatever the pieces."""

    def __init__(self) -> None:
        self.verdict: Verdict | None = None
        self.heard = False
        """Whether there was a sound yet; what came before it may be mixed in any way."""
        self._rest: NDArray[np.int16] = np.empty((0, 2), dtype=np.int16)
        self._lead_s = 0
        self._steps: list[NDArray[np.float64]] = []
        """Of each second since the first sound, for ten steps: left and right power, and their product."""

    def feed(self, frames: NDArray[np.int16]) -> Verdict | None:
        """Take the next samples, shape `(n, 2)`; give the verdict as soon as there is one."""
        frames = np.concatenate((self._rest, frames))
        at = 0
        while self.verdict is None and at + _PIECE <= len(frames):
            self._take(frames[at : at + _PIECE])
            at += _PIECE
        self._rest = frames[at:].copy() if self.verdict is None else frames[:0]
        return self.verdict

    def finish(self) -> Verdict:
        """Say that the recording ends here; give the verdict on what there was."""
        if self.verdict is None:
            if len(self._rest) >= _STEP:
                self._steps.append(_measure(self._rest[: len(self._rest) - len(self._rest) % _STEP]))
            self.verdict = self._judge(final=True)
        return self.verdict or Verdict("mixed")

    def _take(self, piece: NDArray[np.int16]) -> None:
        measured = _measure(piece)
        if not self.heard and measured[:, :2].max() < _power(_SOUND_DBFS):
            self._lead_s += 1
            if self._lead_s >= _LONGEST_LEAD_S:
                self.verdict = Verdict("mixed")
            return
        self.heard = True
        self._steps.append(measured)
        if len(self._steps) in _LOOK_AFTER_S:
            self.verdict = self._judge(final=len(self._steps) == _LOOK_AFTER_S[-1])

    def _judge(self, *, final: bool) -> Verdict | None:
        """Judge what was measured; None where it may be something else yet."""
        if not self._steps:
            return Verdict("mixed")
        powers = np.concatenate(self._steps)
        left, right = powers[:, 0], powers[:, 1]
        heard = np.maximum(left, right) >= _power(_SOUND_DBFS)
        if not heard.any():
            return Verdict("mixed")
        levels = 10 * np.log10(np.maximum(powers[:, :2], _power(-96.0)))
        speech = np.percentile(levels[heard], 95, axis=0)
        # A channel without speech must not be made louder than it is.
        relative = levels - np.maximum(speech, 10 * np.log10(_power(_LOUD_DBFS)))
        spoken = heard & (relative.max(axis=1) > -_SPEECH_DB)
        whole = float(left[spoken].sum() * right[spoken].sum()) ** 0.5
        correlation = float(powers[spoken, 2].sum()) / whole if whole else 0.0
        if abs(correlation) < _SAME and _are_apart(np.maximum(relative[spoken], -1.5 * _SPEECH_DB)):
            return Verdict("apart")
        looked_long = len(self._steps) > _LOOK_AFTER_S[0]
        if final or abs(correlation) >= (_SAME if looked_long else _SURELY_SAME):
            return Verdict("mixed", difference=correlation <= _CANCELS)
        return None


def _are_apart(levels: NDArray[np.float64]) -> bool:
    """Tell from the levels of both channels, in dB under the speech of each, whether each has its own."""
    louder = levels[:, 0] - levels[:, 1]
    if min(np.mean(louder > _LOUDER_DB), np.mean(louder < -_LOUDER_DB)) < _OWN_SHARE:
        return False
    left, right = (levels - levels.mean(axis=0)).T
    return bool(left @ right < _TOGETHER * ((left @ left) * (right @ right)) ** 0.5)


def _measure(frames: NDArray[np.int16]) -> NDArray[np.float64]:
    """Measure steps of 100 ms: power of left and right, and their product; of the differences of neighbouring
    samples, so that hum and rumble, which any two channels may share, count for little.
    """
    steps = np.diff(frames.reshape(-1, _STEP, 2).astype(np.float32), axis=1)
    left, right = steps[:, :, 0], steps[:, :, 1]
    made = [np.einsum("ij,ij->i", a, b) for a, b in ((left, left), (right, right), (left, right))]
    return np.stack(made, axis=1).astype(np.float64) / (_STEP - 1)


def _power(dbfs: float) -> float:
    return float(32768.0**2 * 10 ** (dbfs / 10))
