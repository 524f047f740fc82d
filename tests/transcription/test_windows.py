"""Windows: whole segments, each once, as few windows as can be, the same whenever they are planned."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.types import Span
from transcription.windows import plan_windows, segments_of_window


@st.composite
def segments_of_a_recording(draw: st.DrawFn) -> list[Span]:
    at, segments = 0, []
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.integers(0, 4_000))
        end = at + draw(st.integers(500, 12_000))
        segments.append(Span(at, end))
        at = end
    return segments


def test_windows_are_the_segments_unless_merged() -> None:
    segments = [Span(0, 5_000), Span(5_100, 9_000), Span(9_000, 30_000), Span(40_000, 45_000)]
    assert plan_windows(segments) == segments
    merged = plan_windows(segments, 28_000, merge=True)
    assert merged == [Span(0, 9_000), Span(9_000, 30_000), Span(40_000, 45_000)]
    assert [list(segments_of_window(window, segments)) for window in merged] == [[0, 1], [2], [3]]


def test_the_last_window_of_a_run_is_no_stub() -> None:
    segments = [Span(at, at + 7_000) for at in range(0, 35_000, 7_000)]
    assert plan_windows(segments, 29_900, merge=True) == [Span(0, 14_000), Span(14_000, 35_000)]


def test_a_segment_longer_than_the_model_takes_stays_one_window() -> None:
    segments = [Span(0, 5_000), Span(5_000, 45_000), Span(45_000, 50_000)]
    assert plan_windows(segments, 28_000, merge=True) == segments


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(segments_of_a_recording(), st.integers(12_000, 29_900), st.integers(0, 5_000))
def test_merged_windows_hold_whole_segments_each_once(segments: list[Span], most: int, gap: int) -> None:
    windows = plan_windows(segments, most, merge=True, max_gap_ms=gap)
    assert all(window.duration_ms <= most for window in windows)
    held = [index for window in windows for index in segments_of_window(window, segments)]
    assert held == list(range(len(segments)))
    for window in windows:
        inside = segments_of_window(window, segments)
        mine = segments[inside.start : inside.stop]
        assert all(right.start_ms - left.end_ms <= gap for left, right in pairwise(mine))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(segments_of_a_recording(), st.integers(12_000, 29_900))
def test_no_other_plan_has_fewer_windows(segments: list[Span], most: int) -> None:
    fewest = [0]
    for end in range(1, len(segments) + 1):
        reach = [b for b in range(end) if segments[end - 1].end_ms - segments[b].start_ms <= most]
        fewest.append(1 + min(fewest[b] for b in reach))
    assert len(plan_windows(segments, most, merge=True, max_gap_ms=10_000)) == fewest[-1]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(segments_of_a_recording(), st.integers(12_000, 29_900), st.integers(0, 3_000), st.data())
def test_a_plan_made_while_segments_come_is_the_plan_of_them_all(
    segments: list[Span], most: int, gap: int, data: st.DataObject
) -> None:
    whole = plan_windows(segments, most, merge=True, max_gap_ms=gap)
    planned: list[Span] = []
    for known in sorted(data.draw(st.sets(st.integers(1, len(segments)), max_size=6))):
        left = [s for s in segments[:known] if not planned or s.start_ms >= planned[-1].end_ms]
        following = segments[known].start_ms if known < len(segments) else segments[-1].end_ms + 60_000
        planned += plan_windows(
            left,
            most,
            merge=True,
            max_gap_ms=gap,
            settled_ms=data.draw(st.integers(segments[known - 1].end_ms, following)),
        )
        assert planned == whole[: len(planned)]
    left = [s for s in segments if not planned or s.start_ms >= planned[-1].end_ms]
    assert planned + plan_windows(left, most, merge=True, max_gap_ms=gap) == whole


@pytest.mark.parametrize("merge", [False, True])
def test_nothing_to_plan(merge: bool) -> None:
    assert plan_windows([], merge=merge) == []
