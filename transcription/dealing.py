"""Deal the words of a window back to the segments it was made of. Pure functions of integers.

What is decoded is not what is annotated: neighbouring segments are decoded as one window, because a model
hears better with more around, and each segment then takes the words that were said in it.
"""

from __future__ import annotations

import math
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from transcription.types import Flag, Signals, Span, Word

_REPEATS_FROM = 1.8
_UNSURE_FROM = -0.8
"""Where a share of a window shows by itself what the whole window was flagged for: a little before the
thresholds of the engines, because a share is shorter."""


def deal(words: Sequence[Word], window: Span, segments: Sequence[Span]) -> list[tuple[Word, ...]]:
    """Give each segment the words whose middle lies in it; a word between two goes to the nearer one.

    `words` are in milliseconds from the start of `window`, as an engine gives them; what comes out is in
    milliseconds of the recording, as `window` and `segments` (in order, apart, within the window) are. Every
    word is dealt to exactly one segment and keeps its place among those of that segment. Where two segments
    are equally near, the later one takes the word. Without segments there is nobody to deal to: [].
    """
    if not segments:
        return []
    borders = [
        # Doubled, so that the middle of an odd number of milliseconds is a whole number, too.
        left.end_ms + right.start_ms
        for left, right in pairwise(segments)
    ]
    dealt: list[list[Word]] = [[] for _ in segments]
    for word in words:
        placed = replace(word, start_ms=window.start_ms + word.start_ms, end_ms=window.start_ms + word.end_ms)
        dealt[bisect_right(borders, placed.start_ms + placed.end_ms)].append(placed)
    return [tuple(share) for share in dealt]


def spread(text: str, window: Span) -> tuple[Word, ...]:
    """Make words of a text that came without any, each as long as its share of the characters.

    For dealing a text whose engine placed no words; their probability is 0 and they are worth storing for
    nobody. Times are in milliseconds from the start of the window.
    """
    spoken = text.split()
    total = sum(len(word) + 1 for word in spoken)
    made: list[Word] = []
    passed = 0
    for word in spoken:
        begin = window.duration_ms * passed // total
        passed += len(word) + 1
        made.append(Word(begin, window.duration_ms * passed // total, f" {word}", 0.0))
    return tuple(made)


def signals_of(share: Sequence[Word], text: str, whole: Sequence[Word], signals: Signals) -> Signals:
    """Say what an engine's signals of a window are for one segment's share of its words.

    The log-probability is the window's, moved by as much as the share's words are less or more probable than
    all of them (natural logarithms of word probabilities). The compression ratio is that of the share's own
    text. The rest is measured of a window as a whole and stays.
    """
    if not share:
        return replace(signals, tokens=0)
    moved = _mean_logprob(share) - _mean_logprob(whole)
    return replace(
        signals,
        avg_logprob=min(0.0, signals.avg_logprob + moved),
        compression_ratio=compression_ratio(text),
        tokens=round(signals.tokens * len(share) / max(1, len(whole))),
    )


def flags_of(flags: tuple[Flag, ...], shares: Sequence[Signals]) -> list[tuple[Flag, ...]]:
    """Say which of a window's flags each of its segments carries, given what `signals_of` said of each.

    A repetition or a low log-probability stays with the segments that show it; where none does by itself, and
    for every other flag, all of them carry it: nothing that was doubtful becomes certain by being dealt.
    """
    shown: dict[Flag, list[bool]] = {
        "repetition": [share.compression_ratio >= _REPEATS_FROM for share in shares],
        "low_logprob": [share.avg_logprob <= _UNSURE_FROM for share in shares],
    }
    shown = {flag: places for flag, places in shown.items() if any(places)}
    return [
        tuple(flag for flag in flags if flag not in shown or shown[flag][index])
        for index in range(len(shares))
    ]


def compression_ratio(text: str) -> float:
    """Give the bytes of a text over its bytes after zlib, as Whisper does; 0 for an empty text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def _mean_logprob(words: Sequence[Word]) -> float:
    # A probability of 0 is a rounding; its logarithm would outweigh everything.
    return sum(math.log(max(1e-3, word.probability)) for word in words) / max(1, len(words))
