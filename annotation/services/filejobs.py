"""Jobs that one worker does from end to end: imports, exports and replacements, claimed like everything else.

A worker claims the job itself, renews the claim while it works, and reports how far it is. Its results count
only while its claim stands: whoever writes for a job does so in a transaction that begins with `hold`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F

from annotation import progress
from annotation.conf import conf
from annotation.doorbell import ring_on_commit
from annotation.errors import AnnotationError, Conflict
from annotation.models import Job, Project, User
from annotation.services.clock import ClockTimestamp, in_seconds
from annotation.states import FILE_JOBS, JobKind, JobState

Tick = Callable[..., None]
"""`tick(done, total, phase="")`: says how far the work is. Raises `Lost` when it should stop."""

LOST_WORKER: Final = "The worker that did this stopped without a word, {} times by now."


class Lost(Exception):
    """Say that the claim is gone: the job was cancelled, or another worker has it. Nothing may be written."""


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """Name a claimed job, and the claim that its results must still find."""

    id: int
    claim: int
    attempts: int
    kind: JobKind
    project_id: int
    created_by_id: int | None


def create(*, user: User | None, project: Project, kind: JobKind, total: int = 0) -> Job:
    """Write down a job for the queue `files` and ring for it on commit."""
    if kind not in FILE_JOBS:
        raise ValueError(kind)
    job = Job.objects.create(project=project, kind=kind, created_by=user, total_items=total)
    _announce(job)
    ring_on_commit("files")
    return job


CLAIM: Final = """
UPDATE annotation_job AS j
   SET state = 'running', claim = j.claim + 1, attempts = j.attempts + 1, claimed_by = %(worker)s,
       claim_expires_at = clock_timestamp() + make_interval(secs => %(seconds)s),
       started_at = coalesce(j.started_at, clock_timestamp()), phase = ''
 WHERE j.id = (
    SELECT w.id FROM annotation_job w
     WHERE w.state = 'pending' AND w.kind = ANY(%(kinds)s)
       AND (w.available_at IS NULL OR w.available_at <= clock_timestamp())
       AND CASE WHEN %(job)s::bigint IS NOT NULL THEN w.id = %(job)s
                -- A folder of the server is read by the command that was given it, on its machine.
                ELSE NOT EXISTS (SELECT 1 FROM annotation_import parent
                                  WHERE parent.job_id = w.id AND parent.folder <> '') END
     ORDER BY w.attempts, w.id LIMIT 1 FOR UPDATE SKIP LOCKED)
   AND j.state = 'pending'
RETURNING j.id, j.claim, j.attempts, j.kind, j.project_id, j.created_by_id
"""


def claim_next(*, worker: str) -> ClaimedJob | None:
    """Claim the file job that has waited longest; those that failed before come last."""
    return _claim(worker, None)


def claim(job_id: int, *, worker: str) -> ClaimedJob | None:
    """Claim one file job, for a command that does it itself; None where a worker has it, or it has ended."""
    return _claim(worker, job_id)


def _claim(worker: str, job_id: int | None) -> ClaimedJob | None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "worker": worker[:200],
                "job": job_id,
                "seconds": float(conf().claim_s),
                "kinds": [kind.value for kind in FILE_JOBS],
            },
        )
        row = cursor.fetchone()
        if row is None:
            return None
        _announce(Job.objects.get(pk=row[0]))
    return ClaimedJob(row[0], row[1], row[2], JobKind(row[3]), row[4], row[5])


def renew(claimed: ClaimedJob) -> bool:
    """Keep the claim; False when it is gone or the job was cancelled."""
    return bool(_held(claimed).update(claim_expires_at=in_seconds(conf().claim_s)))


def hold(claimed: ClaimedJob) -> None:
    """Lock the job's row to the end of this transaction, so that what is written belongs to a living claim.

    Raises Lost when the claim is gone.
    """
    if not _held(claimed).select_for_update().values_list("pk", flat=True)[:1]:
        raise Lost


def tick(claimed: ClaimedJob, done: int, total: int, *, failed: int = 0, phase: str = "") -> bool:
    """Write how far the work is and tell open pages; False when the claim is gone."""
    with transaction.atomic():
        rows = _held(claimed).update(
            processed_items=min(done, total),
            failed_items=failed,
            total_items=total,
            phase=phase[:20],
            claim_expires_at=in_seconds(conf().claim_s),
        )
        if rows:
            _announce(Job.objects.get(pk=claimed.id))
    return bool(rows)


def finish(claimed: ClaimedJob) -> bool:
    """Complete the job; False when the claim is gone."""
    return _end(
        claimed, state=JobState.COMPLETED, processed_items=F("total_items"), error="", error_code="",
        cause="", cause_code="", finished_at=ClockTimestamp(),
    )  # fmt: skip


def fail(claimed: ClaimedJob, *, code: str, message: str, final: bool = False) -> bool:
    """Put the job back for another attempt, or fail it with its cause after the last; False if fenced.

    `final` fails it at once, for causes that no further attempt can mend.
    """
    words: dict[str, Any] = {
        "error_code": code[:60], "error": message[:2000], "cause_code": code[:60], "cause": message[:2000],
    }  # fmt: skip
    if final or claimed.attempts >= conf().max_attempts:
        return _end(claimed, state=JobState.FAILED, finished_at=ClockTimestamp(), **words)
    delay = conf().retry_delay_s * 2 ** (claimed.attempts - 1)
    return _end(claimed, state=JobState.PENDING, available_at=in_seconds(delay), **words)


def hand_back(claimed: ClaimedJob) -> bool:
    """Return a job whose worker is asked to stop; not counted as an attempt."""
    given = _end(claimed, state=JobState.PENDING, attempts=F("attempts") - 1)
    ring_on_commit("files")
    return given


def reclaim_expired(limit: int = 100) -> int:
    """Queue again, or fail, file jobs whose worker went silent; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE annotation_job AS j
               SET state = CASE WHEN j.attempts >= %(max)s THEN 'failed' ELSE 'pending' END,
                   claim_expires_at = NULL, error_code = 'worker_lost', cause_code = 'worker_lost',
                   error = replace(%(words)s, '{}', j.attempts::text),
                   cause = replace(%(words)s, '{}', j.attempts::text),
                   phase = '',
                   finished_at = CASE WHEN j.attempts >= %(max)s THEN clock_timestamp() END
             WHERE j.id IN (
                SELECT id FROM annotation_job
                 WHERE state = 'running' AND kind = ANY(%(kinds)s) AND claim_expires_at < clock_timestamp()
                 ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
               AND j.state = 'running'
            RETURNING j.id
            """,
            {
                "max": conf().max_attempts,
                "words": LOST_WORKER,
                "kinds": [kind.value for kind in FILE_JOBS],
                "limit": limit,
            },
        )
        found = [row[0] for row in cursor.fetchall()]
        for job in Job.objects.filter(pk__in=found):
            _announce(job)
    return len(found)


def retry(job: Job) -> Job:
    """Run a file job again that failed or was cancelled, its attempts counted from zero.

    The caller has looked whether the person may. Raises Conflict where it has not ended, or went well.
    """
    with transaction.atomic():
        rows = Job.objects.filter(
            pk=job.pk, kind__in=FILE_JOBS, state__in=(JobState.FAILED, JobState.CANCELLED)
        ).update(
            state=JobState.PENDING, phase="", error="", error_code="", cause="", cause_code="", attempts=0,
            processed_items=0, failed_items=0, available_at=None, finished_at=None,
        )  # fmt: skip
        job.refresh_from_db()
        if not rows:
            raise Conflict(f"This job is {job.state}; only a failed or cancelled one can be run again.")
        _announce(job)
        ring_on_commit("files")
    return job


def describe(error: BaseException) -> tuple[str, str, bool]:
    """Return code, message, and whether no further attempt can mend it, of what stopped a job."""
    if isinstance(error, AnnotationError):
        return error.code, error.message, error.status < 500
    if isinstance(error, MemoryError):
        return "out_of_memory", "The worker ran out of memory while it did this.", False
    if isinstance(error, OSError):
        return "storage", f"The media disk could not be read or written: {error.strerror or error}.", False
    return "job_failed", f"{type(error).__name__}: {error}", False


def _end(claimed: ClaimedJob, **values: Any) -> bool:
    with transaction.atomic():
        rows = _held(claimed).update(claim_expires_at=None, phase="", **values)
        if rows:
            _announce(Job.objects.get(pk=claimed.id))
    return bool(rows)


def _held(claimed: ClaimedJob) -> Any:
    return Job.objects.filter(pk=claimed.id, claim=claimed.claim, state=JobState.RUNNING)


def _announce(job: Job) -> None:
    progress.publish_on_commit(job.project_id, "job.progress", shown(job))


def shown(job: Job) -> dict[str, object]:
    """Return what an event says of a file job."""
    return {
        "job": str(job.pk),
        "kind": job.kind,
        "recording": None,
        "state": job.state,
        "phase": job.phase,
        "processed_items": job.processed_items,
        "failed_items": job.failed_items,
        "total_items": job.total_items,
    }
