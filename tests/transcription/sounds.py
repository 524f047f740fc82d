"""Sounds that are no speech, made here: mono float32 at 16 kHz."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]


def silence(seconds: float) -> Sound:
    """Give digital silence."""
    return np.zeros(round(seconds * 16_000), np.float32)


def noise(seconds: float, level_db: float = -25.0, seed: int = 0) -> Sound:
    """Give white noise of a level in dB of full scale."""
    drawn = np.random.default_rng(seed).normal(0, 10 ** (level_db / 20), round(seconds * 16_000))
    return drawn.astype(np.float32)


def hum(seconds: float) -> Sound:
    """Give mains hum: 50 Hz and its odd harmonics, with a little noise."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    made = np.sum([np.sin(2 * np.pi * 50 * n * time + n) / n for n in (1, 3, 5, 7, 9)], axis=0)
    humming: Sound = (0.15 * made).astype(np.float32) + noise(seconds, -60)
    return humming


def music(seconds: float) -> Sound:
    """Give a chord progression with decaying notes, a bass and a beat, at 120 beats a minute."""
    rate, beat = 16_000, 8_000
    made = np.zeros(round(seconds * rate) + 4 * beat, np.float64)
    draw = np.random.default_rng(1)
    chords = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (164.8, 207.7, 246.9))
    for index in range(round(seconds * rate) // beat):
        time = np.arange(2 * beat) / rate
        chord = chords[index // 4 % 4]
        note = sum(np.sin(2 * np.pi * f * n * time) / n**2 for f in (*chord, chord[0] / 2) for n in (1, 2, 3))
        at = index * beat
        made[at : at + 2 * beat] += note * np.exp(-3 * time)
        made[at : at + 1_600] += draw.normal(0, 1, 1_600) * np.exp(-np.arange(1_600) / 300)
    return (made[: round(seconds * rate)] * 0.08).astype(np.float32)


NOT_SPEECH: Final[dict[str, Callable[[float], Sound]]] = {
    "silence": silence,
    "hum": hum,
    "music": music,
    "noise": noise,
}
