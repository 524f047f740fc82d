"""Estimate the word error rate of texts that nobody has reviewed, from those that people have.

Reviewed texts are no fair sample: the riskiest go first. So a rising map from the risk that was stated to the
error rate that was found is fitted, and read off at the risk of every text that is left.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from django.db import connection

from annotation.models import Project, ProjectQuality
from annotation.quality.intervals import Interval, moments, ratio
from annotation.services.clock import ClockTimestamp
from annotation.states import OPEN_SEGMENTS
from transcription.monotone import Points, learn_rising_rate, read_off

LEAST: Final = 100
"""Reviewed segments without which nothing is said."""
MOST: Final = 2_000
"""The newest are learnt from: models, recordings and guidelines change."""
STEPS: Final = 12
"""Points of the map at most, so that each rests on at least a twelfth of the segments."""
RESAMPLES: Final = 200
SEED: Final = 6
LEAST_UNITS: Final = 10


@dataclass(frozen=True, slots=True)
class Example:
    """One reviewed segment: what was said of its text, and what was wrong in it."""

    recording: int
    risk: float
    errors: int
    words: int


@dataclass(frozen=True, slots=True)
class Rest:
    """Texts of about the same risk that nobody has looked at, and how many words are in them."""

    risk: float
    words: int


REVIEWED: Final = """
SELECT s.recording_id, m.risk, m.substitutions + m.deletions + m.insertions, m.words
  FROM annotation_machinescore m
  JOIN annotation_segment s ON s.id = m.segment_id AND s.revision = m.revision AND s.retired_at IS NULL
  JOIN annotation_recording r ON r.id = s.recording_id AND r.trashed_at IS NULL
 WHERE m.project_id = %(project)s AND m.best AND s.state IN ('corrected', 'accepted')
"""
NEWEST: Final = "".join((REVIEWED, "AND m.risk IS NOT NULL ORDER BY m.decided_at DESC, m.id LIMIT %(most)s"))
IN_ALL: Final = "".join(
    (
        "WITH reviewed (recording, risk, errors, words) AS (",
        REVIEWED,
        """), unit AS (
    SELECT count(*) AS n, sum(errors) AS e, sum(words) AS w, sum(errors::float8 * errors) AS ee,
           sum(errors::float8 * words) AS ew, sum(words::float8 * words) AS ww
      FROM reviewed GROUP BY recording)
SELECT count(*), coalesce(sum(n), 0)::bigint, coalesce(sum(e), 0)::bigint, coalesce(sum(w), 0)::bigint,
       sum(e::float8 * e), sum(e::float8 * w), sum(w::float8 * w), sum(ee), sum(ew), sum(ww) FROM unit""",
    )
)
# A text of no words still has its place: there may have been some.
REST: Final = """
SELECT avg(s.risk), count(*), sum(length(s.text) - length(replace(s.text, ' ', '')) + 1)
  FROM annotation_segment s
  JOIN annotation_recording r ON r.id = s.recording_id AND r.trashed_at IS NULL
 WHERE s.project_id = %(project)s AND s.retired_at IS NULL AND s.state = ANY(%(open)s) AND s.risk IS NOT NULL
 GROUP BY width_bucket(s.risk, 0, 1, 100)
"""


def estimate(project: Project) -> ProjectQuality:
    """Estimate anew what is left in a project, and store it; nulls where too little was reviewed."""
    values: dict[str, Any] = {
        "project": project.pk,
        "most": MOST,
        "open": [str(state) for state in OPEN_SEGMENTS],
    }
    with connection.cursor() as cursor:
        cursor.execute(NEWEST, values)
        examples = [Example(*row) for row in cursor.fetchall()]
        cursor.execute(IN_ALL, values)
        recordings, reviewed, errors, words, *sums = cursor.fetchone()
        cursor.execute(REST, values)
        found = cursor.fetchall()
    rest = [Rest(float(risk), int(count)) for risk, _, count in found]
    stored: dict[str, Any] = {
        "reviewed": reviewed,
        "remaining": sum(count for _, count, _ in found),
        "estimated_at": ClockTimestamp(),
        **dict.fromkeys(
            f"{part}_{bound}"
            for part in ("reviewed", "remaining", "overall")
            for bound in ("rate", "low", "high")
        ),
        "points": [],
    }
    known = ratio(errors, words, moments(recordings, reviewed, sums)) if len(examples) >= LEAST else None
    if known is not None:
        stored |= _rates(examples, rest, known, words)
    row, _ = ProjectQuality.objects.update_or_create(project=project, defaults=stored)
    row.refresh_from_db()
    return row


def _rates(examples: Sequence[Example], rest: Sequence[Rest], known: Interval, words: int) -> dict[str, Any]:
    """Return rates with their bounds: of the `words` that were reviewed, of the rest, and of both together.

    Both together lie where the two would if they erred the same way, which is wider than by chance.
    """
    points = fit(examples)
    made: dict[str, Any] = {"points": points, **_bounds("reviewed", known)}
    value = _of_rest(points, rest)
    if value is None:
        return made | _bounds("overall", known)
    drawn = (_of_rest(fit(resample), rest) for resample in _resamples(examples))
    found = sorted(rate for rate in drawn if rate is not None)
    low, high = (found[min(len(found) - 1, int(part * len(found)))] for part in (0.025, 0.975))
    # The bounds are the resamples'; the estimate itself always lies within them.
    remaining = Interval(value, min(low, value), max(high, value))
    left = sum(r.words for r in rest)
    overall = (
        (known_at * words + rest_at * left) / (words + left)
        for known_at, rest_at in zip(astuple(known), astuple(remaining), strict=True)
    )
    return made | _bounds("remaining", remaining) | _bounds("overall", Interval(*overall))


def _bounds(part: str, found: Interval) -> dict[str, float]:
    return {f"{part}_rate": found.value, f"{part}_low": found.low, f"{part}_high": found.high}


def fit(examples: Sequence[Example]) -> list[list[float]]:
    """Return the rising map from risk to word error rate."""
    return learn_rising_rate(
        ((e.risk, e.errors, e.words) for e in examples), least=max(10, len(examples) // STEPS)
    )


def _of_rest(points: Points, rest: Sequence[Rest]) -> float | None:
    """Return the rate of the rest, read off the map; None where nothing is left, or no map."""
    left = sum(r.words for r in rest)
    return sum(read_off(points, r.risk) * r.words for r in rest) / left if left and points else None


def _resamples(examples: Sequence[Example]) -> list[list[Example]]:
    """Draw as many units as there are, with replacement, again and again; the same seed, the same draws."""
    units: dict[int, list[Example]] = {}
    for example in examples:
        units.setdefault(example.recording, []).append(example)
    if len(units) < LEAST_UNITS:
        units = {number: [example] for number, example in enumerate(examples)}
    dice, keys = random.Random(SEED), sorted(units)  # noqa: S311 - statistics, not secrets
    return [
        [example for key in dice.choices(keys, k=len(keys)) for example in units[key]]
        for _ in range(RESAMPLES)
    ]
