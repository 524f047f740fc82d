"""Trash and bulk work: what is thrown away is nowhere, all of it comes back; many recordings at once."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.errors import Denied, Invalid, NotFound
from annotation.models import (
    Assignment,
    AuditEvent,
    Decoding,
    Hypothesis,
    Job,
    Lease,
    Recording,
    Revision,
    Segment,
)
from annotation.pace import counts_for_queue
from annotation.permissions import get_visible
from annotation.selectors import projects_for, recordings_for, segments_for
from annotation.services import bulk, claims, decodings, jobs, leases, queue, recordings, segments, trash
from annotation.states import DecodingState, Pass, Priority, RecordingState, SegmentState
from tests.factories import make_decoding, make_job, make_project, make_recording, make_segment
from tests.personas import Cast
from transcription.types import Heard, Signals, Word

pytestmark = pytest.mark.django_db


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, name="away.wav")


@pytest.fixture
def segment(cast: Cast, recording: Recording) -> Segment:
    return make_segment(
        cast.project, recording=recording, text="words", revision=1, source="draft", state=SegmentState.DRAFT
    )


def counted(cast: Cast) -> tuple[int, int, int]:
    project: Any = projects_for(cast.manager).get(pk=cast.project.pk)
    return (
        project.recording_count,
        project.segment_count,
        counts_for_queue(cast.manager, cast.project)["open"],
    )


def test_what_is_in_the_trash_is_nowhere_else(cast: Cast, recording: Recording, segment: Segment) -> None:
    assert counted(cast) == (1, 1, 1)
    assert trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk]) == [recording.pk]
    assert counted(cast) == (0, 0, 0)
    assert not recordings_for(cast.manager).exists()
    assert not segments_for(cast.manager).exists()
    assert queue.next_segment(user=cast.annotator, project=cast.project, client="tab") is None
    for rows in (Recording.objects.all(), Segment.objects.all()):
        with pytest.raises(NotFound):
            get_visible(rows, cast.manager, pk=rows.get().pk)
    cast.manager.is_superuser = True
    with pytest.raises(NotFound):
        get_visible(Recording.objects.all(), cast.manager, pk=recording.pk)
    assert trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk]) == []


def test_all_of_it_comes_back(cast: Cast, recording: Recording, segment: Segment) -> None:
    segments.save_text(user=cast.annotator, segment=segment, text="by hand", base_revision=1)
    trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk])
    assert trash.restore(user=cast.manager, project=cast.project, recordings=[recording.pk]) == [recording.pk]
    row = segments_for(cast.annotator).get()
    assert (row.text, row.revision, row.state) == ("by hand", 2, "corrected")
    changes = AuditEvent.objects.filter(table_name="annotation_recording", row_id=str(recording.pk))
    moves = [event.after or {} for event in changes.filter(action="update").order_by("id")]
    assert [bool(move["trashed_at"]) for move in moves if "trashed_at" in move] == [True, False]


def test_work_on_it_stops_and_goes_on(cast: Cast, recording: Recording, segment: Segment) -> None:
    job = make_job(recording, created_by=cast.annotator)
    make_decoding(job, segment)
    jobs.refresh([job.pk])
    leases.acquire(user=cast.annotator, segment=segment)
    trash.discard(user=cast.manager, project=cast.project, recordings=[recording.pk])
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("cancelled", "in_trash")
    assert Decoding.objects.get().state == DecodingState.CANCELLED
    assert not Lease.objects.filter(expires_at__gt=segment.updated_at.replace(year=2100)).exists()
    trash.restore(user=cast.manager, project=cast.project, recordings=[recording.pk])
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("running", "")
    assert Decoding.objects.filter(state=DecodingState.QUEUED, pass_name="draft").count() == 1


def test_a_file_in_the_trash_is_not_prepared(cast: Cast) -> None:
    waiting = make_recording(cast.project, state=RecordingState.STORED, duration_ms=None)
    make_job(waiting)
    trash.discard(user=cast.manager, project=cast.project, recordings=[waiting.pk])
    assert recordings.claim_next(worker="w") is None
    trash.restore(user=cast.manager, project=cast.project, recordings=[waiting.pk])
    claimed = recordings.claim_next(worker="w")
    assert claimed is not None
    assert claimed.id == waiting.pk


def test_only_managers_and_only_their_own(cast: Cast, recording: Recording) -> None:
    elsewhere = make_recording(make_project("Third"))
    for who in (cast.annotator, cast.reviewer):
        with pytest.raises(Denied):
            trash.discard(user=who, project=cast.project, recordings=[recording.pk])
    assert trash.discard(user=cast.manager, project=cast.project, recordings=[elsewhere.pk]) == []
    with pytest.raises(Invalid):
        trash.discard(user=cast.manager, project=cast.project, recordings=[])


def test_many_are_assigned_and_put_first_at_once(cast: Cast) -> None:
    rows = [make_recording(cast.project) for _ in range(3)]
    ids = [row.pk for row in rows]
    bulk.assign(user=cast.reviewer, project=cast.project, recordings=ids, usernames=["annotator"])
    assert Assignment.objects.filter(recording__in=ids, assignee=cast.annotator).count() == 3
    decoding = make_decoding(make_job(rows[0]), make_segment(cast.project, recording=rows[0]))
    bulk.prioritise(user=cast.manager, project=cast.project, recordings=ids, priority=Priority.PERSON)
    decoding.refresh_from_db()
    assert decoding.priority == Priority.PERSON
    assert set(Recording.objects.filter(pk__in=ids).values_list("priority", flat=True)) == {Priority.PERSON}
    bulk.prioritise(user=cast.manager, project=cast.project, recordings=ids, priority=Priority.BULK)
    decoding.refresh_from_db()
    assert decoding.priority == Priority.BULK
    with pytest.raises(Invalid):  # all or nothing
        bulk.assign(user=cast.reviewer, project=cast.project, recordings=[*ids, 987654321], usernames=[])
    assert Assignment.objects.filter(recording__in=ids).count() == 3


def heard_by(model: str, text: str) -> int:
    """Let a worker hear everything that waits for a model."""
    rows = list(Decoding.objects.filter(state=DecodingState.QUEUED, model=model))
    for row in rows:
        Decoding.objects.filter(pk=row.pk).update(state=DecodingState.RUNNING, claim=1)
        place = (row.channel, row.start_ms, row.end_ms)
        claimed = claims.Claimed(
            row.pk, 1, row.recording_id, row.job_id, Pass(row.pass_name), model, *place, 1
        )
        said = Heard(text, (Word(0, 500, text, 0.9),), _signals(), ())
        decodings.store([decodings.Result(claimed, said, 10)])
    return len(rows)


def _signals() -> Signals:
    return Signals(-0.1, 0.0, 1.0, 0.0, "en", 1.0, 5)


def test_another_model_hears_it_again_and_a_person_s_text_stays(cast: Cast, recording: Recording) -> None:
    rows = [
        make_segment(
            cast.project, recording=recording, start_ms=n * 2000, text="first", revision=1, source="draft",
            state=SegmentState.DRAFT,
        )
        for n in range(3)
    ]  # fmt: skip
    segments.save_text(user=cast.annotator, segment=rows[1], text="by hand", base_revision=1)
    done = bulk.retranscribe(
        user=cast.manager, project=cast.project, recordings=[recording.pk], model="demo-draft"
    )
    assert done.segments == 3
    job = Job.objects.get(pk=done.jobs[0])
    assert (job.kind, job.state) == ("retranscribe", "running")
    assert heard_by("demo-draft", "again") == 3
    job.refresh_from_db()
    assert job.state == "completed"
    now = [Segment.objects.get(pk=row.pk) for row in rows]
    assert [(row.text, row.state) for row in now] == [
        ("again", "refined"), ("by hand", "corrected"), ("again", "refined"),
    ]  # fmt: skip
    assert Hypothesis.objects.filter(segment=rows[1], text="again").exists()  # it lies beside
    assert Revision.objects.filter(segment=rows[1]).count() == 2


def test_only_what_a_search_finds_is_heard_again(cast: Cast, recording: Recording) -> None:
    texts = ["keep this", "posch", "keep that", "posch too"]
    rows = [
        make_segment(
            cast.project, recording=recording, start_ms=n * 2000, text=text, revision=1, source="draft",
            state=SegmentState.DRAFT,
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip
    done = bulk.retranscribe_found(
        user=cast.manager, project=cast.project, query="posch status:draft", model="demo-refine"
    )
    assert done.segments == 2
    heard_by("demo-refine", "Bosch")
    assert [Segment.objects.get(pk=row.pk).text for row in rows] == [
        "keep this",
        "Bosch",
        "keep that",
        "Bosch",
    ]
    for query in ("", "nothing-there"):
        with pytest.raises(Invalid):
            bulk.retranscribe_found(user=cast.manager, project=cast.project, query=query, model="demo-refine")


def test_untouched_alone(cast: Cast, recording: Recording, segment: Segment) -> None:
    other = make_segment(
        cast.project, recording=recording, start_ms=5000, text="x", revision=1, source="draft",
        state=SegmentState.DRAFT,
    )  # fmt: skip
    segments.save_text(user=cast.annotator, segment=segment, text="by hand", base_revision=1)
    assert bulk.untouched_count(cast.project) == 1
    assert bulk.recordings_with_untouched(cast.project) == [recording.pk]
    done = bulk.retranscribe(
        user=cast.manager,
        project=cast.project,
        recordings=[recording.pk],
        model="demo-refine",
        untouched=True,
    )
    assert done.segments == 1
    assert Decoding.objects.get().start_ms == other.start_ms
    job = Job.objects.get(pk=done.jobs[0])
    jobs.cancel(user=cast.manager, job=job)
    jobs.retry(user=cast.manager, job=job)
    again = Decoding.objects.get()
    assert (again.model, again.state) == ("demo-refine", DecodingState.QUEUED)


def test_what_is_not_ready_is_left_out_and_named(cast: Cast) -> None:
    waiting = make_recording(cast.project, state=RecordingState.STORED, duration_ms=None)
    done = bulk.retranscribe(
        user=cast.manager, project=cast.project, recordings=[waiting.pk], model="demo-refine"
    )
    assert done.jobs == ()
    assert done.left[0][0] == waiting.pk
    with pytest.raises(Invalid):
        bulk.retranscribe(user=cast.manager, project=cast.project, recordings=[waiting.pk], model="../../etc")
    with pytest.raises(Denied):
        bulk.retranscribe(
            user=cast.reviewer, project=cast.project, recordings=[waiting.pk], model="demo-refine"
        )
