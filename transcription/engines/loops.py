"""Find a text that says the same words again and again, also one too short for zlib to notice."""

from __future__ import annotations

import unicodedata
from typing import Final

_REPEATED_SHARE: Final = 0.5
"""Of the text: a loop is most of what was said."""
_FEWEST: Final = 6
"""Words in repeats: people do say "no, no, no, no"."""
_TIMES: Final = ((1, 4), (3, 3), (5, 2))
"""From so many words in a unit, so many times: a sentence is not said three times, a number may be."""


def plain(text: str) -> str:
    """Give letters and digits in lower case without accents and marks, single spaces between words."""
    kept = []
    for character in unicodedata.normalize("NFD", text.casefold()):
        category = unicodedata.category(character)
        if category[0] in "LN":
            kept.append(character)
        elif category[0] in "ZC" or character in "-\u2010\u2013\u2014,\u3001":
            kept.append(" ")
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def is_looped(text: str, *, twice: bool = False) -> bool:
    """Tell whether most of a text is one unit of words in a row: 1 or 2 words 4 times, 3 or more 3 times.

    With `twice`, two times are enough from 5 words on: too strict for a verdict, and right where a second
    look is all that follows. In scripts without spaces the units are characters, 1 to 4 of them 4 times.
    """
    words = plain(text).split()
    spaced = len(words) >= 3
    if not spaced:
        words = list("".join(words))
    for length in range(1, len(words) // 2 + 1):
        times = 4 if not spaced else min(n for least, n in _TIMES if length >= least and (n > 2 or twice))
        if times * length <= len(words) and _longest(words, length) >= max(
            times * length, _FEWEST, _REPEATED_SHARE * len(words)
        ):
            return True
    return False


def _longest(words: list[str], length: int) -> int:
    """Give the most words in a row that a unit of so many and its repeats make up."""
    longest = run = 0
    for index in range(length, len(words)):
        run = run + 1 if words[index] == words[index - length] else 0
        longest = max(longest, run)
    return longest + length if longest else 0
