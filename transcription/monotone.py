"""Rising maps from a score to a share, learnt from examples by pooling neighbours that are out of order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

Points = Sequence[Sequence[float]]
"""`[[score, share], ...]`, rising in both; between two points the line is straight."""


def learn_rising(examples: Iterable[tuple[float, float]], *, least: int = 1) -> list[list[float]]:
    """Give the rising map closest in squares to examples of (score, outcome 0..1).

    Pool adjacent violators: from left to right, a group whose mean is not above its left neighbour's joins
    it. `least`: a group of fewer examples joins too, so that no step rests on a handful. Each group becomes
    one point: mean score, mean outcome. Time n log n.
    """
    groups: list[list[float]] = []  # [examples, sum of scores, sum of outcomes]
    for score, outcome in sorted(examples):
        groups.append([1, score, outcome])
        while len(groups) > 1:
            (few, _, before), (many, _, after) = groups[-2], groups[-1]
            if few >= least and before / few < after / many:
                break
            last = groups.pop()
            groups[-1] = [a + b for a, b in zip(groups[-1], last, strict=True)]
    if len(groups) > 1 and groups[-1][0] < least:
        last = groups.pop()
        groups[-1] = [a + b for a, b in zip(groups[-1], last, strict=True)]
    return [[round(scores / n, 4), round(outcomes / n, 4)] for n, scores, outcomes in groups]


def read_off(points: Points, score: float) -> float:
    """Give the share at `score`: on the line between two points, flat outside them."""
    at = bisect_left([point[0] for point in points], score)
    if at == 0:
        return points[0][1]
    if at == len(points):
        return points[-1][1]
    (left, low), (right, high) = points[at - 1], points[at]
    return low + (high - low) * (score - left) / (right - left) if right > left else high
