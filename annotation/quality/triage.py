"""What the risk score was worth: how soon reading the riskiest rows first finds the errors, and how often a
stated risk came true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from annotation.quality.intervals import Interval, wilson
from annotation.quality.scope import SCORED, Scope

STEPS: Final = 20
BINS: Final = 10
FEW: Final = 20
"""Rows without which no curve is drawn."""


@dataclass(frozen=True, slots=True)
class Step:
    """Give the share of all errors that lie in the first `rows` (a share) of rows, by three orders."""

    rows: float
    riskiest: float
    by_time: float
    ideal: float
    """Worst first, were it known."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Hold the curve with the figures it is drawn from; a random order finds its share of rows."""

    rows: int
    errors: int
    steps: tuple[Step, ...]

    def at(self, share: float) -> Step | None:
        """Return the step of a share of rows."""
        return next((s for s in self.steps if abs(s.rows - share) < 1e-9), None)


@dataclass(frozen=True, slots=True)
class Bin:
    """Compare the risk that was stated for some rows with how many of them people changed."""

    low: float
    high: float
    rows: int
    stated: float
    changed: int
    observed: Interval
    errors: int
    words: int


# A model named in the scope has the rows that it was heard in; otherwise the best machine's text.
JUDGED: Final = """
, judged AS (SELECT * FROM scored WHERE (best OR %(model)s::text IS NOT NULL) AND risk IS NOT NULL)
"""
ORDERED: Final = """
, ranked AS (
    SELECT errors, ntile(%(steps)s) OVER (ORDER BY risk DESC, segment_id) AS by_risk,
           ntile(%(steps)s) OVER (ORDER BY recording_id, start_ms, segment_id) AS by_time,
           ntile(%(steps)s) OVER (ORDER BY errors DESC, segment_id) AS by_errors
      FROM judged)
SELECT 0, by_risk, sum(errors)::bigint, count(*) FROM ranked GROUP BY 2
UNION ALL SELECT 1, by_time, sum(errors)::bigint, count(*) FROM ranked GROUP BY 2
UNION ALL SELECT 2, by_errors, sum(errors)::bigint, count(*) FROM ranked GROUP BY 2
"""
BINNED: Final = """
SELECT least(floor(risk * %(bins)s)::int, %(bins)s - 1) AS bin, count(*), avg(risk),
       count(*) FILTER (WHERE errors > 0), sum(errors)::bigint, sum(words)::bigint,
       sum((risk - (errors > 0)::int) ^ 2)
  FROM judged GROUP BY 1 ORDER BY 1
"""


def curve(scope: Scope) -> Curve:
    """Return how soon errors are found in three orders of reading; without steps where rows are few."""
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {SCORED}{JUDGED}{ORDERED}", {**scope.values(), "steps": STEPS})
        found = cursor.fetchall()
    counts: list[dict[int, tuple[int, int]]] = [{}, {}, {}]
    for order, step, errors, rows in found:
        counts[order][step] = (errors, rows)
    rows = sum(count for _, count in counts[0].values())
    errors = sum(count for count, _ in counts[0].values())
    if rows < FEW or not errors:
        return Curve(rows, errors, ())
    steps, read, seen = [Step(0.0, 0.0, 0.0, 0.0)], 0, [0, 0, 0]
    for step in range(1, STEPS + 1):
        read += counts[0].get(step, (0, 0))[1]
        for order in range(3):
            seen[order] += counts[order].get(step, (0, 0))[0]
        # By name a twentieth each; the rows of a step may be one more or less.
        steps.append(Step(round(step / STEPS, 4), *(count / errors for count in seen)))
    return Curve(rows, errors, tuple(steps))


def reliability(scope: Scope) -> tuple[list[Bin], float | None]:
    """Return stated against observed risk in ten bins, and the Brier score of all rows (0 is best)."""
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {SCORED}{JUDGED}{BINNED}", {**scope.values(), "bins": BINS})
        found: list[tuple[Any, ...]] = cursor.fetchall()
    rows = sum(row[1] for row in found)
    bins = [
        Bin(
            low=at / BINS, high=(at + 1) / BINS, rows=count, stated=float(stated), changed=changed,
            observed=wilson(changed, count), errors=errors, words=words,
        )
        for at, count, stated, changed, errors, words, _ in found
    ]  # fmt: skip
    return bins, sum(float(row[6]) for row in found) / rows if rows else None
