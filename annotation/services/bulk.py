"""Do one thing to many recordings, or to the segments that a search finds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from annotation.doorbell import ring_on_commit
from annotation.errors import Invalid
from annotation.models import Job, Project, Recording, Revision, Segment, User
from annotation.permissions import require
from annotation.search import engine
from annotation.search.query import read
from annotation.selectors import out_of_trash
from annotation.services import assignments, decodings, jobs, projects
from annotation.services.clock import ClockTimestamp
from annotation.services.redealing import place_of
from annotation.states import UNTOUCHED_SEGMENTS, JobKind, Priority, RecordingState
from transcription.types import ChannelSpan

MOST: Final = 1000
MOST_PLANNED: Final = 200
"""Recordings whose windows are planned in one request: about 20 ms for an hour of audio."""
MOST_FOUND: Final = 5000


@dataclass(frozen=True, slots=True)
class Done:
    """Tell what was done: to which recordings, which were left out and why, jobs made, segments meant."""

    recordings: tuple[int, ...]
    left: tuple[tuple[int, str], ...] = ()
    jobs: tuple[int, ...] = ()
    segments: int = 0


def chosen(project: Project, recordings: Sequence[int], *, most: int = MOST) -> list[Recording]:
    """Return recordings of a project by their ids, none of them from the trash; raise Invalid otherwise."""
    if not recordings:
        raise Invalid("Choose recordings first.", recordings="at least one")
    if len(recordings) > most:
        raise Invalid(f"Choose up to {most:,} recordings at a time.", recordings=f"at most {most}")
    rows = Recording.objects.select_related("project").filter(project=project, trashed_at=None)
    found = list(rows.filter(pk__in=recordings).order_by("pk"))
    if len(found) < len(set(recordings)):
        gone = sorted(set(recordings) - {row.pk for row in found})
        raise Invalid(
            "Some of these recordings are not in this project any more; load the list again.",
            recordings=f"not {', '.join(map(str, gone[:10]))}",
        )
    return found


def assign(*, user: User, project: Project, recordings: Sequence[int], usernames: Sequence[str]) -> Done:
    """Ask exactly these members to work on each of the recordings; nobody = they are anybody's."""
    require(user, "assign", project)
    rows = chosen(project, recordings)
    with transaction.atomic():
        for row in rows:
            assignments.assign(user=user, recording=row, usernames=usernames)
    return Done(tuple(row.pk for row in rows))


# As `attention` raises them, and in the same order; here they may be put back as well.
PRIORITISE: Final = """
WITH mine AS (
    SELECT d.id FROM annotation_decoding d
     WHERE d.recording_id = ANY (%(recordings)s) AND d.state IN ('waiting', 'queued')
       AND d.priority <> %(priority)s
     ORDER BY d.pass_name, d.id FOR UPDATE SKIP LOCKED)
UPDATE annotation_decoding AS d SET priority = %(priority)s FROM mine WHERE d.id = mine.id
"""


def prioritise(*, user: User, project: Project, recordings: Sequence[int], priority: Priority) -> Done:
    """Say how soon the recordings are prepared and transcribed; what waits already goes by it at once."""
    require(user, "jobs", project)
    ids = [row.pk for row in chosen(project, recordings)]
    with transaction.atomic():
        Recording.objects.filter(pk__in=ids).update(priority=priority, updated_at=ClockTimestamp())
        with connection.cursor() as cursor:
            cursor.execute(PRIORITISE, {"recordings": ids, "priority": priority.value})
        for bell in ("audio", "draft", "refine"):
            ring_on_commit(bell)
    return Done(tuple(ids))


def retranscribe(
    *, user: User, project: Project, recordings: Sequence[int], model: str, untouched: bool = False
) -> Done:
    """Let a model hear recordings again; text that a person has touched stays, what was heard lies beside it.

    `untouched`: only segments whose text no person has touched are heard at all.
    """
    require(user, "jobs", project)
    _check_model(user, project, model)
    rows = chosen(project, recordings, most=MOST_PLANNED)
    made, left, segments = [], [], 0
    for row in rows:
        if row.state != RecordingState.READY:
            left.append((row.pk, "Its audio is not prepared yet."))
            continue
        wanted = _places(row, untouched=untouched)
        if not wanted:
            left.append((row.pk, "It has no segments that may be heard again."))
            continue
        segments += len(wanted)
        made.append(_asked(user, row, model, wanted))
    jobs.refresh(job.pk for job in made)
    told = tuple(job.recording_id for job in made if job.recording_id is not None)
    return Done(told, tuple(left), tuple(job.pk for job in made), segments)


def retranscribe_found(*, user: User, project: Project, query: str, model: str) -> Done:
    """Let a model hear the segments again that a search finds in the project."""
    require(user, "jobs", project)
    return retranscribe_segments(
        user=user, project=project, segments=found_in(user, project, query), model=model
    )


def retranscribe_segments(*, user: User, project: Project, segments: Sequence[int], model: str) -> Done:
    """Let a model hear these segments of the project again; text that a person has touched stays."""
    require(user, "jobs", project)
    _check_model(user, project, model)
    rows = list(_those(project, segments).select_related("recording__project"))
    by_recording: dict[int, tuple[Recording, set[ChannelSpan]]] = {}
    for row in rows:
        by_recording.setdefault(row.recording_id, (row.recording, set()))[1].add(place_of(row))
    if len(by_recording) > MOST_PLANNED:
        raise Invalid(
            f"These lie in {len(by_recording):,} recordings; narrow it to up to {MOST_PLANNED} of them.",
            query="something narrower",
        )
    made = [
        _asked(user, recording, model, wanted)
        for recording, wanted in by_recording.values()
        if recording.state == RecordingState.READY
    ]
    jobs.refresh(job.pk for job in made)
    told = tuple(job.recording_id for job in made if job.recording_id is not None)
    return Done(told, (), tuple(job.pk for job in made), len(rows))


def recordings_of(project: Project, segments: Sequence[int]) -> list[int]:
    """Return the recordings in which these segments of a project lie."""
    rows = _those(project, segments).order_by("recording")
    return list(rows.values_list("recording", flat=True).distinct())


def _those(project: Project, segments: Sequence[int]) -> QuerySet[Segment]:
    return Segment.objects.filter(project=project, pk__in=segments, recording__trashed_at=None)


def found_in(user: User, project: Project, query: str) -> list[int]:
    """Return every segment of a project that a search finds; raise Invalid for too many, or none."""
    asked = read(query)
    if asked.empty:
        raise Invalid("Say what to search for.", query="words or filters")
    page = engine.find(user, asked, limit=MOST_FOUND + 1, within=[project.pk])
    if len(page.segments) > MOST_FOUND:
        raise Invalid(
            f"The search finds more than {MOST_FOUND:,} segments; narrow it.", query="something narrower"
        )
    if not page.segments:
        raise Invalid("The search finds no segment in this project.", query="something that is there")
    return list(page.segments)


def untouched_count(project: Project) -> int:
    """Count the segments of a project whose text no person has touched."""
    return _untouched(out_of_trash(Segment.objects.filter(project=project), project.pk)).count()


def recordings_with_untouched(project: Project, most: int = MOST_PLANNED) -> list[int]:
    """Return recordings that have segments no person has touched, the newest first."""
    rows = _untouched(Segment.objects.filter(project=project, recording__state=RecordingState.READY))
    rows = out_of_trash(rows, project.pk)
    return list(rows.order_by("-recording").values_list("recording", flat=True).distinct()[:most])


def _untouched(rows: QuerySet[Segment]) -> QuerySet[Segment]:
    by_hand = Revision.objects.filter(segment=OuterRef("pk"), author__isnull=False)
    return rows.filter(~Exists(by_hand), state__in=UNTOUCHED_SEGMENTS, locked=False)


def _places(recording: Recording, *, untouched: bool) -> set[ChannelSpan]:
    rows = Segment.objects.filter(recording=recording)
    return {place_of(row) for row in (_untouched(rows) if untouched else rows)}


def _asked(user: User, recording: Recording, model: str, wanted: Collection[ChannelSpan]) -> Job:
    with transaction.atomic():
        job = Job.objects.create(
            project=recording.project, recording=recording, kind=JobKind.RETRANSCRIBE, created_by=user
        )
        decodings.plan_again(job=job, recording=recording, model=model, wanted=wanted)
        ring_on_commit("refine")
    return job


def _check_model(user: User, project: Project, model: str) -> None:
    if not model.strip():
        raise Invalid("Name a model.", model="a name, a hub id, or a directory of the models directory")
    projects.check_model(user, "model", model)
