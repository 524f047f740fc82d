"""Follow, cancel and retry jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import connection, transaction
from django.db.models import Q

from annotation import progress
from annotation.doorbell import ring_on_commit
from annotation.errors import Conflict
from annotation.models import Decoding, Job, Project, Recording, User
from annotation.permissions import require
from annotation.services import filejobs, refining
from annotation.services.clock import ClockTimestamp
from annotation.states import (
    FILE_JOBS,
    LIVE_DECODINGS,
    LIVE_JOBS,
    RETRIABLE_JOBS,
    DecodingState,
    JobKind,
    JobState,
    Pass,
    RecordingState,
)

# One statement counts the work and moves the job, so two workers that finish at the same moment cannot
# both miss the end. A job ends when its recording was prepared and none of its decodings is live. A round
# over jobs that stand still writes nothing and tells nobody.
REFRESH: Final = """
WITH count AS (
    SELECT count(*) FILTER (WHERE d.state <> 'cancelled') AS total,
           count(*) FILTER (WHERE d.state IN ('done', 'failed', 'skipped')) AS processed,
           count(*) FILTER (WHERE d.state = 'failed') AS failed,
           count(*) FILTER (WHERE d.state IN ('waiting', 'queued', 'running')) AS live,
           count(*) FILTER (WHERE d.state IN ('queued', 'running') AND d.pass_name = 'draft') AS live_draft,
           min(d.cause) FILTER (WHERE d.state = 'failed') AS cause,
           min(d.cause_code) FILTER (WHERE d.state = 'failed') AS cause_code,
           count(*) FILTER (WHERE d.state IN ('queued', 'running') AND d.cause_code <> '') AS again,
           min(d.cause) FILTER (WHERE d.state IN ('queued', 'running') AND d.cause_code <> '') AS again_cause,
           min(d.cause_code) FILTER (WHERE d.state IN ('queued', 'running') AND d.cause_code <> '')
               AS again_code
      FROM annotation_decoding d WHERE d.job_id = %(job)s
), next AS (
    SELECT count.total, count.processed, count.failed,
           CASE WHEN r.state = 'rejected' THEN 'failed'
                WHEN r.state = 'ready' AND count.live = 0 AND count.failed > 0 THEN 'failed'
                WHEN r.state = 'ready' AND count.live = 0 THEN 'completed'
                WHEN r.state = 'stored' AND count.total = 0 AND j.state = 'pending' THEN 'pending'
                ELSE 'running' END AS state,
           CASE WHEN r.state = 'ready' AND count.live = 0 THEN ''
                WHEN j.phase = 'downloading' AND j.processed_items = count.processed THEN j.phase
                WHEN r.state <> 'ready' THEN 'preparing'
                WHEN count.live_draft > 0 THEN 'draft'
                ELSE 'refine' END AS phase,
           CASE WHEN r.state <> 'ready' THEN r.cause_code
                ELSE coalesce(count.cause_code, count.again_code, '') END AS error_code,
           CASE WHEN r.state <> 'ready' THEN r.cause
                WHEN count.failed > 0 THEN count.failed || ' of ' || count.total
                     || ' windows could not be transcribed: ' || count.cause
                WHEN count.again > 0 THEN count.again || ' of ' || count.total
                     || ' windows wait for another attempt: ' || count.again_cause
                ELSE '' END AS error
      FROM annotation_job j JOIN annotation_recording r ON r.id = j.recording_id, count
     WHERE j.id = %(job)s
)
UPDATE annotation_job AS job
   SET total_items = next.total, processed_items = next.processed, failed_items = next.failed,
       state = next.state, phase = next.phase, error_code = next.error_code, error = next.error,
       started_at = CASE WHEN next.state = 'pending' THEN job.started_at
                         ELSE coalesce(job.started_at, clock_timestamp()) END,
       finished_at = CASE WHEN next.state IN ('completed', 'failed') THEN clock_timestamp() END
  FROM next
 WHERE job.id = %(job)s AND job.state IN ('pending', 'running')
   AND (job.total_items, job.processed_items, job.failed_items, job.state, job.phase, job.error)
       IS DISTINCT FROM
       (next.total, next.processed, next.failed, next.state, next.phase, next.error)
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
            state=JobState.CANCELLED, phase="", error="", error_code="", claim_expires_at=None,
            finished_at=ClockTimestamp(),
        )  # fmt: skip
        if rows:
            # Locked in the order in which workers lock them, so that neither waits for the other.
            live = Decoding.objects.filter(job=job, state__in=LIVE_DECODINGS).order_by("pass_name", "pk")
            ids = list(live.select_for_update().values_list("pk", flat=True))
            Decoding.objects.filter(pk__in=ids, state__in=LIVE_DECODINGS).update(
                state=DecodingState.CANCELLED, finished_at=ClockTimestamp()
            )
            if job.recording_id is not None:
                refining.release_in([job.recording_id])  # of another job, where it waited for these drafts
    job.refresh_from_db()
    if not rows:
        raise Conflict(f"This job is {job.state}; only a pending or running job can be cancelled.")
    _announce_row(job)
    return job


def retry(*, user: User, job: Job) -> Job:
    """Run what failed or was cancelled again, with its attempts counted from zero.

    What the project's rule left out of the second pass is asked again, too; so a job that is completed can
    run again when the rule or a model has changed. Raises Conflict where there is nothing to run again.
    """
    from annotation.services import cuts, decodings

    _require(user, job)
    if job.kind in FILE_JOBS:
        return filejobs.retry(job)
    with transaction.atomic():
        rows = Job.objects.filter(pk=job.pk, state__in=(*RETRIABLE_JOBS, JobState.COMPLETED)).update(
            state=JobState.PENDING, phase="", error="", error_code="", finished_at=None
        )
        was = job.state
        if not rows:
            job.refresh_from_db()
            raise Conflict(f"This job is {job.state}; only a job that has ended can be run again.")
        # Locked, because a preparation may be ending at this moment: one of us must plan its windows.
        recording = Recording.objects.select_for_update().filter(pk=job.recording_id or 0).first()
        if recording is not None:
            Recording.objects.filter(
                pk=recording.pk, state__in=(RecordingState.REJECTED, RecordingState.STORED)
            ).update(state=RecordingState.STORED, attempts=0, cause="", cause_code="", available_at=None)
        again = _queue_again(job)
        if recording is not None:
            # Segments may have been cut, split or merged since: windows that fit no more are planned anew.
            again -= cuts.drop_decodings(recording.pk)
        planned = job.kind == JobKind.TRANSCRIBE  # the other kind is over chosen rows, planned once
        if recording is not None and recording.state == RecordingState.READY and planned:
            again += decodings.plan(job=job, recording=recording)
            refining.release_in([recording.pk])
        if was == JobState.COMPLETED and not again:
            raise Conflict("This job is completed, and nothing of it was left out; there is nothing to run.")
        ring_on_commit("audio")
        ring_on_commit("draft")
        ring_on_commit("refine")
    refresh([job.pk])
    job.refresh_from_db()
    _announce_row(job)
    return job


def _queue_again(job: Job) -> int:
    """Queue what failed or was cancelled, unless the project has changed its model since: that is dropped.

    Refines wait for their drafts once more. Returns how many windows are wanted again.
    """
    ended = Decoding.objects.filter(
        job=job, state__in=(DecodingState.FAILED, DecodingState.CANCELLED, DecodingState.SKIPPED)
    )
    fresh = {"attempts": 0, "available_at": None, "cause": "", "cause_code": "", "finished_at": None}
    if job.kind == JobKind.RETRANSCRIBE:  # with the model it was asked for, and nothing waits for a draft
        return ended.exclude(state=DecodingState.SKIPPED).update(state=DecodingState.QUEUED, **fresh)
    wanted = Q(pass_name=Pass.DRAFT, model=job.project.draft_model)
    if job.project.refine_model:
        wanted |= Q(pass_name=Pass.REFINE, model=job.project.refine_model)
    ended.exclude(wanted).exclude(state=DecodingState.CANCELLED).update(state=DecodingState.CANCELLED)
    failed = ended.filter(wanted).exclude(state=DecodingState.SKIPPED)
    again = failed.filter(pass_name=Pass.DRAFT).update(state=DecodingState.QUEUED, **fresh)
    again += failed.filter(pass_name=Pass.REFINE).update(state=DecodingState.WAITING, **fresh)
    return again + refining.reconsider_skipped(job.pk)


def _require(user: User, job: Job) -> None:
    project: Project = job.project
    if job.created_by_id == user.pk:
        require(user, "view", project)
    else:
        require(user, "jobs", project)


def _announce_row(job: Job) -> None:
    progress.publish(job.project_id, "job.progress", _progress_of(job))


def _progress_of(job: Job) -> dict[str, object]:
    if job.recording_id is None:
        return filejobs.shown(job)
    return {
        "job": str(job.pk),
        "recording": str(job.recording_id),
        "state": job.state,
        "phase": job.phase,
        "processed_items": job.processed_items,
        "failed_items": job.failed_items,
        "total_items": job.total_items,
    }
