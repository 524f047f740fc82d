"""Find words of a text that are nearly a term of a project's glossary: another case, a letter or two off.

A text is looked over with every save and every row that is opened, against up to a thousand terms. So terms
are filed by their pairs of neighbouring letters, and a word is compared with those alone that share enough.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

WORD: Final = re.compile(r"[^\W_][\w'\u2019.-]*")
MOST_WORDS: Final = 300
"""Words of a text that are compared: nobody says more in one segment."""
SHORTEST: Final = 4
"""Shorter words differ from each other by a letter or two; of them only the case is looked at."""
REMEMBERED: Final = 4_096
"""Words of a project whose terms are remembered: people say the same words again and again."""
LENGTHS_APART: Final = 2
ALIKE: Final = 0.75
"""Ratio of `difflib` from which on two words are nearly the same."""

Pair = tuple[str, int]
"""Two neighbouring letters, and the how-manieth of their kind in the word."""


@dataclass(frozen=True, slots=True)
class Near:
    """Say that `term` is probably meant by what stands at `[start, end)` of the text, in characters."""

    term: str
    start: int
    end: int


class Terms:
    """Hold a glossary so that it can be searched; see `terms_of`."""

    def __init__(self, glossary: Sequence[str]) -> None:
        self._terms = [term for term in dict.fromkeys(glossary) if term.strip()]
        self._folded = [term.casefold() for term in self._terms]
        self._same: dict[str, list[int]] = defaultdict(list)
        self._by_pair: dict[int, dict[Pair, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index, folded in enumerate(self._folded):
            self._same[folded].append(index)
            if len(folded) >= SHORTEST:
                for pair in _pairs(folded):
                    self._by_pair[len(folded.split())][pair].append(index)
        self._letters = [Counter(folded) for folded in self._folded]
        self._lengths = sorted({len(folded.split()) for folded in self._folded})
        self._alike = lru_cache(maxsize=REMEMBERED)(self._find_alike)

    def near(self, text: str) -> Iterator[Near]:
        """Give each term that is nearly there and not there itself, once, in the order of the glossary."""
        words = [match.span() for match in WORD.finditer(text)][:MOST_WORDS]
        first: dict[int, Near] = {}
        for length in self._lengths:
            for begin in range(len(words) - length + 1):
                start, end = words[begin][0], words[begin + length - 1][1]
                found = text[start:end].rstrip(".-'\u2019")
                for index in self._alike(found.casefold(), length):
                    first.setdefault(index, Near(self._terms[index], start, start + len(found)))
        for _, near in sorted(first.items()):
            if near.term not in text:
                yield near

    def _find_alike(self, folded: str, length: int) -> tuple[int, ...]:
        found = list(self._same.get(folded, ()))
        filed = self._by_pair.get(length)
        if filed is None or len(folded) < SHORTEST:
            return tuple(found)
        shared = Counter(index for pair in _pairs(folded) for index in filed.get(pair, ()))
        letters = Counter(folded)
        for index, pairs in shared.items():
            term = self._folded[index]
            if term == folded or abs(len(folded) - len(term)) > LENGTHS_APART:
                continue
            both = len(folded) + len(term)
            # So many letters have to match. They lie in at most one run more than there are letters that do
            # not, and a run of n letters has n - 1 pairs.
            needed = math.ceil(ALIKE * both / 2)
            if pairs < 3 * needed - both - 1 or _in_common(letters, self._letters[index]) < needed:
                continue
            if SequenceMatcher(None, folded, term, autojunk=False).ratio() >= ALIKE:
                found.append(index)
        return tuple(found)


class Variants:
    """Hold what is said or heard instead of terms; see `variants_of`."""

    def __init__(self, variants: Sequence[tuple[str, str]]) -> None:
        self._terms = {variant.casefold(): term for variant, term in variants if variant.strip()}
        longest_first = sorted(self._terms, key=len, reverse=True)
        any_of = "|".join(map(_apart, longest_first))
        self._pattern = re.compile(any_of, re.IGNORECASE) if any_of else None

    def near(self, text: str) -> Iterator[Near]:
        """Give each variant that stands in the text, where its term does not hold it."""
        if self._pattern is None:
            return
        for match in self._pattern.finditer(text):
            term = self._terms.get(match.group().casefold())
            if term is not None and match.group() != term:
                yield Near(term, *match.span())


@lru_cache(maxsize=32)
def variants_of(variants: tuple[tuple[str, str], ...]) -> Variants:
    """Return variants ready to be searched; made once for as long as they are used."""
    return Variants(variants)


@lru_cache(maxsize=32)
def terms_of(glossary: tuple[str, ...]) -> Terms:
    """Return a glossary ready to be searched; made once for as long as it is used."""
    return Terms(glossary)


def _apart(variant: str) -> str:
    """Return a pattern for a variant that is no part of a longer word.

    A sign at its end ("c++") needs no such care, and scripts without spaces have no words to look for.
    """
    pattern = re.escape(variant)
    if not variant.isascii():
        return pattern
    begin = r"(?<!\w)" if variant[0].isalnum() else ""
    end = r"(?!\w)" if variant[-1].isalnum() else ""
    return begin + pattern + end


def _pairs(word: str) -> list[Pair]:
    seen: Counter[str] = Counter()
    made = []
    for at in range(len(word) - 1):
        pair = word[at : at + 2]
        made.append((pair, seen[pair]))
        seen[pair] += 1
    return made


def _in_common(letters: Counter[str], others: Counter[str]) -> int:
    return sum(min(count, others[letter]) for letter, count in letters.items())
