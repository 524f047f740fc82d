"""Cutting a recording anew: what people did stays, the rest is cut, and its text is there at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, transaction

from annotation.audit import Actor, acting_as
from annotation.errors import Conflict, Denied, Invalid, Reshaped
from annotation.models import AuditEvent, Decoding, Hypothesis, Job, Recording, Revision, Segment
from annotation.services import cuts, decodings, jobs, leases, segmentation, segments, shapes
from annotation.services.claims import claim_batch
from annotation.services.decodings import Fit, Result
from annotation.services.segmentation import Recut
from annotation.states import LIVE_DECODINGS, DecodingState, JobState, Pass
from tests.factories import make_decoding, make_job, make_recording
from tests.personas import Cast, make_cast
from tests.waiting import PATIENCE_S, until
from transcription.types import ChannelSpan, Heard, Signals, Span, Word

pytestmark = pytest.mark.usefixtures("media_root")

SIGNALS = Signals(-0.3, 0.01, 1.2, 0.0, "en", 1.0, 20)
#: Pauses of a third of a second each two seconds, in half a minute.
PAUSES = [[at, at + 300] for at in range(1_850, 28_000, 2_000)]


def ready(cast: Cast, **values: Any) -> Recording:
    """Make a prepared recording of 30 s; the demo models want a cut at each of its pauses."""
    return make_recording(cast.project, **{"duration_ms": 30_000, "silences": PAUSES, **values})


def lay(recording: Recording, *edges: int, channel: int = 0) -> list[Segment]:
    cuts.add(recording, [ChannelSpan(channel, Span(a, b)) for a, b in pairwise(edges)])
    return list(Segment.objects.filter(recording=recording, channel=channel).order_by("start_ms"))


def hear(rows: Sequence[Segment], pass_name: Pass, word: str, *, words: bool = True) -> None:
    """Let a pass hear a word each second: `word` and the second, as an engine would have it."""
    for row in rows:
        decoding = make_decoding(_job(row.recording), row, pass_name=pass_name)
        spoken = tuple(
            Word(at - row.start_ms, at - row.start_ms + 400, f" {word}{at // 1000}", 0.9)
            for at in range(row.start_ms // 1000 * 1000 + 300, row.end_ms - 400, 1000)
            if at >= row.start_ms
        )
        text = "".join(w.text for w in spoken).strip()
        batch = claim_batch(passes=(pass_name,), worker="w", fit=Fit(1))
        assert batch is not None
        assert batch.decodings[0].id == decoding.pk
        heard = Heard(text, spoken if words else (), SIGNALS)
        assert decodings.store([Result(batch.decodings[0], heard, 10)]).accepted == 1


def _job(recording: Recording) -> Job:
    return Job.objects.filter(recording=recording, state=JobState.RUNNING).first() or make_job(
        recording, state=JobState.RUNNING
    )


def over(recording: Recording) -> None:
    Job.objects.filter(recording=recording).update(state=JobState.COMPLETED)


def spans_of(recording: Recording) -> list[tuple[int, int]]:
    return list(
        Segment.objects.filter(recording=recording)
        .order_by("channel", "start_ms")
        .values_list("start_ms", "end_ms")
    )


def again(cast: Cast, recording: Recording, **asked: Any) -> Recut:
    recording.refresh_from_db()
    return segmentation.resegment(user=cast.manager, recording=recording, **asked)


@pytest.mark.django_db
@pytest.mark.parametrize("words", [True, False])
def test_new_segments_have_their_text_at_once(cast: Cast, words: bool) -> None:
    recording = ready(cast)
    old = lay(recording, 0, 10_000, 20_000, 30_000)
    hear(old, Pass.DRAFT, "draft", words=words)
    hear(old, Pass.REFINE, "fine", words=words)
    over(recording)
    asked = Job.objects.count()
    made = again(cast, recording)
    assert made == Recut(retired=3, made=15, kept=0, queued=0)
    rows = list(Segment.objects.filter(recording=recording).order_by("start_ms"))
    assert {row.state for row in rows} == {"refined"}
    assert " ".join(row.text for row in rows).split() == [f"fine{second}" for second in range(30)]
    for row in rows:
        revision = row.revisions.get()
        assert (revision.number, revision.text, revision.source) == (1, row.text, "refine")
        by_pass = {h.pass_name: h for h in row.hypotheses.all()}
        assert set(by_pass) == {"draft", "refine"}
        assert by_pass["draft"].text == row.text.replace("fine", "draft")
        if words:
            assert [w[2].strip() for w in by_pass["refine"].words] == row.text.split()
            assert all(row.start_ms <= w[0] <= row.end_ms for w in by_pass["refine"].words)
        assert Segment.parents.through.objects.filter(from_segment=row).exists()
    assert Job.objects.count() == asked, "nothing is left to decode"
    assert again(cast, recording) == Recut(retired=0, made=0, kept=0, queued=0), "and again changes nothing"


@pytest.mark.django_db
def test_what_a_person_has_stays(cast: Cast) -> None:
    recording = ready(cast)
    old = lay(recording, 0, 5_000, 10_000, 15_000, 20_000, 25_000, 30_000)
    hear(old, Pass.DRAFT, "a")
    over(recording)
    typed, done, held, named, free, _ = old
    segments.save_text(user=cast.annotator, segment=typed, text="mine", base_revision=1)
    segments.lock(user=cast.annotator, segment=done)
    lease = leases.acquire(user=cast.reviewer, segment=held)
    grip = shapes.Grip(base_revision=1)
    shapes.set_speaker(user=cast.annotator, segment=named, speaker="Ada", grip=grip)
    made = again(cast, recording)
    assert (made.kept, made.retired) == (4, 2)
    found = spans_of(recording)
    assert found[:4] == [(0, 5_000), (5_000, 10_000), (10_000, 15_000), (15_000, 20_000)]
    assert found[4][0] >= 20_000
    assert all(a[1] <= b[0] for a, b in pairwise(found)), "none overlaps"
    for row in (typed, done, held, named):
        row.refresh_from_db()
        assert row.retired_at is None
    assert (typed.text, named.speaker) == ("mine", "Ada")
    saved = segments.save_text(
        user=cast.reviewer, segment=held, text="later", base_revision=1, lease=lease.token
    )
    assert saved.text == "later"
    with pytest.raises(Reshaped) as refused:
        segments.save_text(user=cast.annotator, segment=free, text="too late", base_revision=1)
    into = Segment.objects.filter(pk__in=[int(pk) for pk in refused.value.detail["into"]])
    assert into.exists()
    assert all(row.start_ms < free.end_ms and row.end_ms > free.start_ms for row in into)
    assert Revision.objects.filter(segment=free).exists(), "no history is lost"


@pytest.mark.django_db
def test_lengths_and_kind_on_request(cast: Cast) -> None:
    recording = ready(cast, duration_ms=70_000, silences=[])
    lay(recording, 0, 35_000, 70_000)
    again(cast, recording, segmentation="fixed")
    assert spans_of(recording) == [(0, 30_000), (30_000, 60_000), (60_000, 70_000)]
    recording.refresh_from_db()
    assert recording.segmentation == "fixed"
    again(cast, recording, segmentation="pauses", target_ms=4_000, max_ms=7_000)
    assert all(end - start <= 7_000 for start, end in spans_of(recording))
    assert len(spans_of(recording)) >= 10


@pytest.mark.django_db
def test_channels_heard_apart_are_cut_each_by_itself(cast: Cast) -> None:
    silences = [[5_000, 8_000, 1], [0, 10_000, 2], [12_000, 30_000, 2]]
    recording = ready(cast, channel_layout="apart", silences=silences)
    lay(recording, 0, 30_000, channel=1)
    lay(recording, 0, 30_000, channel=2)
    again(cast, recording, target_ms=20_000, max_ms=30_000)
    rows = Segment.objects.filter(recording=recording).order_by("channel", "start_ms")
    assert [(r.channel, r.start_ms, r.end_ms, r.speaker) for r in rows] == [
        (1, 0, 5_120, "Left"), (1, 7_880, 30_000, "Left"), (2, 9_880, 12_120, "Right"),
    ]  # fmt: skip


@pytest.mark.django_db
def test_what_no_model_has_heard_is_decoded_and_nothing_else(cast: Cast) -> None:
    recording = ready(cast)
    old = lay(recording, 0, 10_000, 20_000, 30_000)
    hear(old[:2], Pass.DRAFT, "a")
    hear(old[:2], Pass.REFINE, "b")
    over(recording)
    made = again(cast, recording)
    live = Decoding.objects.filter(recording=recording, state__in=LIVE_DECODINGS)
    assert made.queued == live.count() > 0
    assert all(row.end_ms > 19_000 for row in live), "what was heard is not heard again"
    assert {row.pass_name for row in live} == {"draft", "refine"}
    for row in Segment.objects.filter(recording=recording, start_ms__gte=20_000):
        assert row.state == "pending"
        assert live.filter(pass_name="draft", start_ms__lte=row.start_ms, end_ms__gte=row.end_ms).exists()
    job = Job.objects.get(recording=recording, state=JobState.RUNNING)
    assert job.created_by == cast.manager


@pytest.mark.django_db
def test_windows_on_their_way_that_fit_no_more_are_dropped(cast: Cast) -> None:
    recording = ready(cast)
    old = lay(recording, 0, 10_000, 20_000, 30_000)
    waiting = [make_decoding(_job(recording), row) for row in old]
    batch = claim_batch(passes=(Pass.DRAFT,), worker="w", fit=Fit(1))
    assert batch is not None
    again(cast, recording, target_ms=3_000, max_ms=7_000)
    for decoding in waiting:
        decoding.refresh_from_db()
    late = Result(batch.decodings[0], Heard("late", (), SIGNALS), 1)
    fits = any(
        s >= waiting[0].start_ms and e <= waiting[0].end_ms for s, e in spans_of(recording)
    ) and not any(s < waiting[0].end_ms < e for s, e in spans_of(recording))
    assert (waiting[0].state == DecodingState.RUNNING) is fits
    assert decodings.store([late]).accepted == int(fits)
    for row in Segment.objects.filter(recording=recording):
        drafts = Decoding.objects.filter(
            recording=recording,
            pass_name="draft",
            start_ms__lte=row.start_ms,
            end_ms__gte=row.end_ms,
        ).exclude(state=DecodingState.CANCELLED)
        assert drafts.exists(), "every segment is heard"


@pytest.mark.django_db
def test_running_a_job_again_after_a_cut_hears_every_segment_once(cast: Cast) -> None:
    recording = ready(cast)
    job = _job(recording)
    for row in lay(recording, 0, 10_000, 20_000, 30_000):
        make_decoding(job, row)
    jobs.cancel(user=cast.manager, job=job)
    again(cast, recording, target_ms=3_000, max_ms=7_000)
    for other in recording.jobs.exclude(pk=job.pk):
        jobs.cancel(user=cast.manager, job=other)
    jobs.retry(user=cast.manager, job=job)
    live = Decoding.objects.filter(recording=recording, pass_name="draft", state__in=LIVE_DECODINGS)
    for row in Segment.objects.filter(recording=recording):
        over = live.filter(start_ms__lt=row.end_ms, end_ms__gt=row.start_ms)
        assert over.count() == 1, f"{row} is heard once"


@pytest.mark.django_db
def test_who_may_and_what_is_refused(cast: Cast) -> None:
    recording = ready(cast)
    for person in (cast.annotator, cast.reviewer):
        with pytest.raises(Denied):
            segmentation.resegment(user=person, recording=recording)
    for wrong in ({"segmentation": "odd"}, {"target_ms": 10}, {"max_ms": 99_000}):
        with pytest.raises(Invalid):
            again(cast, recording, **wrong)
    with pytest.raises(Invalid):
        again(cast, recording, target_ms=9_000, max_ms=5_000)
    preparing = ready(cast, state="preparing")
    with pytest.raises(Conflict) as refused:
        again(cast, preparing)
    assert refused.value.code == "not_ready"


@pytest.mark.django_db
def test_the_audit_shows_it(cast: Cast) -> None:
    recording = ready(cast)
    (old,) = lay(recording, 0, 30_000)
    hear([old], Pass.DRAFT, "a")
    seen = AuditEvent.objects.count()
    with acting_as(Actor(cast.manager.pk, "manager", "api", "req-1", "10.0.0.1")):
        again(cast, recording)
    new = AuditEvent.objects.order_by("id")[seen:]
    assert {event.actor_name for event in new} == {"manager"}
    (gone,) = [e for e in new if e.segment_id == old.pk and e.table_name == "annotation_segment"]
    assert gone.after is not None
    assert gone.after["retired_at"]
    made = [e for e in new if e.table_name == "annotation_segment" and e.action == "insert"]
    assert len(made) == Segment.objects.filter(recording=recording).count()


@pytest.fixture
def people(committed_db: None) -> Cast:
    """Return the people of a project that several connections see."""
    return make_cast()


def test_a_save_that_is_on_its_way_is_waited_for(people: Cast) -> None:
    recording = ready(people)
    first, second = lay(recording, 0, 15_000, 30_000)
    inside, go_on = threading.Event(), threading.Event()

    def save() -> None:
        try:
            with transaction.atomic():
                segments.save_text(user=people.annotator, segment=first, text="mine", base_revision=0)
                inside.set()
                assert go_on.wait(PATIENCE_S)
        finally:
            connection.close()

    def recut() -> Recut:
        try:
            return again(people, recording)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        saving = pool.submit(save)
        assert inside.wait(PATIENCE_S)
        cutting = pool.submit(recut)
        _until_somebody_waits()
        go_on.set()
        saving.result(PATIENCE_S)
        made = cutting.result(PATIENCE_S)
    assert (made.kept, made.retired) == (1, 1)
    first.refresh_from_db()
    assert (first.text, first.retired_at) == ("mine", None)
    assert spans_of(recording)[0] == (0, 15_000)
    second.refresh_from_db()
    assert second.retired_at is not None


def test_saves_and_cuts_at_random_lose_no_text(people: Cast) -> None:
    recording = ready(people)
    lay(recording, *range(0, 30_001, 1_000))
    rows = list(Segment.objects.filter(recording=recording).order_by("start_ms"))
    begin = threading.Barrier(3)

    def save(mine: Sequence[Segment]) -> dict[int, str]:
        saved: dict[int, str] = {}
        begin.wait()
        try:
            for row in mine:
                try:
                    segments.save_text(
                        user=people.annotator, segment=row, text=f"typed {row.pk}", base_revision=0
                    )
                    saved[row.pk] = f"typed {row.pk}"
                except Reshaped as refused:
                    assert refused.detail["into"]
            return saved
        finally:
            connection.close()

    def recut() -> dict[int, str]:
        begin.wait()
        try:
            for number in range(6):
                again(people, recording, target_ms=2_000 + 700 * number, max_ms=9_000)
            return {}
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        work = [pool.submit(save, rows[::2]), pool.submit(save, rows[1::2]), pool.submit(recut)]
        saved = {pk: text for done in work for pk, text in done.result(PATIENCE_S).items()}
    for pk, text in saved.items():
        row = Segment.objects.get(pk=pk)
        assert row.text == text, "what was saved is there, on a segment that is still live"
    found = spans_of(recording)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    again(people, recording)
    assert Hypothesis.objects.count() == 0


def _until_somebody_waits() -> None:
    """Wait until a connection stands before a row lock."""

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            return bool(cursor.fetchone()[0])

    until(waits, "nobody waited")
