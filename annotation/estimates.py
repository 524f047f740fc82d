"""When jobs will be done: from how fast their models have been lately, who works, and what is before them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection

from annotation.models import Job
from annotation.states import JobState, Pass

LATELY_S: Final = 15 * 60
"""The pace of a model is that of its windows of the last quarter of an hour, of any job."""
MANY_WINDOWS: Final = 5_000
KEPT_S: Final = 2.0
"""Adding up 100,000 windows takes a tenth of a second, and every open list of jobs asks for it."""

Row = tuple[Any, ...]


class _Kept:
    rows: Sequence[Row] = ()
    until = 0.0


_kept: Final = _Kept()


@dataclass(frozen=True, slots=True)
class Eta:
    """Give the seconds until every draft of a job is there, and until all of it is done; 0 = there already.

    None where there is no pace to tell by yet.
    """

    draft_s: int | None
    done_s: int | None


# What is left of each job that waits for models, with the pace of the model and who works on that pass.
LEFT: Final = """
WITH pace AS (
    SELECT d.pass_name, d.model,
           sum(d.processing_ms)::float / nullif(sum(d.end_ms - d.start_ms), 0) AS rtf
      FROM annotation_decoding d
     WHERE d.state = 'done' AND d.finished_at > clock_timestamp() - make_interval(secs => %(lately)s)
     GROUP BY 1, 2
), working AS (
    SELECT d.pass_name, array_agg(DISTINCT d.claimed_by) AS names FROM annotation_decoding d
     WHERE d.state = 'running' GROUP BY 1
), remaining AS (
    SELECT d.job_id, d.pass_name, d.model, max(d.priority) AS priority, min(d.id) AS first,
           sum(d.end_ms - d.start_ms)::float AS audio_ms, count(*) AS windows
      FROM annotation_decoding d WHERE d.state IN ('waiting', 'queued', 'running') GROUP BY 1, 2, 3
)
SELECT remaining.job_id, remaining.pass_name, remaining.priority, remaining.first,
       remaining.audio_ms * pace.rtf / 1000, coalesce(working.names, '{}'), remaining.windows
  FROM remaining
  LEFT JOIN pace ON pace.pass_name = remaining.pass_name AND pace.model = remaining.model
  LEFT JOIN working ON working.pass_name = remaining.pass_name
"""


@dataclass(slots=True)
class _Line:
    """What waits for one pass, in the order in which it is served: (priority, first row, job, seconds)."""

    places: list[tuple[int, int, int, float | None]] = field(default_factory=list)
    names: frozenset[str] = frozenset()

    def seconds_by_job(self) -> dict[int, float | None]:
        """Return the work up to the end of each job, for one worker; None of an unknown pace."""
        total = 0.0
        passed: dict[int, float | None] = {}
        for _, _, job, seconds in sorted(self.places, key=lambda place: (-place[0], place[1])):
            if seconds is None:
                # Of a model nobody has a pace of: it counts for its own job, and not against those behind it.
                passed[job] = None
                continue
            total += seconds
            if passed.get(job, 0.0) is not None:
                passed[job] = total
        return passed


def etas(jobs: Sequence[Job]) -> dict[int, Eta]:
    """Estimate running jobs by one query for all of them; jobs that do not run are left out.

    A job ends when the last of its windows does, with everything before it in the queue served first and the
    workers of its pass sharing the work. Where the same workers serve both passes, refines come after all
    drafts; where they are others, the two go on side by side.
    """
    asked = [job for job in jobs if job.state == JobState.RUNNING and job.total_items]
    if not asked:
        return {}
    lines: dict[str, _Line] = defaultdict(_Line)
    for job_id, pass_name, priority, first, seconds, names, _ in _left():
        lines[pass_name].places.append((priority, first, job_id, seconds))
        lines[pass_name].names = frozenset(names)
    drafts, refines = lines[Pass.DRAFT], lines[Pass.REFINE]
    until_draft, until_done = drafts.seconds_by_job(), refines.seconds_by_job()
    return {
        job.pk: _eta(until_draft.get(job.pk, 0.0), until_done.get(job.pk, 0.0), drafts, refines)
        for job in asked
    }


def _left() -> Sequence[Row]:
    """Read what is left of every job; of a long queue it is kept for a moment, as it hardly changes."""
    if time.monotonic() < _kept.until:
        return _kept.rows
    with connection.cursor() as cursor:
        cursor.execute(LEFT, {"lately": float(LATELY_S)})
        rows: list[Row] = cursor.fetchall()
    if sum(row[-1] for row in rows) >= MANY_WINDOWS:
        _kept.rows, _kept.until = rows, time.monotonic() + KEPT_S
    return rows


def forget() -> None:
    """Let the next estimate look at the queue anew."""
    _kept.until = 0.0


def _eta(draft: float | None, refine: float | None, drafts: _Line, refines: _Line) -> Eta:
    if drafts.names & refines.names:
        # The same hands: a refine waits for every draft that is left, its own and others'.
        shared = len(drafts.names | refines.names)
        before = sum(seconds for *_, seconds in drafts.places if seconds is not None)
        draft_s = _shared(draft, shared)
        done_s = draft_s if refine == 0.0 else _shared(None if refine is None else before + refine, shared)
    else:
        draft_s = _shared(draft, len(drafts.names))
        refine_s = _shared(refine, len(refines.names))
        done_s = None if draft_s is None or refine_s is None else max(draft_s, refine_s)
    return Eta(draft_s, done_s)


def _shared(seconds: float | None, workers: int) -> int | None:
    if seconds is None:
        return None
    return max(1, round(seconds / max(1, workers))) if seconds else 0


def remember(jobs: Sequence[Job]) -> None:
    """Estimate jobs together and note it on each, so that `eta_of` asks nothing more."""
    found = etas(jobs)
    for job in jobs:
        job.estimate = found.get(job.pk)  # type: ignore[attr-defined]


def eta_of(job: Job) -> Eta | None:
    """Return the estimate of a job, the one noted on it or a fresh one; None where it does not run."""
    if not hasattr(job, "estimate"):
        remember([job])
    found: Eta | None = job.estimate  # type: ignore[attr-defined]
    return found
