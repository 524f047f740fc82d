"""Follow, cancel and retry jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import connection, transaction

from annotation import progress
from annotation.doorbell import ring_on_commit
from annotation.errors import Conflict
from annotation.models import Decoding, Job, Project, Recording, User
from annotation.permissions import require
from annotation.services.clock import ClockTimestamp
from annotation.states import (
    LIVE_DECODINGS,
    LIVE_JOBS,
    RETRIABLE_JOBS,
    DecodingState,
    JobState,
    RecordingState,
)

# One statement counts the work and moves the job, so two workers that finish at the same moment cannot
# both miss the end. A job ends when its recording was prepared and none of its decodings is live.
REFRESH: Final = """
WITH count AS (
    SELECT count(*) FILTER (WHERE d.state <> 'cancelled') AS total,
           count(*) FILTER (WHERE d.state IN ('done', 'failed')) AS processed,
           count(*) FILTER (WHERE d.state = 'failed') AS failed,
           count(*) FILTER (WHERE d.state IN ('queued', 'running')) AS live,
           count(*) FILTER (WHERE d.state IN ('queued', 'running') AND d.pass_name = 'draft') AS live_draft,
           min(d.cause) FILTER (WHERE d.state = 'failed') AS cause,
           min(d.cause_code) FILTER (WHERE d.state = 'failed') AS cause_code
      FROM annotation_decoding d WHERE d.job_id = %(job)s
)
UPDATE annotation_job AS job
   SET total_items = count.total,
       processed_items = count.processed,
       failed_items = count.failed,
       phase = CASE WHEN recording.state <> 'ready' THEN 'preparing'
                    WHEN count.live_draft > 0 THEN 'draft'
                    WHEN count.live > 0 THEN 'refine' ELSE '' END,
       state = CASE WHEN recording.state = 'rejected' THEN 'failed'
                    WHEN recording.state = 'ready' AND count.live = 0 AND count.failed > 0 THEN 'failed'
                    WHEN recording.state = 'ready' AND count.live = 0 THEN 'completed'
                    WHEN recording.state = 'stored' AND count.total = 0 AND job.state = 'pending'
                         THEN 'pending'
                    ELSE 'running' END,
       error_code = CASE WHEN recording.state = 'rejected' THEN recording.cause_code
                         ELSE coalesce(count.cause_code, '') END,
       error = CASE WHEN recording.state = 'rejected' THEN recording.cause
                    WHEN count.failed > 0 THEN count.failed || ' of ' || count.total
                         || ' windows could not be transcribed: ' || count.cause
                    ELSE '' END,
       started_at = CASE WHEN recording.state = 'stored' AND count.total = 0 THEN job.started_at
                         ELSE coalesce(job.started_at, clock_timestamp()) END,
       finished_at = CASE WHEN recording.state = 'rejected' OR (recording.state = 'ready' AND count.live = 0)
                          THEN clock_timestamp() END
  FROM count, annotation_recording AS recording
 WHERE job.id = %(job)s AND recording.id = job.recording_id AND job.state IN ('pending', 'running')
RETURNING job.project_id, job.recording_id, job.state, job.phase, job.processed_items, job.failed_items,
          job.total_items
"""


def refresh(job_ids: Iterable[int]) -> None:
    """Copy the counts of the work into each live job, end what is over, and tell open pages."""
    for job_id in sorted(set(job_ids)):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(REFRESH, {"job": job_id})
            row = cursor.fetchone()
            if row is not None:
                _announce(job_id, *row)


def _announce(
    job_id: int,
    project_id: int,
    recording_id: int,
    state: str,
    phase: str,
    processed: int,
    failed: int,
    total: int,
) -> None:
    progress.publish_on_commit(
        project_id,
        "job.progress",
        {
            "job": str(job_id),
            "recording": str(recording_id),
            "state": state,
            "phase": phase,
            "processed_items": processed,
            "failed_items": failed,
            "total_items": total,
        },
    )


def show_download(job_ids: Iterable[int], *, model: str, percent: int) -> None:
    """Say on live jobs that they wait for a model on its way from the hub; the next refresh takes it back."""
    with transaction.atomic():
        rows = Job.objects.filter(pk__in=sorted(set(job_ids)), state__in=LIVE_JOBS)
        rows.update(phase="downloading")
        for job in rows:
            progress.publish_on_commit(
                job.project_id, "job.progress", {**_progress_of(job), "model": model, "percent": percent}
            )


def cancel(*, user: User, job: Job) -> Job:
    """Stop a live job: queued work is dropped, running work is refused when it reports."""
    _require(user, job)
    with transaction.atomic():
        rows = Job.objects.filter(pk=job.pk, state__in=LIVE_JOBS).update(
            state=JobState.CANCELLED, phase="", finished_at=ClockTimestamp()
        )
        if rows:
            Decoding.objects.filter(job=job, state__in=LIVE_DECODINGS).update(
                state=DecodingState.CANCELLED, finished_at=ClockTimestamp()
            )
    job.refresh_from_db()
    if not rows:
        raise Conflict(f"This job is {job.state}; only a pending or running job can be cancelled.")
    _announce_row(job)
    return job


def retry(*, user: User, job: Job) -> Job:
    """Run what failed or was cancelled again, with its attempts counted from zero."""
    from annotation.services import decodings

    _require(user, job)
    with transaction.atomic():
        rows = Job.objects.filter(pk=job.pk, state__in=RETRIABLE_JOBS).update(
            state=JobState.PENDING, phase="", error="", error_code="", finished_at=None
        )
        if not rows:
            job.refresh_from_db()
            raise Conflict(f"This job is {job.state}; only a failed or cancelled job can be retried.")
        recording = job.recording
        if recording is not None:
            Recording.objects.filter(
                pk=recording.pk, state__in=(RecordingState.REJECTED, RecordingState.STORED)
            ).update(state=RecordingState.STORED, attempts=0, cause="", cause_code="", available_at=None)
        Decoding.objects.filter(job=job, state__in=(DecodingState.FAILED, DecodingState.CANCELLED)).update(
            state=DecodingState.QUEUED,
            attempts=0,
            available_at=None,
            cause="",
            cause_code="",
            finished_at=None,
        )
        if recording is not None and recording.state == RecordingState.READY:
            decodings.plan(job=job, recording=recording)
        ring_on_commit("audio")
        ring_on_commit("draft")
        ring_on_commit("refine")
    refresh([job.pk])
    job.refresh_from_db()
    _announce_row(job)
    return job


def _require(user: User, job: Job) -> None:
    project: Project = job.project
    if job.created_by_id == user.pk:
        require(user, "view", project)
    else:
        require(user, "jobs", project)


def _announce_row(job: Job) -> None:
    progress.publish(job.project_id, "job.progress", _progress_of(job))


def _progress_of(job: Job) -> dict[str, object]:
    return {
        "job": str(job.pk),
        "recording": str(job.recording_id),
        "state": job.state,
        "phase": job.phase,
        "processed_items": job.processed_items,
        "failed_items": job.failed_items,
        "total_items": job.total_items,
    }
