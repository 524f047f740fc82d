"""Take recordings in, and carry them through preparation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import F

from annotation import progress, storage
from annotation.conf import conf
from annotation.doorbell import ring_on_commit
from annotation.errors import Duplicate, Invalid
from annotation.models import Job, Project, Recording, User
from annotation.permissions import require
from annotation.services import cuts, decodings, jobs
from annotation.services.clock import ClockTimestamp, in_seconds
from annotation.services.imports import landing
from annotation.services.names import clean_name
from annotation.states import AS_IMPORTED, LIVE_JOBS, JobKind, Priority, RecordingState, Segmentation
from transcription.types import ChannelSpan, Prepared

FRESH_AT_ONCE: Final = 10
"""So many unfinished uploads of one person go before bulk; those beyond are bulk."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Name bytes that are safely on the media disk, hashed while they were written."""

    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ClaimedRecording:
    """Name a recording claimed for preparation, and the claim its result must still find."""

    id: int
    claim: int
    attempts: int
    name: str


def add_recording(
    *,
    user: User,
    project: Project,
    name: object,
    file: StoredFile,
    segmentation: str = "",
    waiting: bool = False,
) -> tuple[Recording, Job]:
    """Turn a stored file into a recording with its job, in one transaction, and ring `audio`.

    The bytes are linked into place before the commit and unlinked from `file.path` after it, so that a
    crash at any point leaves either the whole recording or the upload as it was. Raises Duplicate when
    the project already has the same bytes; then nothing new is stored. `waiting`: a person waits for the
    text (a microphone), so it goes before everything else.
    """
    require(user, "upload", project)
    shown = clean_name(name)
    if file.size_bytes == 0:
        raise Invalid("The file is empty; record or export it again.", code="empty_file")
    if segmentation and segmentation not in (*Segmentation.values, AS_IMPORTED):
        raise Invalid("Unknown segmentation.", segmentation=" or ".join(Segmentation.values))
    try:
        with transaction.atomic():
            recording = Recording.objects.create(
                project=project,
                name=shown,
                sha256=file.sha256,
                size_bytes=file.size_bytes,
                segmentation=segmentation,
                priority=Priority.PERSON if waiting else _haste_of(user),
                created_by=user,
            )
            job = Job.objects.create(
                project=project, recording=recording, kind=JobKind.TRANSCRIBE, created_by=user
            )
            _link(file.path, storage.original_path(recording.pk))
            progress.publish_on_commit(
                project.pk, "recording.changed", {"recording": str(recording.pk), "state": recording.state}
            )
            ring_on_commit("audio")
    except IntegrityError:
        existing = Recording.objects.filter(project=project, sha256=file.sha256).first()
        if existing is None:
            raise
        _remove_on_commit(file.path)
        if existing.trashed_at is not None:
            raise Duplicate(
                f"The same audio lies in this project's trash as “{existing.name}”; restore it there.",
                recording=str(existing.pk),
                name=existing.name,
                trashed=True,
            ) from None
        raise Duplicate(
            f"The same audio is already here as “{existing.name}”; nothing was stored twice.",
            recording=str(existing.pk),
            name=existing.name,
        ) from None
    _remove_on_commit(file.path)
    return recording, job


def _haste_of(user: User) -> Priority:
    """Return how soon a person's next upload is served: a few go before bulk, a thousand are bulk."""
    live = Job.objects.filter(created_by=user, state__in=LIVE_JOBS).order_by()
    return Priority.FRESH if len(live.values_list("pk")[:FRESH_AT_ONCE]) < FRESH_AT_ONCE else Priority.BULK


def _remove_on_commit(path: Path) -> None:
    transaction.on_commit(lambda: path.unlink(missing_ok=True), robust=True)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.unlink(missing_ok=True)
    os.link(source, target)
    storage.sync_directory(target.parent)
    storage.sync_directory(target.parent.parent)


CLAIM: Final = """
UPDATE annotation_recording AS r
   SET state = 'preparing', claim = r.claim + 1, attempts = r.attempts + 1, claimed_by = %(worker)s,
       claim_expires_at = clock_timestamp() + make_interval(secs => %(seconds)s), prepared_percent = 0,
       settled_ms = 0, updated_at = clock_timestamp()
 WHERE r.id = (
    SELECT w.id FROM annotation_recording w
     WHERE w.state = 'stored'
       AND (w.available_at IS NULL OR w.available_at <= clock_timestamp())
       AND EXISTS (SELECT 1 FROM annotation_job job
                    WHERE job.recording_id = w.id AND job.state IN ('pending', 'running'))
     ORDER BY w.priority DESC, w.attempts, w.id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING r.id, r.claim, r.attempts, r.name, r.project_id
"""


def claim_next(*, worker: str) -> ClaimedRecording | None:
    """Claim the next recording that waits for preparation, people's first, failed ones last."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, {"worker": worker[:200], "seconds": float(conf().claim_s)})
        row = cursor.fetchone()
        if row is None:
            return None
        progress.publish_on_commit(
            row[4], "recording.changed", {"recording": str(row[0]), "state": RecordingState.PREPARING}
        )
    jobs.refresh(_live_jobs(row[0]))
    return ClaimedRecording(*row[:4])


def renew(claimed: ClaimedRecording, percent: int) -> bool:
    """Keep the claim and note how far the preparation is.

    Returns False when the work should stop: the claim is gone, or the job was cancelled.
    """
    with transaction.atomic():
        rows = (
            _held(claimed)
            .filter(jobs__state__in=LIVE_JOBS)
            .update(
                claim_expires_at=in_seconds(conf().claim_s),
                prepared_percent=percent,
                updated_at=ClockTimestamp(),
            )
        )
        if rows:
            project_id = Recording.objects.values_list("project_id", flat=True).get(pk=claimed.id)
            progress.publish_on_commit(
                project_id,
                "recording.changed",
                {"recording": str(claimed.id), "state": "preparing", "prepared_percent": percent},
            )
    return bool(rows)


def add_segments(
    claimed: ClaimedRecording, spans: Sequence[ChannelSpan], settled_ms: int, *, layout: str
) -> bool:
    """Store segments that became certain while the file is still being decoded, and queue their decodings.

    Up to `settled_ms` nothing can be added any more. False if fenced. Harmless when done twice.
    """
    with transaction.atomic():
        rows = _held(claimed).update(
            settled_ms=settled_ms, channel_layout=layout, updated_at=ClockTimestamp()
        )
        if not rows:
            return False
        recording = Recording.objects.select_related("project").get(pk=claimed.id)
        job = Job.objects.filter(recording=recording, state__in=LIVE_JOBS).first()
        if recording.segmentation != AS_IMPORTED:
            cuts.add(recording, spans)
            if job is not None:
                decodings.plan(job=job, recording=recording, settled=False)
        progress.publish_on_commit(
            recording.project_id,
            "recording.changed",
            {"recording": str(recording.pk), "state": recording.state, "settled_ms": settled_ms},
        )
        ring_on_commit("draft")
    if job is not None:
        jobs.refresh([job.pk])
    return True


def finish_preparation(claimed: ClaimedRecording, prepared: Prepared) -> bool:
    """Store what preparation found, the rest of the segments, and queue their decodings; False if fenced.

    Segments that an earlier, unfinished preparation left and that this one did not make are retired, unless a
    person touched them.
    """
    silences: list[list[int]] = [[s.start_ms, s.end_ms] for s in prepared.silences]
    if prepared.layout == "apart":
        silences = [[p.span.start_ms, p.span.end_ms, p.channel] for p in prepared.channel_silences]
    with transaction.atomic():
        rows = _held(claimed).update(
            state=RecordingState.READY,
            duration_ms=prepared.duration_ms,
            settled_ms=prepared.duration_ms,
            prepared_percent=100,
            container=prepared.source.container[:60],
            codec=prepared.source.codec[:60],
            sample_rate=prepared.source.sample_rate,
            channels=prepared.source.channels,
            channel_layout=prepared.layout,
            wav_sha256=prepared.wav_sha256,
            warnings=[{"code": w.code, "message": w.message} for w in prepared.warnings],
            silences=silences,
            claim_expires_at=None,
            cause="",
            cause_code="",
            updated_at=ClockTimestamp(),
        )
        if not rows:
            return False
        recording = Recording.objects.select_related("project").get(pk=claimed.id)
        if recording.segmentation != AS_IMPORTED:
            cuts.settle(recording, prepared.segments)
        landing.on_ready(recording)
        job = Job.objects.filter(recording=recording, state__in=LIVE_JOBS).first()
        if job is not None:
            decodings.plan(job=job, recording=recording, heard=landing.heard_in(recording))
        progress.publish_on_commit(
            recording.project_id, "recording.changed", {"recording": str(recording.pk), "state": "ready"}
        )
        ring_on_commit("draft")
    if job is not None:
        jobs.refresh([job.pk])
    return True


def reject(claimed: ClaimedRecording, *, code: str, message: str) -> bool:
    """Say that the file is not audio we can use; a person may mend the cause and retry the job."""
    return _end(claimed, RecordingState.REJECTED, code, message)


def fail_preparation(claimed: ClaimedRecording, *, code: str, message: str) -> bool:
    """Put a recording back after a failed attempt, or reject it with the cause after the last."""
    if claimed.attempts >= conf().max_attempts:
        return _end(claimed, RecordingState.REJECTED, code, message)
    return _end(
        claimed,
        RecordingState.STORED,
        code,
        message,
        delay=conf().retry_delay_s * 2 ** (claimed.attempts - 1),
    )


def hand_back(claimed: ClaimedRecording) -> bool:
    """Return a claim whose work was stopped on request; not counted as an attempt."""
    with transaction.atomic():
        rows = _held(claimed).update(
            state=RecordingState.STORED,
            attempts=F("attempts") - 1,
            claim_expires_at=None,
            prepared_percent=0,
            updated_at=ClockTimestamp(),
        )
    return bool(rows)


def put_back(claimed: ClaimedRecording, *, code: str, message: str, delay_s: float) -> bool:
    """Let a recording wait `delay_s` seconds, with the cause: the machine is at fault, not the file.

    Not counted as an attempt.
    """
    return _end(claimed, RecordingState.STORED, code, message, delay=delay_s, counted=False)


def _end(
    claimed: ClaimedRecording, state: str, code: str, message: str, *, delay: float = 0, counted: bool = True
) -> bool:
    with transaction.atomic():
        rows = _held(claimed).update(
            state=state,
            attempts=F("attempts") - (0 if counted else 1),
            cause_code=code[:60],
            cause=message[:2000],
            claim_expires_at=None,
            available_at=in_seconds(delay),
            updated_at=ClockTimestamp(),
        )
        if rows:
            if state == RecordingState.REJECTED:
                cuts.give_up(claimed.id)
                landing.on_rejected(claimed.id, message)
            project_id = Recording.objects.values_list("project_id", flat=True).get(pk=claimed.id)
            progress.publish_on_commit(
                project_id, "recording.changed", {"recording": str(claimed.id), "state": str(state)}
            )
    if rows:
        jobs.refresh(_live_jobs(claimed.id))
    return bool(rows)


def reclaim_expired(limit: int = 100) -> int:
    """Queue again, or reject, recordings whose worker went silent; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE annotation_recording AS r
               SET state = CASE WHEN r.attempts >= %(max)s THEN 'rejected' ELSE 'stored' END,
                   claim_expires_at = NULL, cause_code = 'worker_lost',
                   cause = 'The worker that prepared this file stopped without a word, ' || r.attempts
                           || ' times by now.',
                   updated_at = clock_timestamp()
             WHERE r.id IN (
                SELECT id FROM annotation_recording
                 WHERE state = 'preparing' AND claim_expires_at < clock_timestamp()
                 ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
               AND r.state = 'preparing'
            RETURNING r.id, r.state
            """,
            {"max": conf().max_attempts, "limit": limit},
        )
        found = cursor.fetchall()
        for recording_id, state in found:
            if state == RecordingState.REJECTED:
                cuts.give_up(recording_id)
                landing.on_rejected(recording_id, "Its preparation killed each of its workers.")
    for recording_id, _ in found:
        jobs.refresh(_live_jobs(recording_id))
    return len(found)


def _held(claimed: ClaimedRecording) -> Any:
    return Recording.objects.filter(pk=claimed.id, claim=claimed.claim, state=RecordingState.PREPARING)


def _live_jobs(recording_id: int) -> list[int]:
    return list(Job.objects.filter(recording=recording_id, state__in=LIVE_JOBS).values_list("pk", flat=True))
