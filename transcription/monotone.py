"""Rising maps from a score to a share, learnt from examples by pooling neighbours that are out of order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby

Points = Sequence[Sequence[float]]
"""`[[score, share], ...]`, rising in both; between two points the line is straight."""


def learn_rising(examples: Iterable[tuple[float, float]], *, least: int = 1) -> list[list[float]]:
    """Give the rising map closest in squares to examples of (score, outcome 0..1).

    `least`: a group of fewer examples joins its neighbour, so that no step rests on a handful. Each group
    becomes one point: mean score, mean outcome. Time n log n.
    """
    return _pooled([[1, score, outcome, 1] for score, outcome in sorted(examples)], least)


def learn_rising_rate(examples: Iterable[tuple[float, float, float]], *, least: int = 1) -> list[list[float]]:
    """Give the rising map from a score to a rate, from examples of (score, amount, of how much).

    As `learn_rising`, with every group's rate pooled: the sum of amounts over the sum of what they are of.
    Examples of nothing are left out.
    """
    return _pooled([[1, score, amount, of] for score, amount, of in sorted(examples) if of], least)


def _pooled(examples: Iterable[list[float]], least: int) -> list[list[float]]:
    """Pool adjacent violators: from left to right, a group whose mean is not above its left neighbour's joins
    it. Each example is [1, score, amount, of how much], sorted; those of one score are one from the start.
    """
    groups: list[list[float]] = []  # sums of all four
    for _, same in groupby(examples, key=lambda example: example[1]):
        groups.append([sum(column) for column in zip(*same, strict=True)])
        while len(groups) > 1:
            (few, _, before, of), (_, _, after, of_after) = groups[-2], groups[-1]
            if few >= least and before / of < after / of_after:
                break
            last = groups.pop()
            groups[-1] = [a + b for a, b in zip(groups[-1], last, strict=True)]
    if len(groups) > 1 and groups[-1][0] < least:
        last = groups.pop()
        groups[-1] = [a + b for a, b in zip(groups[-1], last, strict=True)]
    return [[round(scores / n, 4), round(amount / of, 4)] for n, scores, amount, of in groups]


def read_off(points: Points, score: float) -> float:
    """Give the share at `score`: on the line between two points, flat outside them."""
    at = bisect_left([point[0] for point in points], score)
    if at == 0:
        return points[0][1]
    if at == len(points):
        return points[-1][1]
    (left, low), (right, high) = points[at - 1], points[at]
    return low + (high - low) * (score - left) / (right - left) if right > left else high
