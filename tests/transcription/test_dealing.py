"""Words come back to the segments they were said in: all of them, once."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from transcription.dealing import compression_ratio, deal, flags_of, signals_of, spread
from transcription.types import Signals, Span, Word

SIGNALS = Signals(-0.4, 0.1, 1.4, 0.0, "en", 1.0, 20)


def a_case(chance: random.Random) -> tuple[list[Word], Span, list[Span]]:
    """Make a window of up to 6 segments, and words anywhere in it, overlapping or of no length."""
    start = at = chance.randrange(0, 100_000)
    segments = []
    for _ in range(chance.randint(1, 6)):
        at += chance.choice([0, 0, chance.randrange(0, 2_000)])
        end = at + chance.randrange(1, 9_000)
        segments.append(Span(at, end))
        at = end
    window = Span(start, at + chance.randrange(0, 500))
    words = []
    for number in range(chance.randrange(0, 40)):
        begin = chance.randrange(0, window.duration_ms + 1)
        length = chance.choice([0, chance.randrange(0, 900)])
        words.append(Word(begin, min(window.duration_ms, begin + length), f" w{number}", 0.5))
    return words, window, segments


@pytest.mark.parametrize("seed", range(20))
def test_no_word_is_lost_or_doubled_and_each_goes_to_the_segment_nearest_to_its_middle(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        words, window, segments = a_case(chance)
        shares = deal(words, window, segments)
        assert len(shares) == len(segments)
        assert sorted(w.text for share in shares for w in share) == sorted(w.text for w in words)
        for share, segment in zip(shares, segments, strict=True):
            numbers = [int(word.text[2:]) for word in share]
            assert numbers == sorted(numbers), "words keep their order within a segment"
            for word in share:
                original = words[int(word.text[2:])]
                assert word.start_ms - original.start_ms == window.start_ms
                middle = (word.start_ms + word.end_ms) / 2

                def away(span: Span, middle: float = middle) -> float:
                    return max(span.start_ms - middle, middle - span.end_ms, 0.0)

                assert away(segment) == min(away(other) for other in segments)


def test_a_word_across_a_border_goes_where_its_middle_is_and_a_tie_to_the_later_one() -> None:
    segments = [Span(1000, 2000), Span(2500, 4000)]
    words = [Word(800, 2300, " across", 0.9), Word(1100, 1400, " between", 0.9), Word(0, 100, " first", 0.9)]
    left, right = deal(words, Span(1000, 4000), segments)
    assert [w.text for w in left] == [" first"]
    assert [w.text for w in right] == [" across", " between"]
    assert (right[1].start_ms, right[1].end_ms) == (2100, 2400)


def test_without_segments_there_is_nobody_to_deal_to() -> None:
    assert deal([Word(0, 10, " a", 1.0)], Span(0, 100), []) == []


def test_a_text_without_words_is_spread_over_its_window_and_nothing_of_it_is_lost() -> None:
    text = "seven short words and one considerably longer"
    made = spread(text, Span(5_000, 9_000))
    assert "".join(word.text for word in made).strip() == text
    assert made[0].start_ms == 0
    assert made[-1].end_ms == 4_000
    assert all(left.end_ms == right.start_ms for left, right in pairwise(made))
    assert spread("", Span(0, 100)) == ()


def test_each_segment_is_as_sure_as_its_own_words() -> None:
    good = tuple(Word(0, 100, f" g{n}", 0.95) for n in range(6))
    bad = tuple(Word(0, 100, f" b{n}", 0.2) for n in range(3))
    whole = (*good, *bad)
    sure, unsure = (signals_of(share, "some text", whole, SIGNALS) for share in (good, bad))
    assert unsure.avg_logprob < SIGNALS.avg_logprob < sure.avg_logprob <= 0
    assert (sure.tokens, unsure.tokens) == (13, 7)
    assert signals_of((), "", whole, SIGNALS).tokens == 0


def test_a_repetition_is_blamed_on_the_segment_that_repeats() -> None:
    calm, looping = "It was a fine day for a walk by the river.", "and so and so and so " * 12
    shares = [signals_of((Word(0, 1, " a", 0.5),), text, (), SIGNALS) for text in (calm, looping)]
    assert flags_of(("repetition", "token_limit"), shares) == [
        ("token_limit",),
        ("repetition", "token_limit"),
    ]
    assert flags_of(("repetition",), shares[:1]) == [("repetition",)], "nobody shows it: all of them carry it"
    assert compression_ratio(looping) > 2.4 > compression_ratio(calm)
    assert compression_ratio("") == 0.0
