"""Refines wait for their drafts, go on by the project's rule, and are lost by no race."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections, transaction

from annotation.models import Decoding, Hypothesis, Job, Project, Recording, Segment
from annotation.services import decodings, jobs, models, reconciler, refining
from annotation.services.decodings import Batch, Fit, Result
from annotation.states import DecodingState, JobState, Pass, RefineWhen
from tests.factories import make_job, make_project, make_recording, make_segment
from tests.personas import Cast
from tests.waiting import PATIENCE_S
from transcription.types import Heard, Signals, Word

SURE = Signals(-0.05, 0.01, 1.2, 0.0, "en", 1.0, 4)
UNSURE = Signals(-1.4, 0.5, 1.2, 0.8, "en", 1.0, 4)


def claim(pass_name: Pass, windows: int = 8) -> Batch:
    batch = decodings.claim_batch(passes=(pass_name,), worker="test", fit=Fit(windows))
    assert batch is not None
    return batch


def heard(text: str, signals: Signals = SURE) -> Heard:
    words = tuple(Word(100 * n, 100 * n + 90, f" {w}", 0.99) for n, w in enumerate(text.split()))
    return Heard(text, words, signals)


def store(batch: Batch, text: str = "four plain words here", signals: Signals = SURE) -> None:
    decodings.store([Result(c, heard(text, signals), 20) for c in batch.decodings])


def states(pass_name: Pass) -> list[str]:
    return list(
        Decoding.objects.filter(pass_name=pass_name).order_by("start_ms").values_list("state", flat=True)
    )


@pytest.fixture(autouse=True)
def merging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo's refine model take two sentences at once, as Whisper does."""
    card = models.card_of("demo-refine")
    assert card is not None
    monkeypatch.setitem(models._cards, "demo-refine", replace(card, merge=True))


def planned(
    project: Project, segments: int, *, length_ms: int = 3000, step_ms: int = 3500
) -> tuple[Recording, Job]:
    """Plan both passes over segments: one draft window each, and two segments to a refine window."""
    recording = make_recording(project, duration_ms=segments * step_ms)
    for number in range(segments):
        start = number * step_ms
        make_segment(project, recording=recording, start_ms=start, end_ms=start + length_ms)
    job = make_job(recording)
    decodings.plan(job=job, recording=recording)
    return recording, job


@pytest.mark.django_db
def test_a_refine_over_two_drafts_goes_on_when_the_second_was_heard(cast: Cast) -> None:
    planned(cast.project, 4)
    assert states(Pass.DRAFT) == ["queued"] * 4
    assert states(Pass.REFINE) == ["waiting"] * 2, "the demo's refine model takes eight seconds at once"
    store(claim(Pass.DRAFT, 1))
    assert states(Pass.REFINE) == ["waiting", "waiting"]
    store(claim(Pass.DRAFT, 1))
    assert states(Pass.REFINE) == ["queued", "waiting"]
    store(claim(Pass.DRAFT, 2))
    assert states(Pass.REFINE) == ["queued", "queued"]
    store(claim(Pass.REFINE), "five other words are here")
    assert set(Segment.objects.values_list("state", flat=True)) == {"refined"}
    job = Job.objects.get()
    assert (job.state, job.processed_items, job.total_items) == (JobState.COMPLETED, 6, 6)


@pytest.mark.django_db
def test_a_draft_that_is_given_up_lets_its_refine_go(cast: Cast) -> None:
    planned(cast.project, 2)
    store(claim(Pass.DRAFT, 1))
    decodings.fail(claim(Pass.DRAFT, 1).decodings, code="bad_input", cause="no", final=True)
    assert states(Pass.REFINE) == ["queued"]


@pytest.mark.django_db
def test_the_reconciler_releases_what_a_crash_left_waiting(cast: Cast) -> None:
    planned(cast.project, 2)
    Decoding.objects.filter(pass_name=Pass.DRAFT).update(state=DecodingState.RUNNING)
    Decoding.objects.filter(pass_name=Pass.DRAFT).update(state=DecodingState.DONE)
    assert states(Pass.REFINE) == ["waiting"]
    reconciler.reconcile()
    assert states(Pass.REFINE) == ["queued"]


@pytest.mark.django_db
def test_a_project_of_one_pass_has_nothing_that_waits(cast: Cast) -> None:
    cast.project.refine_model = None
    planned(cast.project, 3)
    store(claim(Pass.DRAFT))
    assert Decoding.objects.exclude(state=DecodingState.DONE).count() == 0


@pytest.mark.django_db
def test_a_rule_skips_what_the_draft_was_sure_of_but_for_the_sample(cast: Cast) -> None:
    Project.objects.update(refine_when=RefineWhen.RISKY, refine_above=0.4)
    _, job = planned(cast.project, 40, length_ms=6000, step_ms=12_000)
    risky = set()
    while (batch := decodings.claim_batch(passes=(Pass.DRAFT,), worker="t", fit=Fit(1))) is not None:
        start = batch.decodings[0].start_ms
        is_risky = start // 12_000 % 8 == 0
        risky |= {start} if is_risky else set()
        store(batch, signals=UNSURE if is_risky else SURE)
    rows = Decoding.objects.filter(pass_name=Pass.REFINE)
    queued = {row.start_ms for row in rows if row.state == DecodingState.QUEUED}
    sampled = {row.start_ms for row in rows if refining.is_sampled(row)}
    assert queued == risky | sampled
    assert rows.filter(state=DecodingState.SKIPPED).count() == 40 - len(queued)

    while (left := decodings.claim_batch(passes=(Pass.REFINE,), worker="t", fit=Fit(8))) is not None:
        store(left)
    job.refresh_from_db()
    assert (job.state, job.processed_items, job.total_items) == (JobState.COMPLETED, 80, 80)

    Project.objects.update(refine_when=RefineWhen.ALWAYS)
    job = Job.objects.select_related("project").get()
    assert jobs.retry(user=cast.manager, job=job).state == JobState.RUNNING
    assert rows.filter(state=DecodingState.QUEUED).count() == 40 - len(queued)
    assert not rows.filter(state=DecodingState.SKIPPED).exists()


def test_the_sample_is_a_twentieth_and_always_the_same() -> None:
    places = [refining.Waiting(0, 1, 7, 0, n * 1000, n * 1000 + 900) for n in range(20_000)]
    chosen = [place for place in places if refining.is_sampled(place)]
    assert abs(len(chosen) / len(places) - 0.05) < 0.01
    assert chosen == [place for place in places if refining.is_sampled(place)]


@pytest.mark.django_db
def test_what_the_second_pass_changed_and_cost_is_kept_for_each_segment(cast: Cast) -> None:
    planned(cast.project, 2, length_ms=3000, step_ms=3500)
    store(claim(Pass.DRAFT), "one two three four")
    batch = claim(Pass.REFINE)
    words = (
        Word(0, 400, " One,", 0.9),
        Word(500, 900, " two", 0.9),
        Word(1000, 1400, " tree", 0.9),
        Word(1500, 1900, " four.", 0.9),
        Word(3600, 4000, " one", 0.9),
        Word(4500, 5000, " two", 0.9),
    )
    decodings.store([Result(batch.decodings[0], Heard("One, two tree four. one two", words, SURE), 500)])
    first, second = Hypothesis.objects.filter(pass_name=Pass.REFINE).order_by("segment__start_ms")
    assert (first.text, second.text) == ("One, two tree four.", "one two")
    assert first.changes == {"substitutions": 1, "deletions": 0, "insertions": 0, "reference_length": 4}
    assert second.changes == {"substitutions": 0, "deletions": 2, "insertions": 0, "reference_length": 4}
    assert (first.processing_ms, second.processing_ms) == (250, 250)
    draft = Hypothesis.objects.filter(pass_name=Pass.DRAFT)[0]
    assert (draft.changes, draft.processing_ms) == (None, 20)
    assert "models_disagree" in second.risk_reasons


@pytest.mark.django_db
def test_a_recording_is_planned_while_its_end_is_still_decoded(cast: Cast) -> None:
    recording = make_recording(cast.project, duration_ms=40_000)
    job = make_job(recording)
    for number in range(10):
        start = number * 3500
        make_segment(cast.project, recording=recording, start_ms=start, end_ms=start + 3000)
        recording.settled_ms = start + 3200
        decodings.plan(job=job, recording=recording, settled=False)
        refines = Decoding.objects.filter(pass_name=Pass.REFINE)
        assert Decoding.objects.filter(pass_name=Pass.DRAFT).count() == number + 1
        # Pairs of 3.5 s steps: the last two windows of a run may still be balanced against each other.
        assert refines.count() == max(0, number // 2 - 1)
        if (batch := decodings.claim_batch(passes=(Pass.DRAFT,), worker="t", fit=Fit(8))) is not None:
            store(batch)
        assert set(states(Pass.REFINE)) <= {"queued"}, "their drafts were heard before them"
    decodings.plan(job=job, recording=recording)
    piecemeal = Decoding.objects.filter(job=job).order_by("pass_name", "start_ms")
    _, straight = planned(cast.project, 10)
    at_once = Decoding.objects.filter(job=straight).order_by("pass_name", "start_ms")
    spans = ("pass_name", "start_ms", "end_ms")
    assert list(piecemeal.values_list(*spans)) == list(at_once.values_list(*spans))


def in_two_transactions(calls: Sequence[Callable[[], object]], held: threading.Barrier) -> None:
    """Run each call in a thread and a transaction of its own, all of them open until the barrier falls."""
    errors: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                call()
        except BaseException as error:
            errors.append(error)
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not errors, errors


def test_two_drafts_that_end_at_the_same_moment_release_their_refine(committed_db: None) -> None:
    project = make_project("Race", refine_model="demo-refine")
    for _ in range(5):
        planned(project, 2)
        batches = [claim(Pass.DRAFT, 1), claim(Pass.DRAFT, 1)]
        both_accepted = threading.Barrier(2, timeout=PATIENCE_S)

        def end(batch: Batch, barrier: threading.Barrier = both_accepted) -> None:
            # What `store` does, with the other transaction just as far between its two halves.
            results = [Result(c, heard("some words"), 5) for c in batch.decodings]
            assert decodings._accept(results) == results
            barrier.wait()
            refining.release_under(batch.decodings)

        in_two_transactions([lambda b=batch: end(b) for batch in batches], both_accepted)  # type: ignore[misc]
        assert set(states(Pass.REFINE)) == {"queued"}


def test_ten_threads_store_cancel_and_attend_without_a_deadlock(committed_db: None) -> None:
    project = make_project("Crowd", refine_model="demo-refine")
    recording, job = planned(project, 60)
    errors: list[Any] = []

    def work() -> None:
        try:
            while True:
                batch = decodings.claim_batch(passes=(Pass.DRAFT, Pass.REFINE), worker="t", fit=Fit(3))
                if (
                    batch is None
                    and not Decoding.objects.filter(state__in=("queued", "running", "waiting")).exists()
                ):
                    return
                if batch is not None:
                    store(batch)
        except BaseException as error:
            errors.append(error)
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not errors, errors
    job.refresh_from_db()
    assert job.state == JobState.COMPLETED
    assert set(states(Pass.REFINE)) == {"done"}
    assert set(Segment.objects.filter(recording=recording).values_list("state", flat=True)) == {"refined"}
