"""The work of the models: claimed once, accepted once, and never over a person's words."""

from __future__ import annotations

import pytest
from django.db import connection

from annotation.models import Decoding, Hypothesis, Job, Project, Recording, Revision, Segment
from annotation.services import decodings, jobs, leases, segments
from annotation.services.decodings import Batch, Fit, Result
from annotation.states import DecodingState, JobState, Pass, Priority, SegmentState
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast
from transcription.types import DecodingOptions, Heard, Signals, Word

pytestmark = pytest.mark.django_db

SIGNALS = Signals(
    avg_logprob=-0.2,
    no_speech_prob=0.01,
    compression_ratio=1.2,
    temperature=0.0,
    language="en",
    language_probability=1.0,
    tokens=4,
)


def heard(text: str, *words: Word) -> Heard:
    return Heard(text=text, words=words, signals=SIGNALS)


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project)


@pytest.fixture
def job(recording: Recording) -> Job:
    return make_job(recording)


def queue(job: Job, count: int, **values: object) -> list[Segment]:
    recording = job.recording
    assert recording is not None
    made = []
    for number in range(count):
        segment = make_segment(recording.project, recording=recording, start_ms=number * 1000)
        make_decoding(job, segment, **values)
        made.append(segment)
    return made


def claim(limit: int = 8, pass_name: Pass = Pass.DRAFT) -> Batch:
    batch = decodings.claim_batch(passes=(pass_name,), worker="test", fit=Fit(limit))
    assert batch is not None
    return batch


def results(batch: Batch, text: str = "heard") -> list[Result]:
    return [Result(claimed, heard(text), 20) for claimed in batch.decodings]


def expire_claims() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE annotation_decoding SET claim_expires_at = '2000-01-01' WHERE state = 'running'"
        )


def let_time_pass() -> None:
    Decoding.objects.update(available_at=None)


def test_draft_text_lands_in_its_segments(job: Job) -> None:
    made = queue(job, 3)
    stored = decodings.store(results(claim(), "good morning"))
    assert (stored.accepted, stored.fenced) == (3, 0)
    for segment in Segment.objects.filter(pk__in=[s.pk for s in made]):
        assert (segment.text, segment.revision, segment.state, segment.source) == (
            "good morning",
            1,
            "draft",
            "draft",
        )
        assert segment.risk is not None
    job.refresh_from_db()
    assert (job.state, job.processed_items, job.total_items) == (JobState.COMPLETED, 3, 3)


def test_two_claims_never_share_a_row(job: Job) -> None:
    queue(job, 5)
    first, second = claim(3), claim(3)
    ids = [c.id for c in (*first.decodings, *second.decodings)]
    assert len(ids) == len(set(ids)) == 5
    assert decodings.claim_batch(passes=(Pass.DRAFT,), worker="test", fit=Fit(8)) is None


def test_a_batch_mixes_recordings_but_never_models_or_options(cast: Cast) -> None:
    for number, (model, beam) in enumerate([("a", 5), ("b", 5), ("a", 1), ("a", 5)]):
        recording = make_recording(cast.project)
        options = DecodingOptions(language="en", beam_size=beam)
        segment = make_segment(cast.project, recording=recording, start_ms=number * 1000)
        make_decoding(
            make_job(recording),
            segment,
            model=model,
            options=options.to_json(),
            options_digest=options.digest(),
        )
    batch = claim()
    assert len({c.recording_id for c in batch.decodings}) == 2
    assert batch.model == "a"
    assert batch.options.beam_size == 5
    assert [len(claim().decodings) for _ in range(2)] == [1, 1]


def test_higher_priority_goes_first(job: Job) -> None:
    queue(job, 3)
    last = Decoding.objects.order_by("-id")[0]
    Decoding.objects.filter(pk=last.pk).update(priority=5)
    assert [c.id for c in claim(1).decodings] == [last.pk]


def test_the_rest_of_an_hour_lets_a_clip_go_first(cast: Cast) -> None:
    long, short = (
        make_recording(cast.project, duration_ms=ms, priority=Priority.FRESH) for ms in (3_600_000, 5_000)
    )
    for start in (0, 119_000, 120_000, 1_800_000):
        make_segment(cast.project, recording=long, start_ms=start, end_ms=start + 1_000)
    make_segment(cast.project, recording=short)
    for recording in (long, short):
        decodings.plan(job=make_job(recording), recording=recording)
    drafts = Decoding.objects.filter(pass_name="draft")
    asked = drafts.order_by("-priority", "id").values_list("recording", "start_ms")
    assert list(asked) == [
        (long.pk, 0), (long.pk, 119_000), (short.pk, 0), (long.pk, 120_000), (long.pk, 1_800_000)
    ]  # fmt: skip


def test_a_late_writer_is_refused(job: Job) -> None:
    segment = queue(job, 1)[0]
    zombie = claim()
    expire_claims()
    assert decodings.reclaim_expired() == 1
    let_time_pass()
    successor = claim()
    assert decodings.renew(zombie.decodings) == 0
    assert decodings.store(results(zombie, "late")).fenced == 1
    assert decodings.fail(zombie.decodings, code="x", cause="x") == 0
    assert decodings.store(results(successor, "in time")).accepted == 1
    assert decodings.store(results(successor, "twice")).fenced == 1
    segment.refresh_from_db()
    assert segment.text == "in time"
    assert Hypothesis.objects.filter(segment=segment).count() == 1


def test_a_row_that_fails_is_given_up_with_its_cause_and_the_rest_goes_on(job: Job) -> None:
    made = queue(job, 4)
    poison = Decoding.objects.get(start_ms=made[1].start_ms)
    for attempt in range(1, 4):
        let_time_pass()
        batch = claim()
        ids = [c.id for c in batch.decodings]
        assert poison.pk in ids
        assert (len(ids) == 1) == (attempt > 1), "after its first failure it is decoded alone"
        bad = [c for c in batch.decodings if c.id == poison.pk]
        decodings.store([Result(c, heard("ok"), 5) for c in batch.decodings if c.id != poison.pk])
        assert decodings.fail(bad, code="decode_failed", cause="the window makes the decoder stop") == 1
    poison.refresh_from_db()
    assert (poison.state, poison.attempts) == (DecodingState.FAILED, 3)
    assert Decoding.objects.filter(job=job, state=DecodingState.DONE).count() == 3
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.error == "1 of 4 windows could not be transcribed: the window makes the decoder stop"
    assert (job.processed_items, job.failed_items, job.total_items) == (4, 1, 4)


def test_a_row_that_kills_its_worker_is_counted_too(job: Job) -> None:
    queue(job, 1)
    for _ in range(3):
        let_time_pass()
        claim()
        expire_claims()
        decodings.reclaim_expired()
    decoding = Decoding.objects.get()
    assert (decoding.state, decoding.cause_code) == (DecodingState.FAILED, "worker_lost")


def test_a_failed_row_waits_before_it_is_tried_again(job: Job) -> None:
    queue(job, 1)
    decodings.fail(claim().decodings, code="x", cause="x")
    assert decodings.claim_batch(passes=(Pass.DRAFT,), worker="test", fit=Fit(8)) is None
    let_time_pass()
    assert claim().decodings[0].attempts == 2


def test_work_handed_back_was_no_attempt(job: Job) -> None:
    queue(job, 1)
    decodings.hand_back(claim().decodings)
    assert claim().decodings[0].attempts == 1


# -- refine -------------------------------------------------------------------------------------------------


def test_refine_waits_for_the_drafts_of_its_recording(job: Job) -> None:
    segment = queue(job, 1)[0]
    make_decoding(job, segment, pass_name=Pass.REFINE, model="demo-refine", state="waiting")
    assert decodings.claim_batch(passes=(Pass.REFINE,), worker="test", fit=Fit(8)) is None
    batch = claim()
    assert decodings.claim_batch(passes=(Pass.REFINE,), worker="test", fit=Fit(8)) is None
    decodings.store(results(batch, "draft"))
    decodings.store(results(claim(pass_name=Pass.REFINE), "refined"))
    segment.refresh_from_db()
    assert (segment.text, segment.state, segment.revision) == ("refined", "refined", 2)


@pytest.mark.parametrize("held", ["edited", "leased", "locked"])
def test_refine_leaves_people_alone(cast: Cast, job: Job, held: str) -> None:
    segment = queue(job, 1)[0]
    decodings.store(results(claim(), "draft"))
    if held == "edited":
        segments.save_text(user=cast.annotator, segment=segment, text="mine", base_revision=1)
    elif held == "leased":
        leases.acquire(user=cast.annotator, segment=segment)
    else:
        segments.lock(user=cast.annotator, segment=segment)
    before = Segment.objects.values().get(pk=segment.pk)
    make_decoding(job, segment, pass_name=Pass.REFINE, model="demo-refine")
    assert decodings.store(results(claim(pass_name=Pass.REFINE), "refined")).accepted == 1
    assert Segment.objects.values().get(pk=segment.pk) == before
    suggestion = Hypothesis.objects.get(segment=segment, pass_name=Pass.REFINE)
    assert suggestion.text == "refined"
    assert not Revision.objects.filter(segment=segment, source="refine").exists()


def test_a_draft_never_overwrites_what_a_person_wrote_first(cast: Cast, job: Job) -> None:
    segment = queue(job, 1)[0]
    segments.save_text(user=cast.annotator, segment=segment, text="typed before the draft", base_revision=0)
    decodings.store(results(claim(), "draft"))
    segment.refresh_from_db()
    assert (segment.text, segment.state) == ("typed before the draft", SegmentState.CORRECTED)


def test_words_of_a_window_over_two_segments_go_where_their_middle_lies(cast: Cast, job: Job) -> None:
    recording = job.recording
    assert recording is not None
    left = make_segment(cast.project, recording=recording, start_ms=1000, end_ms=2000)
    right = make_segment(cast.project, recording=recording, start_ms=2500, end_ms=4000)
    decoding = make_decoding(job, left)
    Decoding.objects.filter(pk=decoding.pk).update(end_ms=4000)
    words = (
        Word(0, 400, " one", 0.9),
        Word(400, 900, " two", 0.9),
        Word(1100, 1400, " gap", 0.5),
        Word(1600, 2500, " three", 0.9),
    )
    decodings.store([Result(claim().decodings[0], heard("one two gap three", *words), 9)])
    left.refresh_from_db()
    right.refresh_from_db()
    assert (left.text, right.text) == ("one two", "gap three")
    kept = Hypothesis.objects.get(segment=right).words
    assert [w[:3] for w in kept] == [[2100, 2400, " gap"], [2600, 3500, " three"]]


# -- jobs ---------------------------------------------------------------------------------------------------


def test_a_cancelled_job_stops_and_can_run_again(cast: Cast, job: Job) -> None:
    Project.objects.update(refine_model=None)
    queue(job, 3)
    running = claim(1)
    cancelled = jobs.cancel(user=cast.manager, job=job)
    assert cancelled.state == JobState.CANCELLED
    assert decodings.store(results(running)).fenced == 1
    assert decodings.claim_batch(passes=(Pass.DRAFT,), worker="test", fit=Fit(8)) is None
    assert not Segment.objects.exclude(state=SegmentState.PENDING).exists()

    assert jobs.retry(user=cast.manager, job=job).state == JobState.RUNNING
    decodings.store(results(claim()))
    job.refresh_from_db()
    assert (job.state, job.processed_items) == (JobState.COMPLETED, 3)


def test_planning_twice_queues_nothing_twice(cast: Cast, job: Job) -> None:
    recording = job.recording
    assert recording is not None
    for number in range(3):
        make_segment(cast.project, recording=recording, start_ms=number * 5000, end_ms=number * 5000 + 4900)
    assert decodings.plan(job=job, recording=recording) == 6
    assert decodings.plan(job=job, recording=recording) == 0
    assert Decoding.objects.filter(job=job).count() == 6


def test_the_options_are_stored_whole_and_can_be_read_back(cast: Cast, job: Job) -> None:
    recording = job.recording
    assert recording is not None
    make_segment(cast.project, recording=recording)
    decodings.plan(job=job, recording=recording)
    decoding = Decoding.objects.filter(job=job).order_by("id")[0]
    options = DecodingOptions.from_json(decoding.options)
    assert options.digest() == decoding.options_digest
    assert options.language == "en"
    assert options.condition_on_previous_text is False
