"""Give the words of a corrected text the times of the words that a machine heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from transcription.text.alignment import align
from transcription.text.normalize import normalize
from transcription.types import Word

MAX_WORDS: Final = 400
"""Of either text; pairing takes the product of both, and a segment of 30 s has some 100."""


def timed_words(text: str, heard: Sequence[Word], start_ms: int, end_ms: int) -> tuple[Word, ...]:
    """Give the words of `text` with times: those of the heard words that stand for them.

    A word that nothing heard stands for shares the gap between its neighbours evenly, with probability 0. A
    text that was not changed gives the heard words back as they are, and one without words heard has none.
    Scripts without spaces are paired as whole runs between spaces.
    """
    if not heard or "".join(word.text for word in heard).split() == text.split():
        return tuple(heard)
    tokens = text.split()
    if not tokens or len(tokens) > MAX_WORDS or len(heard) > MAX_WORDS:
        return ()
    pairs = align(
        [normalize(token) or token for token in tokens], [normalize(word.text) or word.text for word in heard]
    )
    partner = {wanted: found for wanted, found in pairs if wanted is not None and found is not None}
    words: list[Word] = []
    at = 0
    while at < len(tokens):
        if at in partner:
            word = heard[partner[at]]
            words.append(Word(word.start_ms, word.end_ms, f" {tokens[at]}", word.probability))
            at += 1
            continue
        behind = at
        while behind < len(tokens) and behind not in partner:
            behind += 1
        begin = words[-1].end_ms if words else start_ms
        end = max(begin, heard[partner[behind]].start_ms if behind < len(tokens) else end_ms)
        count = behind - at
        edges = [begin + (end - begin) * index // count for index in range(count + 1)]
        words += [Word(edges[i], edges[i + 1], f" {tokens[at + i]}", 0.0) for i in range(count)]
        at = behind
    return tuple(words)
