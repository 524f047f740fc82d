"""Between which bounds a measured share lies in 95 of 100 cases, and by which method that is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Z: Final = 1.96
"""Of a 95 % interval."""
LEAST_UNITS: Final = 10
"""With fewer recordings their spread tells too little: segments are taken as the units then."""
LEAST_KNOWN: Final = 5
"""With fewer of either no interval is given: the spread of two or three says next to nothing."""

WILSON: Final = "95 % interval by Wilson (1927)"
RATIO: Final = (
    "95 % interval of a ratio by linearisation (Cochran, Sampling Techniques, 1977, ch. 6), with recordings "
    "as units, or segments where there are fewer than ten recordings"
)


@dataclass(frozen=True, slots=True)
class Interval:
    """Hold an estimate and between which bounds the truth lies in 95 of 100 cases."""

    value: float
    low: float
    high: float


def wilson(successes: int, of: int) -> Interval:
    """Return a share with Wilson's 95 % interval, which stays within 0..1 and is right for small numbers."""
    share = successes / of
    middle = (share + Z**2 / (2 * of)) / (1 + Z**2 / of)
    half = Z / (1 + Z**2 / of) * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True, slots=True)
class Moments:
    """Hold what a ratio's interval needs of its units: how many, and the sums of their squares."""

    units: int
    errors_squared: float
    product: float
    words_squared: float


def moments(recordings: int, segments: int, sums: Sequence[float]) -> Moments:
    """Choose the units: recordings (the first three of `sums`), or segments where there are few of them."""
    if recordings >= LEAST_UNITS:
        return Moments(recordings, *sums[:3])
    return Moments(segments, *sums[3:6])


def ratio(errors: float, words: float, moments: Moments, *, signed: bool = False) -> Interval | None:
    """Return errors per word, pooled, with its 95 % interval; None without words or with few units.

    The errors of one recording have its voice and its noise in common: words are not drawn one by one, and
    an interval that takes them so is too narrow. With no error at all the upper bound is that of three
    errors (the rule of three). `signed`: the errors are a difference, which may lie below nought.
    """
    if not words or moments.units < LEAST_KNOWN:
        return None
    rate, units = errors / words, moments.units
    spread = moments.errors_squared - 2 * rate * moments.product + rate**2 * moments.words_squared
    # Rounding may leave a hair below nought where all units are alike.
    half = student(units - 1) * math.sqrt(max(0.0, spread) * units / (units - 1)) / words
    if signed:
        return Interval(rate, rate - half, rate + half)
    if not errors:
        return Interval(0.0, 0.0, min(1.0, 3 / words))
    return Interval(rate, max(0.0, rate - half), rate + half)


def student(freedom: int) -> float:
    """Return the 97.5 % point of Student's t: by Cornish and Fisher's expansion, within 1 % from 3 on."""
    z, n = 1.959964, freedom
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3
