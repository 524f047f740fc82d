"""Which word stands for which: the substitutions that the error counts count, as they were spelt."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from transcription.text.normalize import DEFAULT, TAG, normalize

DELETION: Final = 1
INSERTION: Final = 2
DIAGONAL: Final = 0

Pair = tuple[int | None, int | None]
"""Places in the reference and in the text; None = nothing there stands for it."""


def align(reference: Sequence[str], text: Sequence[str]) -> list[Pair]:
    """Pair the words of two texts by the fewest edits, those that `metrics.count_edits` counts.

    Time and memory grow with the product of the lengths of what differs.
    """
    begin, shorter = 0, min(len(reference), len(text))
    while begin < shorter and reference[begin] == text[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and reference[-1 - end] == text[-1 - end]:
        end += 1
    middle = _middle(reference[begin : len(reference) - end], text[begin : len(text) - end])
    shift = len(text) - len(reference)
    return [
        *((at, at) for at in range(begin)),
        *((i if i is None else i + begin, j if j is None else j + begin) for i, j in middle),
        *((at, at + shift) for at in range(len(reference) - end, len(reference))),
    ]


def _middle(reference: Sequence[str], text: Sequence[str]) -> list[Pair]:
    # The same choice between equals as in `metrics`: deletion, insertion, diagonal.
    above = list(range(len(text) + 1))
    moves = [bytes([DIAGONAL] + [INSERTION] * len(text))]
    for i, wanted in enumerate(reference, 1):
        row, made = [i], bytearray([DELETION])
        for j, found in enumerate(text, 1):
            diagonal, up, left = above[j - 1], above[j], row[j - 1]
            least = diagonal if wanted == found else min(diagonal, up, left) + 1
            row.append(least)
            made.append(DELETION if up + 1 == least else INSERTION if left + 1 == diagonal else DIAGONAL)
        above = row
        moves.append(bytes(made))
    pairs: list[Pair] = []
    i, j = len(reference), len(text)
    while i or j:
        move = moves[i][j]
        i, j = i - (move != INSERTION), j - (move != DELETION)
        pairs.append((None if move == INSERTION else i, None if move == DELETION else j))
    return pairs[::-1]


def replaced_words(reference: str, text: str, profile: str = DEFAULT) -> list[tuple[str, str]]:
    """List the words of `text` that stand for others in `reference`: (in the text, in the reference).

    Compared by the profile, given as they were spelt, without marks around them.
    """
    ours, theirs = normalize(reference, profile).split(), normalize(text, profile).split()
    if ours == theirs:
        return []
    spelt_ours, spelt_theirs = _spelt(reference, ours, profile), _spelt(text, theirs, profile)
    return [
        (spelt_theirs[j], spelt_ours[i])
        for i, j in align(ours, theirs)
        if i is not None and j is not None and ours[i] != theirs[j]
    ]


def _spelt(text: str, words: list[str], profile: str) -> list[str]:
    """Return the spelling behind each normalised word; the word itself where it came of part of a token."""
    found: list[str] = []
    normal: list[str] = []
    for token in TAG.sub(" ", text).split():
        made = normalize(token, profile).split()
        normal += made
        found += [_bare(token)] if len(made) == 1 else made
    return found if normal == words else words


def _bare(token: str) -> str:
    begin, end = 0, len(token)
    while begin < end and unicodedata.category(token[begin])[0] in "PSZC":
        begin += 1
    while end > begin and unicodedata.category(token[end - 1])[0] in "PSZC":
        end -= 1
    return token[begin:end] or token
