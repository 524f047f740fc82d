"""What any engine does around its model: check windows, pass over silence, split what is too long, join it
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from transcription.engines.base import WindowAudio
from transcription.errors import EngineError
from transcription.types import SAMPLE_RATE, Flag, Heard, Signals, Word

if TYPE_CHECKING:
    from transcription.engines.base import Samples

MIN_WINDOW_MS: Final = 100
"""Shorter windows are not decoded: CTranslate2 before 4.8.1 died on them, and no word is that short."""
SILENT_PEAK: Final = 8 / 32768
"""A window whose loudest sample is below this (-72 dBFS) is not decoded: models make words of it."""
_SPLIT_STEP: Final = SAMPLE_RATE // 50


def check_window(window: WindowAudio, index: int) -> None:
    """Raise EngineError `bad_input` where a window breaks its contract, naming which and how."""
    samples = window.samples
    if window.sample_rate != SAMPLE_RATE:
        raise EngineError(
            "bad_input", f"Window {index} has {window.sample_rate} Hz; {SAMPLE_RATE} are needed."
        )
    if samples.dtype != np.float32 or samples.ndim != 1:
        raise EngineError(
            "bad_input",
            f"Window {index} is {samples.dtype} of {samples.ndim} dimensions, not float32 of one.",
        )
    if not np.isfinite(samples).all():
        raise EngineError("bad_input", f"Window {index} holds samples that are not numbers.")


def unheard(window: WindowAudio) -> Flag | None:
    """Say why a window need not be decoded, or None."""
    if window.duration_ms < MIN_WINDOW_MS:
        return "too_short"
    if float(np.abs(window.samples).max()) < SILENT_PEAK:
        return "silence"
    return None


def nothing(flag: Flag, language: str) -> Heard:
    """Make the result of a window that was not decoded."""
    return Heard("", (), Signals(0.0, 1.0, 0.0, 0.0, language, 0.0, 0), (flag,))


def split_long(samples: Samples, max_ms: int) -> list[Samples]:
    """Split samples into parts of at most `max_ms`, each cut at the quietest 20 ms of the latter half of a
    part.
    """
    limit = max_ms * SAMPLE_RATE // 1000
    parts = []
    while len(samples) > limit:
        tail = samples[limit // 2 : limit]
        steps = len(tail) // _SPLIT_STEP
        loudness = np.square(tail[: steps * _SPLIT_STEP]).reshape(steps, _SPLIT_STEP).sum(axis=1)
        cut = limit // 2 + int(loudness.argmin()) * _SPLIT_STEP + _SPLIT_STEP // 2
        parts.append(samples[:cut])
        samples = samples[cut:]
    parts.append(samples)
    return parts


def join(parts: Sequence[Heard], durations_ms: Sequence[int]) -> Heard:
    """Join what was heard in the parts of one window: texts in order, words shifted, the worst of the
    signals.

    Log-probability is averaged over tokens; for the rest the worst part speaks for the whole, so that a
    doubtful part is not hidden behind good ones.
    """
    if len(parts) == 1:
        return parts[0]
    words: list[Word] = []
    offset = 0
    for part, duration in zip(parts, durations_ms, strict=True):
        words += [
            replace(word, start_ms=word.start_ms + offset, end_ms=word.end_ms + offset) for word in part.words
        ]
        offset += duration
    tokens = sum(part.signals.tokens for part in parts)
    longest = max(parts, key=lambda part: part.signals.tokens)
    signals = Signals(
        avg_logprob=sum(part.signals.avg_logprob * part.signals.tokens for part in parts) / max(1, tokens),
        no_speech_prob=min(part.signals.no_speech_prob for part in parts),
        compression_ratio=max(part.signals.compression_ratio for part in parts),
        temperature=max(part.signals.temperature for part in parts),
        language=longest.signals.language,
        language_probability=longest.signals.language_probability,
        tokens=tokens,
    )
    some_text = any(part.text for part in parts)
    empty: tuple[Flag, ...] = ("too_short", "silence", "no_speech")
    flags: list[Flag] = ["split"]
    for part in parts:
        # That one part is silent is no fault of a window that holds speech.
        flags += [flag for flag in part.flags if flag not in flags and not (some_text and flag in empty)]
    return Heard(" ".join(part.text for part in parts if part.text), tuple(words), signals, tuple(flags))
