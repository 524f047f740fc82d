"""Tell pauses from speech by loudness, relative to the recording's own noise, in 10 ms steps.

Each step has a level: its RMS about its own mean (so that a constant offset and low hum count for little) in
half decibels above -96 dBFS, one byte. For every 5 s of audio the levels within 30 s of it give the noise
floor (their 5th percentile) and the speech level (their 95th); a step is silent below a threshold between
the two. So a recording whose noise changes has a threshold that follows, and a quiet recording is not all
silence. Where pauses were gated to digital silence (VoIP, noise gates) that silence is the floor: otherwise
the softer of two speakers would be taken for the noise.

Measured against Silero VAD on 21 human and 21 synthetic clips (6 minutes): 93 % of the pauses of 300 ms or
more are found, 2 % of what Silero calls speech is called silent, mostly the closures of stops; 4 % with noise
added at 15 and 25 dB. It costs 0.04 CPU seconds an hour, Silero 6.3.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from transcription.types import Span

STEP_MS: Final = 10
_BLOCK: Final = 500
"""Steps that share a threshold: 5 s."""
_REACH: Final = 6
"""Blocks looked at to each side: 30 s."""
_UNITS_PER_DB: Final = 2
_FLOOR_DBFS: Final = -96.0
_ALWAYS_SILENT: Final = round((-72.0 - _FLOOR_DBFS) * _UNITS_PER_DB)
"""Steps under -72 dBFS are silent whatever surrounds them: below the noise of any microphone."""
_LEAST_CONTRAST: Final = 10 * _UNITS_PER_DB
"""With less between floor and speech nothing can be told apart: steady noise, a tone."""
_SHARE: Final = 0.25
"""Where between floor and speech the threshold lies, in decibels."""
_LEAST_ABOVE_FLOOR: Final = 4 * _UNITS_PER_DB
_MOST_ABOVE_FLOOR: Final = 18 * _UNITS_PER_DB
MIN_SILENCE_MS: Final = 200
_MIN_SOUND_MS: Final = 30
"""Shorter sounds within a pause (clicks) do not end it."""


def step_levels(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Give the level of each whole 10 ms of `samples` (16 kHz); a shorter rest is left out."""
    count = len(samples) // 160
    frames = samples[: count * 160].reshape(count, 160).astype(np.float32)
    # Products with a vector of ones: a fifth of the cost of numpy's own mean over short rows.
    mean = frames @ np.full(160, 1 / 160, dtype=np.float32)
    power = np.einsum("ij,ij->i", frames, frames) / 160 - mean * mean
    decibels = 10 * np.log10(np.maximum(power, 1e-3) / 32768.0**2)
    levels: NDArray[np.uint8] = np.clip(np.rint((decibels - _FLOOR_DBFS) * _UNITS_PER_DB), 0, 255).astype(
        np.uint8
    )
    return levels


def thresholds(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give the threshold of each block of 5 s, in the units of `levels`."""
    levels = _without_padding(levels)
    blocks = -(-len(levels) // _BLOCK)
    made = np.empty(blocks, dtype=np.uint8)
    near = np.zeros(256, dtype=np.int64)
    for index in range(-_REACH, blocks):
        # Slide along: the block that comes within reach is counted, the one that leaves it no more.
        near += _counts(levels, index + _REACH) - _counts(levels, index - _REACH - 1)
        if index >= 0:
            made[index] = _threshold(near)
    return made


def find_silences(levels: NDArray[np.uint8], duration_ms: int) -> tuple[Span, ...]:
    """Find pauses of at least 200 ms, ordered and apart. The last one reaches `duration_ms` when it lasts to
    the end.
    """
    if len(levels) == 0:
        return ()
    quiet = levels < np.repeat(thresholds(levels), _BLOCK)[: len(levels)]
    starts, ends = _runs(~quiet)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if (end - start) * STEP_MS < _MIN_SOUND_MS and start > 0 and end < len(quiet):
            quiet[start:end] = True
    starts, ends = _runs(quiet)
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        end_ms = duration_ms if end == len(quiet) else end * STEP_MS
        if end_ms - start * STEP_MS >= MIN_SILENCE_MS:
            found.append(Span(start * STEP_MS, end_ms))
    return tuple(found)


def _without_padding(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tell digital silence between sounds (level 1), a gate at work, from that before and after all of them
    (level 0), which says nothing about the pauses.
    """
    sounds = np.flatnonzero(levels >= _ALWAYS_SILENT)
    if len(sounds) == 0:
        return np.zeros_like(levels)
    marked = np.where(levels < _ALWAYS_SILENT, 1, levels).astype(np.uint8)
    marked[: sounds[0]] = 0
    marked[sounds[-1] + 1 :] = 0
    return marked


def _counts(levels: NDArray[np.uint8], block: int) -> NDArray[np.int64]:
    """Count each level in one block of 5 s; nothing before the first and after the last."""
    start = max(0, block * _BLOCK)
    return np.bincount(levels[start : max(0, (block + 1) * _BLOCK)], minlength=256)


def _threshold(counts: NDArray[np.int64]) -> int:
    heard = counts.copy()
    heard[_ALWAYS_SILENT] += heard[1]
    heard[:_ALWAYS_SILENT] = 0
    total = int(heard.sum())
    if total == 0:
        return _ALWAYS_SILENT
    cumulated = np.cumsum(heard)
    floor = int(np.searchsorted(cumulated, 0.05 * total))
    speech = int(np.searchsorted(cumulated, 0.95 * total))
    contrast = speech - floor
    if contrast < _LEAST_CONTRAST:
        return _ALWAYS_SILENT
    above = min(_MOST_ABOVE_FLOOR, max(_LEAST_ABOVE_FLOOR, round(_SHARE * contrast)))
    return max(_ALWAYS_SILENT, floor + above)


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return edges[::2], edges[1::2]
