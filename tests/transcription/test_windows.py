"""Windows: whole segments, each once, as few windows as can be, the same whenever they are planned."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.types import Span, Word
from transcription.windows import placed, plan_windows, segments_of_window, stretches


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


def test_long_pauses_are_left_out_and_make_room_for_more() -> None:
    segments = [Span(1_000, 9_000), Span(14_000, 22_000), Span(22_500, 30_000), Span(55_000, 60_000)]
    window = Span(1_000, 60_000)
    assert plan_windows(segments, 30_000, merge=True, max_gap_ms=30_000, pause_ms=500) == [window]
    assert stretches(window, segments, 500) == [
        Span(1_000, 9_250), Span(13_750, 30_250), Span(54_750, 60_000)
    ]  # fmt: skip
    assert stretches(window, segments, None) == [window]
    assert stretches(window, []) == [window]


def test_words_go_back_to_where_they_were_said() -> None:
    window, kept = Span(1_000, 60_000), [Span(1_000, 9_250), Span(13_750, 30_250), Span(54_750, 60_000)]
    words = [
        Word(0, 400, " one", 0.9),
        Word(8_200, 8_600, " two", 0.9),  # over the seam, most of it behind
        Word(8_300, 9_000, " three", 0.9),
        Word(29_500, 30_000, " four", 0.9),
    ]
    moved = [(word.start_ms, word.end_ms, word.text) for word in placed(words, window, kept)]
    assert moved == [
        (0, 400, " one"), (12_750, 13_100, " two"), (12_800, 13_500, " three"), (58_500, 59_000, " four")
    ]  # fmt: skip
    assert placed(words[:1], window, [window]) == tuple(words[:1])


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
@given(
    segments_of_a_recording(),
    st.integers(12_000, 29_900),
    st.integers(0, 3_000),
    st.sampled_from([None, 600]),
    st.data(),
)
def test_a_plan_made_while_segments_come_is_the_plan_of_them_all(
    segments: list[Span], most: int, gap: int, pause: int | None, data: st.DataObject
) -> None:
    whole = plan_windows(segments, most, merge=True, max_gap_ms=gap, pause_ms=pause)
    planned: list[Span] = []
    for known in sorted(data.draw(st.sets(st.integers(1, len(segments)), max_size=6))):
        left = [s for s in segments[:known] if not planned or s.start_ms >= planned[-1].end_ms]
        following = segments[known].start_ms if known < len(segments) else segments[-1].end_ms + 60_000
        planned += plan_windows(
            left,
            most,
            merge=True,
            max_gap_ms=gap,
            pause_ms=pause,
            settled_ms=data.draw(st.integers(segments[known - 1].end_ms, following)),
        )
        assert planned == whole[: len(planned)]
    left = [s for s in segments if not planned or s.start_ms >= planned[-1].end_ms]
    assert planned + plan_windows(left, most, merge=True, max_gap_ms=gap, pause_ms=pause) == whole


@pytest.mark.parametrize("merge", [False, True])
def test_nothing_to_plan(merge: bool) -> None:
    assert plan_windows([], merge=merge) == []
