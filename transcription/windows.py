"""Plan what the decoder is given at once: windows over the segments. Pure functions of integers.

What is decoded is not what is annotated: neighbouring segments are decoded as one window, because a model of
30 s costs the same whatever it is given, and hears better with more around.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from transcription.types import Span


def plan_windows(
    segments: Sequence[Span],
    max_window_ms: int = 28_000,
    *,
    merge: bool = False,
    max_gap_ms: int = 2_000,
    settled_ms: int | None = None,
) -> list[Span]:
    """Plan what the decoder is given at once: each segment by itself or, with `merge`, neighbours together.

    Merged windows last at most `max_window_ms` and hold whole segments, so that words can be dealt back by
    their times. They are as few as can be; the last two of a run are of like length, so that no stub is left
    alone. Segments further apart than `max_gap_ms` are not merged. A single segment longer than
    `max_window_ms` stays one window: the engine splits it for its model and says so.

    With `settled_ms`, more segments may follow from that time on: only windows are given that none of them
    can change, and planning what is left later gives the rest of the same windows.
    """
    planned: list[Span] = []
    for run in _runs(segments, max_gap_ms) if merge else [[segment] for segment in segments]:
        windows = _filled(run, max_window_ms)
        is_open = settled_ms is not None and merge and settled_ms <= run[-1].end_ms + max_gap_ms
        planned += windows[:-2] if is_open and run[-1] is segments[-1] else _without_stub(windows, run)
    return planned


def _runs(segments: Sequence[Span], max_gap_ms: int) -> list[list[Span]]:
    """Group neighbours that are no further apart than `max_gap_ms`."""
    runs: list[list[Span]] = []
    for segment in segments:
        if runs and segment.start_ms - runs[-1][-1].end_ms <= max_gap_ms:
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def _filled(run: Sequence[Span], most_ms: int) -> list[Span]:
    """Fill one window after the other: no other way needs fewer."""
    windows: list[Span] = []
    for segment in run:
        if windows and segment.end_ms - windows[-1].start_ms <= most_ms:
            windows[-1] = Span(windows[-1].start_ms, segment.end_ms)
        else:
            windows.append(segment)
    return windows


def _without_stub(windows: list[Span], run: Sequence[Span]) -> list[Span]:
    """Move the border between the last two windows to where the longer of them is shortest."""
    if len(windows) < 2:
        return windows
    start, end = windows[-2].start_ms, windows[-1].end_ms
    mine = [segment for segment in run if segment.start_ms >= start]
    pairs = [(Span(start, left.end_ms), Span(right.start_ms, end)) for left, right in pairwise(mine)]
    return [*windows[:-2], *min(pairs, key=lambda pair: max(pair[0].duration_ms, pair[1].duration_ms))]


def segments_of_window(window: Span, segments: Sequence[Span]) -> range:
    """Give the indexes of the segments that lie within `window`; `segments` in order, as they were cut."""
    first = bisect_left(segments, window.start_ms, key=lambda span: span.start_ms)
    last = bisect_right(segments, window.end_ms, key=lambda span: span.end_ms)
    return range(first, max(first, last))
