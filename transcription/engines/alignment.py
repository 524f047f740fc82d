"""Place words in time: the model's own alignment, brought back to where the sound is.

The alignment gives every moment to some word, so a word beside a pause is drawn over the pause. Words are
dealt to segments by their middle, so that matters: such words are cut back to their longest sounding part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from faster_whisper.transcribe import merge_punctuations
from numpy.typing import NDArray

from transcription.engines.levels import STEP_MS, sounding
from transcription.types import Word

_BEFORE_WORD: Final = "\"'“¿([{-"
_AFTER_WORD: Final = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001  (they are the marks of other scripts)
_PAUSE_STEPS: Final = 160 // STEP_MS
"""A shorter dip is a stop consonant within a word."""
_SHORTEST_TRIMMED_MS: Final = 240
"""A word shorter than this is left where it is: there is little to gain and a consonant to lose."""


def place_words(
    aligned: Sequence[dict[str, Any]], duration_ms: int, found_levels: NDArray[np.float32]
) -> tuple[Word, ...]:
    """Make words of what `find_alignment` gave: in order, within `0..duration_ms`, where it sounds.

    `found_levels`: levels of the window in dB in steps of 20 ms; empty where words are not to be trimmed.
    """
    pieces = [dict(piece) for piece in aligned]
    merge_punctuations(pieces, _BEFORE_WORD, _AFTER_WORD)
    sounds = sounding(found_levels)
    made: list[Word] = []
    earliest = 0
    for found in pieces:
        if not found["word"].strip():
            continue
        start = min(duration_ms, max(earliest, round(float(found["start"]) * 1000)))
        end = min(duration_ms, max(start, round(float(found["end"]) * 1000)))
        start, end = trimmed(start, end, sounds)
        made.append(Word(start, end, found["word"], float(found["probability"])))
        earliest = start
    return tuple(made)


def trimmed(start_ms: int, end_ms: int, sounds: NDArray[np.bool_]) -> tuple[int, int]:
    """Cut a word back to its longest run of sound; runs that a short dip parts count as one.

    `sounds`: what `levels.sounding` gives for the window that the times count from.
    """
    if end_ms - start_ms < _SHORTEST_TRIMMED_MS:
        return start_ms, end_ms
    first = start_ms // STEP_MS
    within = sounds[first : -(-end_ms // STEP_MS)]
    where = np.flatnonzero(within)
    if not len(where):
        return start_ms, end_ms
    breaks = np.flatnonzero(np.diff(where) > _PAUSE_STEPS)
    starts = np.concatenate(([where[0]], where[breaks + 1]))
    ends = np.concatenate((where[breaks], [where[-1]])) + 1
    longest = int(np.argmax(ends - starts))
    return (
        max(start_ms, (first + int(starts[longest])) * STEP_MS),
        min(end_ms, (first + int(ends[longest])) * STEP_MS),
    )
