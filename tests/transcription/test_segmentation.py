"""Segments: in order, apart, none too long, nothing said left out, cut in pauses where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transcription.segmentation import (
    Cutter,
    Cutting,
    FixedCutter,
    cut_at_pauses,
    cut_fixed,
)
from transcription.types import Span


@st.composite
def recordings(draw: st.DrawFn) -> tuple[int, list[Span]]:
    silences: list[Span] = []
    at = draw(st.integers(0, 3_000))
    for _ in range(draw(st.integers(0, 40))):
        length = draw(st.integers(200, 6_000))
        silences.append(Span(at, at + length))
        at += length + draw(st.integers(1, 20_000))
    return max(1, at - draw(st.integers(0, 150))) if not silences else max(at, silences[-1].end_ms), silences


def _covers(spans: Sequence[Span], silences: Sequence[Span], duration_ms: int) -> bool:
    """Tell whether all that no span covers is silence."""
    edges = [0, *(edge for span in spans for edge in (span.start_ms, span.end_ms)), duration_ms]
    gaps = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    return all(any(s.start_ms <= a and b <= s.end_ms for s in silences) for a, b in gaps)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    recordings(),
    st.integers(3_000, 30_000),
    st.integers(1_000, 3_000),
    st.sampled_from([None, 250, 2_000]),
    st.sampled_from([0, 120, 700]),
)
def test_segments_are_sound(
    recording: tuple[int, list[Span]], max_ms: int, target_ms: int, pause_ms: int | None, pad_ms: int
) -> None:
    duration_ms, silences = recording
    spans = cut_at_pauses(
        duration_ms, silences, target_ms=target_ms, max_ms=max_ms, pause_ms=pause_ms, pad_ms=pad_ms
    )
    assert spans
    assert spans == sorted(spans)
    assert all(left.end_ms <= right.start_ms for left, right in pairwise(spans))
    assert spans[0].start_ms >= 0
    assert spans[-1].end_ms <= duration_ms
    assert all(span.duration_ms <= max_ms for span in spans)
    if silences != [Span(0, duration_ms)]:
        assert _covers(spans, silences, duration_ms)
    sound = [0, *(edge for s in silences for edge in (s.start_ms, s.end_ms)), duration_ms]
    runs = [(a, b) for a, b in zip(sound[::2], sound[1::2], strict=True) if b > a]
    for a, b in runs:
        if b - a + 2 * pad_ms <= max_ms:
            # A stretch of speech that fits a segment is never cut.
            assert any(span.start_ms <= a and b <= span.end_ms for span in spans)


def test_the_long_pause_is_taken_rather_than_the_short_one() -> None:
    silences = [Span(4_000, 4_220), Span(8_000, 8_900), Span(12_000, 12_220)]
    spans = cut_at_pauses(16_900, silences, target_ms=8_000, max_ms=20_000)
    assert [span.end_ms for span in spans] == [8_120, 16_900]
    assert spans[1].start_ms == 8_780


def test_a_pause_of_pause_ms_always_separates() -> None:
    silences = [Span(1_500, 1_800), Span(3_500, 3_800)]
    assert len(cut_at_pauses(5_000, silences, target_ms=8_000, max_ms=20_000)) == 1
    assert len(cut_at_pauses(5_000, silences, target_ms=8_000, max_ms=20_000, pause_ms=300)) == 3


def test_speech_without_a_pause_is_cut_at_its_quietest() -> None:
    asked: list[tuple[int, int]] = []

    def quietest(start: int, end: int) -> int:
        asked.append((start, end))
        return start + 500

    spans = cut_at_pauses(50_000, [], target_ms=8_000, max_ms=20_000, quietest=quietest)
    assert asked
    assert all(span.duration_ms <= 20_000 for span in spans)
    assert spans[0].end_ms == asked[0][0] + 500
    even = cut_at_pauses(50_000, [], target_ms=8_000, max_ms=20_000)
    assert [span.duration_ms for span in even] == [16_666, 16_667, 16_667]


def test_all_silence_gives_one_segment_to_be_seen() -> None:
    assert cut_at_pauses(7_000, [Span(0, 7_000)], max_ms=25_000) == [Span(0, 7_000)]
    assert cut_at_pauses(3_600_000, [Span(0, 3_600_000)], max_ms=25_000) == [Span(0, 25_000)]


@pytest.mark.parametrize("duration_ms", [1, 10, 20, 999])
def test_the_shortest_recordings_are_one_segment(duration_ms: int) -> None:
    assert cut_at_pauses(duration_ms, []) == [Span(0, duration_ms)]


def test_nothing_gives_nothing() -> None:
    assert cut_at_pauses(0, []) == []
    assert cut_fixed(0) == []
    assert Cutting().cutter().finish(0) == []


@pytest.mark.parametrize(
    "silences", [[Span(5, 10), Span(8, 12)], [Span(50, 60), Span(5, 10)], [Span(90, 110)]]
)
def test_impossible_silences_are_refused(silences: list[Span]) -> None:
    with pytest.raises(ValueError, match="silences"):
        cut_at_pauses(100, silences)


def test_a_recording_of_ten_hours_is_cut_in_a_blink() -> None:
    silences = [Span(at, at + 300) for at in range(1_000, 36_000_000, 2_300)]
    spans = cut_at_pauses(36_000_100, silences)
    assert 3_000 < len(spans) < 6_000


def test_fixed_cuts_are_exact() -> None:
    assert cut_fixed(65_000) == [Span(0, 30_000), Span(30_000, 60_000), Span(60_000, 65_000)]
    with pytest.raises(ValueError, match="positive"):
        cut_fixed(10, 0)


def _in_pieces(
    cutter: Cutter | FixedCutter, duration_ms: int, silences: Sequence[Span], seen: Sequence[int]
) -> list[Span]:
    """Feed a cutter as one who has seen up to each of `seen` in turn; check what it promises."""
    made: list[Span] = []
    given = 0
    settled_ms = 0
    for now in sorted(seen):
        whole = [s for s in silences[given:] if s.end_ms < now]
        given += len(whole)
        known = silences[given].start_ms if given < len(silences) and silences[given].start_ms < now else now
        new = cutter.feed(whole, min(known, duration_ms))
        assert all(span.start_ms >= settled_ms for span in new), "a segment came before what was settled"
        assert cutter.settled_ms >= settled_ms
        settled_ms = cutter.settled_ms
        made += new
    made += cutter.feed(silences[given:])
    return made + cutter.finish(duration_ms)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    recordings(),
    st.lists(st.integers(0, 600_000), max_size=40),
    st.sampled_from([(8_000, 25_000), (2_000, 3_000), (1_000, 9_000)]),
    st.sampled_from([None, 250, 2_000]),
    st.booleans(),
)
def test_what_comes_in_pieces_is_cut_as_the_whole(
    recording: tuple[int, list[Span]],
    seen: list[int],
    lengths: tuple[int, int],
    pause_ms: int | None,
    asks: bool,
) -> None:
    duration_ms, silences = recording
    seen = [min(at, duration_ms) for at in seen]
    cutting = Cutting(target_ms=lengths[0], max_ms=lengths[1], pause_ms=pause_ms)

    def quietest(start: int, end: int) -> int:
        return start + (end - start) * 7 // 11

    ask = quietest if asks else None
    whole = cut_at_pauses(
        duration_ms, silences, target_ms=lengths[0], max_ms=lengths[1], pause_ms=pause_ms, quietest=ask
    )
    assert _in_pieces(cutting.cutter(ask), duration_ms, silences, seen) == whole
    fixed = Cutting(kind="fixed", fixed_ms=lengths[1])
    assert _in_pieces(fixed.cutter(), duration_ms, silences, seen) == cut_fixed(duration_ms, lengths[1])


@pytest.mark.parametrize("pause", [210, 700])
def test_segments_come_long_before_the_end(pause: int) -> None:
    # An hour without any pause long enough to force a cut, or without any pause at all.
    silences = [Span(at, at + pause) for at in range(2_000, 3_600_000, 2_600 + pause)]
    for pauses, ask in ((silences, None), ([], lambda start, end: (start + end) // 2)):
        cutter = Cutting().cutter(ask)
        late = []
        fed = 0
        for now in range(10_000, 3_600_000, 10_000):
            new = [s for s in pauses[fed:] if s.end_ms < now]
            fed += len(new)
            cutter.feed(new, now if fed == len(pauses) else min(now, pauses[fed].start_ms))
            late.append(now - cutter.settled_ms)
        assert max(late) <= 200_000
        assert sorted(late)[len(late) // 2] <= 110_000
