"""Rows become segments: as soon as their audio is ready, whose length is known exactly only then.

Runs in the transaction that makes a recording ready, or for recordings that are ready already.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from annotation import progress
from annotation.doorbell import ring_on_commit
from annotation.models import (
    Import,
    ImportRow,
    Job,
    Recording,
    Segment,
)
from annotation.services import cuts, decodings
from annotation.services.clock import ClockTimestamp
from annotation.services.filejobs import ClaimedJob
from annotation.services.imports.becoming import Batch, Landed
from annotation.states import (
    AS_IMPORTED,
    LIVE_JOBS,
    ImportRowState,
    ImportState,
    JobKind,
    Pass,
    RecordingState,
    SegmentState,
)
from transcription.types import ChannelSpan

BATCH: Final = 2_000
OUTCOMES: Final = ("added", "updated", "unchanged", "skipped", "refused")


def on_ready(recording: Recording) -> None:
    """Let the rows that waited for a recording become segments, in the transaction that makes it ready."""
    for parent in _parents(recording):
        land(parent, recording)


def on_rejected(recording_id: int, cause: str) -> None:
    """Call the rows faulty whose audio turned out to be unusable."""
    _refuse(recording_id, "undecodable_audio", cause)


def _refuse(recording_id: int, code: str, cause: str) -> None:
    rows = ImportRow.objects.filter(recording=recording_id, state=ImportRowState.WAITING)
    for parent in Import.objects.filter(pk__in=rows.values("parent")).order_by("pk"):
        refused = rows.filter(parent=parent).update(state=ImportRowState.FAULTY, faults=[[code, cause]])
        settle(parent, Landed(refused=refused))


def _parents(recording: Recording) -> list[Import]:
    rows = ImportRow.objects.filter(recording=recording, state=ImportRowState.WAITING)
    return list(
        Import.objects.filter(pk__in=rows.values("parent"))
        .select_related("project", "created_by")
        .order_by("pk")
    )


def land(parent: Import, recording: Recording) -> Landed:
    """Make segments of the waiting rows of one import and one recording. Call it in a transaction."""
    landed = Landed()
    while True:
        rows = list(
            ImportRow.objects.select_for_update()
            .filter(parent=parent, recording=recording, state=ImportRowState.WAITING)
            .order_by("start_ms", "line", "pk")[:BATCH]
        )
        if not rows:
            break
        Batch(parent, recording, landed).take(rows)
    progress.publish_on_commit(
        parent.project_id, "recording.changed", {"recording": str(recording.pk), "state": recording.state}
    )
    settle(parent, landed)
    return landed


def settle(parent: Import, landed: Landed) -> None:
    """Add to an import's counts, and end it when none of its rows waits any more.

    Rows are counted once, when all audio is stored (`begin`), and subtracted from then on: every recording
    of an import passes here, one at a time.
    """
    locked = Import.objects.select_for_update().get(pk=parent.pk)
    counts = dict(locked.counts)
    for name in OUTCOMES:
        counts[name] = counts.get(name, 0) + getattr(landed, name)
    counts["faulty"] = counts.get("faulty", 0) + landed.refused
    values: dict[str, Any] = {"counts": counts}
    if locked.state == ImportState.LANDING:
        counts["waiting"] -= sum(getattr(landed, name) for name in OUTCOMES)
        if not counts["waiting"]:
            values |= {"state": ImportState.DONE, "finished_at": ClockTimestamp()}
    Import.objects.filter(pk=parent.pk).update(**values)
    parent.counts = counts
    progress.publish_on_commit(
        parent.project_id, "import.changed", {"import": str(parent.pk), "state": locked.state}
    )


def begin(parent: Import, claimed: ClaimedJob) -> bool:
    """Count the rows that still wait, of an import whose audio is all stored; False where it was given up.

    Call it in a transaction. Recordings that land meanwhile wait for the end of it in `settle`.
    """
    locked = Import.objects.select_for_update().get(pk=parent.pk)
    rows = ImportRow.objects.filter(parent=parent)
    counts = {
        **locked.counts,
        "faulty": rows.filter(state=ImportRowState.FAULTY).count(),
        "waiting": rows.filter(state=ImportRowState.WAITING).count(),
    }
    begun = Import.objects.filter(pk=parent.pk, state=ImportState.IMPORTING, job=claimed.id)
    return bool(begun.update(state=ImportState.LANDING, counts=counts))


def heard_in(recording: Recording) -> dict[Pass, set[ChannelSpan]] | None:
    """Return the segments that need no model because a table brought their text; None where none did."""
    if recording.segmentation != AS_IMPORTED:
        return None
    rows = Segment.objects.filter(recording=recording).exclude(state=SegmentState.PENDING)
    spans = set(cuts.places(rows))
    return dict.fromkeys(Pass, spans)


def transcribe_the_rest(parent: Import, recording: Recording) -> None:
    """Queue the windows of segments that came without text into a recording that was ready before."""
    pending = Segment.objects.filter(recording=recording, state=SegmentState.PENDING)
    if not pending.exists():
        return
    job = Job.objects.filter(recording=recording, state__in=LIVE_JOBS).first()
    if job is None:
        job = Job.objects.create(
            project_id=recording.project_id, recording=recording, kind=JobKind.TRANSCRIBE,
            created_by=parent.created_by,
        )  # fmt: skip
    spans = set(cuts.places(Segment.objects.filter(recording=recording).exclude(state=SegmentState.PENDING)))
    decodings.plan(job=job, recording=recording, heard=dict.fromkeys(Pass, spans))
    ring_on_commit("draft")


def land_ready(parent: Import, recording_id: int) -> bool:
    """Land the rows of a recording in a transaction of its own; False where it is not ready."""
    with transaction.atomic():
        recording = (
            Recording.objects.select_for_update(of=("self",)).select_related("project").get(pk=recording_id)
        )
        if recording.trashed_at is not None:
            _refuse(
                recording.pk, "in_trash",
                f"“{recording.name}” lies in this project's trash. Restore it there, and drop the row again.",
            )  # fmt: skip
            return True
        if recording.state == RecordingState.REJECTED:
            on_rejected(recording.pk, f"“{recording.name}” cannot be used: {recording.cause}")
            return True
        if recording.state != RecordingState.READY:
            return False
        landed = land(parent, recording)
        if landed.to_transcribe:
            transcribe_the_rest(parent, recording)
    return True
