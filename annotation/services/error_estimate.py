"""Estimate the word error rate of texts that nobody has reviewed, from those that people have.

Reviewed texts are no fair sample: the riskiest go first. So a rising map from the risk that was stated to the
error rate that was found is fitted, and read off at the risk of every text that is left.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from annotation.models import Project, ProjectQuality
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
METHOD: Final = (
    f"isotonic fit of the error rate over the risk; 95 % interval by {RESAMPLES} seeded resamples of "
    "recordings, of segments where there are fewer than ten recordings (Bisani and Ney, ICASSP 2004)"
)


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
        "SELECT count(*), coalesce(sum(errors), 0), coalesce(sum(words), 0) FROM (",
        REVIEWED,
        ") AS reviewed (recording, risk, errors, words)",
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
        reviewed, errors, words = cursor.fetchone()
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
    if len(examples) >= LEAST and words:
        stored |= _rates(examples, rest, int(errors), int(words))
    row, _ = ProjectQuality.objects.update_or_create(project=project, defaults=stored)
    row.refresh_from_db()
    return row


def _rates(examples: Sequence[Example], rest: Sequence[Rest], errors: int, words: int) -> dict[str, Any]:
    """Return rates with their bounds: of what was reviewed, of the rest, and of both together."""
    points = fit(examples)
    drawn = [_drawn(resample, rest, words) for resample in _resamples(examples)]
    exact = (errors / words, *_with_rest(points, errors / words, rest, words))
    made: dict[str, Any] = {"points": points}
    for part, value, sampled in zip(
        ("reviewed", "remaining", "overall"), exact, zip(*drawn, strict=True), strict=True
    ):
        known = sorted(share for share in sampled if share is not None)
        if value is not None and known:
            # The bounds are the resamples'; the estimate itself always lies within them.
            low, high = known[int(0.025 * len(known))], known[min(len(known) - 1, int(0.975 * len(known)))]
            made |= {f"{part}_rate": value, f"{part}_low": min(low, value), f"{part}_high": max(high, value)}
    return made


def fit(examples: Sequence[Example]) -> list[list[float]]:
    """Return the rising map from risk to word error rate."""
    return learn_rising_rate(
        ((e.risk, e.errors, e.words) for e in examples), least=max(10, len(examples) // STEPS)
    )


def _drawn(
    examples: Sequence[Example], rest: Sequence[Rest], words: int
) -> tuple[float | None, float | None, float | None]:
    said = sum(e.words for e in examples)
    if not said:
        return None, None, None
    rate = sum(e.errors for e in examples) / said
    return rate, *_with_rest(fit(examples), rate, rest, words)


def _with_rest(
    points: Points, rate: float, rest: Sequence[Rest], words: int
) -> tuple[float | None, float | None]:
    """Return the rate of the rest by the map, and that of all words together."""
    left = sum(r.words for r in rest)
    if not left or not points:
        return None, rate
    wrong = sum(read_off(points, r.risk) * r.words for r in rest)
    return wrong / left, (rate * words + wrong) / (words + left)


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
