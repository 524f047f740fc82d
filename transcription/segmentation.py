"""Cut recordings into segments and plan the windows that are decoded. Pure functions of integers.

Segments never overlap, are in order and lie within the recording. What no segment covers is silence.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from transcription.types import Span

Quietest = Callable[[int, int], int]
"""Gives the best place in ms to cut within [start, end) where there is no pause, for example
`peaks.quietest_ms`.
"""

MAX_WINDOW_MS: Final = 29_900
"""The most one window may last. Whisper takes 30 s; a cut of 30.016 s would cost a second window (measured).
"""
_LONG_PAUSE_MS: Final = 1_000
"""A pause from which on longer is no better as a place to cut."""
_SHORTEST_PAUSE_COST: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Cut:
    """A place where one segment may end and the next begin, with what choosing it costs."""

    end_ms: int
    start_ms: int
    cost: float
    forced: bool


def cut_at_pauses(
    duration_ms: int,
    silences: Sequence[Span],
    *,
    target_ms: int = 8_000,
    max_ms: int = 25_000,
    min_ms: int = 1_000,
    pause_ms: int | None = 2_000,
    pad_ms: int = 120,
    quietest: Quietest | None = None,
) -> list[Span]:
    """Cut `[0, duration_ms)` into segments at its pauses, none longer than `max_ms`.

    Which pauses are used is found by least total cost over the whole recording: a segment costs the square of
    its distance from `target_ms`, a cut costs more the shorter its pause is. Segments under `min_ms` are made
    only where there is no other way. A pause of `pause_ms` or more always separates segments, however short
    they are (None: never); models that take one sentence at a time want about 250.

    A cut lies in the middle of its pause. Where that leaves a segment more than `pad_ms` of silence at an
    end, the rest of the silence belongs to no segment. A stretch of sound longer than `max_ms` without a
    pause is cut where `quietest` says, else at even lengths.

    A recording that is all silence gives one segment, of at most `max_ms` from its start, so that it is seen
    and not lost. Raises ValueError where 0 < min_ms <= target_ms <= max_ms does not hold, or where silences
    overlap, are out of order or end after `duration_ms`.
    """
    if not 0 < min_ms <= target_ms <= max_ms:
        raise ValueError("segment lengths need 0 < min_ms <= target_ms <= max_ms")
    if duration_ms <= 0:
        return []
    _check(silences, duration_ms)
    sounds = _sounds(duration_ms, silences)
    if not sounds:
        return [Span(0, min(duration_ms, max_ms))]
    cuts = _candidates(sounds, duration_ms, pad_ms=pad_ms, pause_ms=pause_ms)
    cuts = list(_with_cuts_in_long_sounds(cuts, max_ms, quietest))
    made: list[Span] = []
    first = 0
    for index in range(1, len(cuts)):
        if cuts[index].forced or index == len(cuts) - 1:
            made += _cheapest(cuts[first : index + 1], target_ms=target_ms, max_ms=max_ms, min_ms=min_ms)
            first = index
    return made


def cut_fixed(duration_ms: int, length_ms: int = 30_000) -> list[Span]:
    """Cut every `length_ms` whatever is said there; the last segment takes what is left.

    Spans are exact to the sample because audio is sliced from PCM: 30 s is 480,000 samples, never more.
    Raises ValueError where `length_ms` is not positive.
    """
    if length_ms <= 0:
        raise ValueError("length_ms must be positive")
    return [Span(at, min(at + length_ms, duration_ms)) for at in range(0, max(0, duration_ms), length_ms)]


def plan_windows(
    segments: Sequence[Span], max_window_ms: int = 28_000, *, merge: bool = False, max_gap_ms: int = 2_000
) -> list[Span]:
    """Plan what the decoder is given at once: each segment by itself or, with `merge`, neighbours together.

    Merged windows last at most `max_window_ms` and hold whole segments, so that words can be dealt back by
    their times. Segments further apart than `max_gap_ms` are not merged. A single segment longer than
    `max_window_ms` stays one window: the engine splits it for its model and says so.
    """
    windows: list[Span] = []
    for segment in segments:
        last = windows[-1] if windows else None
        if (
            merge
            and last is not None
            and segment.start_ms - last.end_ms <= max_gap_ms
            and segment.end_ms - last.start_ms <= max_window_ms
        ):
            windows[-1] = Span(last.start_ms, segment.end_ms)
        else:
            windows.append(segment)
    return windows


def segments_of_window(window: Span, segments: Sequence[Span]) -> range:
    """Give the indexes of the segments that lie within `window`; `segments` in order, as they were cut."""
    first = bisect_left(segments, window.start_ms, key=lambda span: span.start_ms)
    last = bisect_right(segments, window.end_ms, key=lambda span: span.end_ms)
    return range(first, max(first, last))


def _check(silences: Sequence[Span], duration_ms: int) -> None:
    at = 0
    for silence in silences:
        if silence.start_ms < at or silence.end_ms > duration_ms:
            raise ValueError("silences must be in order, apart and within the recording")
        at = silence.end_ms


def _sounds(duration_ms: int, silences: Sequence[Span]) -> list[Span]:
    sounds = []
    at = 0
    for silence in silences:
        if silence.start_ms > at:
            sounds.append(Span(at, silence.start_ms))
        at = silence.end_ms
    if at < duration_ms:
        sounds.append(Span(at, duration_ms))
    return sounds


def _candidates(sounds: Sequence[Span], duration_ms: int, *, pad_ms: int, pause_ms: int | None) -> list[_Cut]:
    """List the places to cut: the beginning, each pause, the end. The outer two are free and forced."""
    first, last = sounds[0], sounds[-1]
    cuts = [_Cut(0, max(0, first.start_ms - pad_ms), 0.0, forced=True)]
    for before, after in pairwise(sounds):
        pause = after.start_ms - before.end_ms
        middle = before.end_ms + pause // 2
        shortness = 1 - min(pause, _LONG_PAUSE_MS) / _LONG_PAUSE_MS
        cuts.append(
            _Cut(
                end_ms=min(middle, before.end_ms + pad_ms),
                start_ms=max(middle, after.start_ms - pad_ms),
                cost=_SHORTEST_PAUSE_COST * shortness,
                forced=pause_ms is not None and pause >= pause_ms,
            )
        )
    cuts.append(_Cut(min(duration_ms, last.end_ms + pad_ms), duration_ms, 0.0, forced=True))
    return cuts


def _with_cuts_in_long_sounds(cuts: Sequence[_Cut], max_ms: int, quietest: Quietest | None) -> Iterable[_Cut]:
    """Add cuts inside sound that is longer than a segment may be. They cost more than any pause does."""
    for left, right in pairwise(cuts):
        yield left
        at, end = left.start_ms, right.end_ms
        while end - at > max_ms:
            parts = -(-(end - at) // max_ms)
            low, high = max(at + max_ms // 2, end - (parts - 1) * max_ms), at + max_ms
            if quietest is not None and low < high:
                at = min(high, max(low, quietest(low, high)))
            else:
                at += (end - at) // parts
            yield _Cut(at, at, 4 * _SHORTEST_PAUSE_COST, forced=False)
    yield cuts[-1]


def _cheapest(cuts: Sequence[_Cut], *, target_ms: int, max_ms: int, min_ms: int) -> list[Span]:
    """Choose among `cuts` so that the segments between them cost least. The outer two are given."""
    best = [0.0] + [float("inf")] * (len(cuts) - 1)
    came_from = [0] * len(cuts)
    for right in range(1, len(cuts)):
        for left in range(right - 1, -1, -1):
            length = cuts[right].end_ms - cuts[left].start_ms
            if length > max_ms and left < right - 1:
                break
            off = (length - target_ms) / target_ms
            total = best[left] + off * off + (20.0 if length < min_ms else 0.0)
            if total < best[right]:
                best[right], came_from[right] = total, left
        best[right] += cuts[right].cost
    spans = []
    right = len(cuts) - 1
    while right > 0:
        left = came_from[right]
        spans.append(Span(cuts[left].start_ms, cuts[right].end_ms))
        right = left
    return spans[::-1]
