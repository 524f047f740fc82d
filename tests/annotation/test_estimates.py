"""Estimates are as good as the pace they go by: with a known pace and known queues they are sums."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import estimates
from annotation.estimates import Eta
from annotation.models import Decoding, Job
from annotation.services import jobs
from annotation.states import DecodingState, Pass, Priority
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast

pytestmark = pytest.mark.django_db

MODELS = {Pass.DRAFT: "demo-draft", Pass.REFINE: "demo-refine"}


def a_job(cast: Cast, *, drafts: int, refines: int = 0, **values: Any) -> Job:
    """Queue windows of ten seconds each."""
    recording = make_recording(cast.project, duration_ms=1_000_000)
    job = make_job(recording)
    for number in range(max(drafts, refines)):
        start = number * 10_000
        segment = make_segment(cast.project, recording=recording, start_ms=start, end_ms=start + 10_000)
        if number < drafts:
            make_decoding(job, segment, **values)
        if number < refines:
            make_decoding(job, segment, pass_name=Pass.REFINE, model=MODELS[Pass.REFINE], state="waiting")
    jobs.refresh([job.pk])
    job.refresh_from_db()
    return job


def heard(cast: Cast, pass_name: Pass, rtf: float, ago_s: int = 60) -> None:
    """Leave a minute of audio that was decoded at a known pace."""
    recording = make_recording(cast.project)
    for number in range(6):
        start = number * 10_000
        segment = make_segment(cast.project, recording=recording, start_ms=start, end_ms=start + 10_000)
        made = make_decoding(
            make_job(recording), segment, pass_name=pass_name, model=MODELS[pass_name], state="done",
            processing_ms=round(10_000 * rtf),
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE annotation_decoding SET finished_at = clock_timestamp() - make_interval(secs => %s)"
                " WHERE id = %s",
                [ago_s, made.pk],
            )


def working(names: dict[str, Pass], job: Job) -> None:
    """Let workers hold a window each."""
    for name, pass_name in names.items():
        row = Decoding.objects.filter(job=job, pass_name=pass_name, state__in=("queued", "waiting")).earliest(
            "id"
        )
        Decoding.objects.filter(pk=row.pk).update(state=DecodingState.QUEUED)
        Decoding.objects.filter(pk=row.pk).update(state=DecodingState.RUNNING, claimed_by=name)


def test_a_job_alone_takes_its_audio_times_the_pace_of_its_models(cast: Cast) -> None:
    heard(cast, Pass.DRAFT, 0.1)
    heard(cast, Pass.REFINE, 0.5)
    heard(cast, Pass.DRAFT, 9.0, ago_s=3600)  # long ago; the machine was busy then
    job = a_job(cast, drafts=20, refines=20)
    working({"draft@a:1": Pass.DRAFT, "refine@a:2": Pass.REFINE}, job)
    # 200 s of audio: drafts at 0.1, refines at 0.5, by two workers side by side.
    assert estimates.etas([job]) == {job.pk: Eta(draft_s=20, done_s=100)}


def test_two_workers_take_half_and_one_for_both_passes_takes_the_sum(cast: Cast) -> None:
    heard(cast, Pass.DRAFT, 0.1)
    heard(cast, Pass.REFINE, 0.5)
    job = a_job(cast, drafts=20, refines=20)
    working({"w@a:1": Pass.DRAFT, "w@a:2": Pass.DRAFT}, job)
    assert estimates.etas([job])[job.pk].draft_s == 10
    Decoding.objects.filter(state=DecodingState.RUNNING).update(claimed_by="both@a:1")
    working({"both@a:1": Pass.REFINE}, job)
    assert estimates.etas([job]) == {job.pk: Eta(draft_s=20, done_s=120)}


def test_what_is_before_a_job_in_the_queue_counts_and_what_is_behind_does_not(cast: Cast) -> None:
    heard(cast, Pass.DRAFT, 0.1)
    first = a_job(cast, drafts=10)
    second = a_job(cast, drafts=10)
    hurried = a_job(cast, drafts=10, priority=Priority.PERSON)
    assert {pk: eta.done_s for pk, eta in estimates.etas([first, second, hurried]).items()} == {
        hurried.pk: 10,
        first.pk: 20,
        second.pk: 30,
    }


def test_without_a_pace_nothing_is_promised(cast: Cast) -> None:
    job = a_job(cast, drafts=3)
    assert estimates.etas([job]) == {job.pk: Eta(None, None)}
    assert estimates.eta_of(make_job(make_recording(cast.project))) is None


def test_a_list_of_jobs_is_estimated_by_one_query(cast: Cast) -> None:
    heard(cast, Pass.DRAFT, 0.1)
    listed = [a_job(cast, drafts=2) for _ in range(8)]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        estimates.remember(listed)
        assert all(estimates.eta_of(job) is not None for job in listed)
    assert len(asked) == 1


def test_a_long_queue_is_added_up_once_in_two_seconds(cast: Cast) -> None:
    job = a_job(cast, drafts=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO annotation_decoding (project_id, recording_id, job_id, pass_name, model, options,"
            " options_digest, channel, start_ms, end_ms, priority, state, claim, attempts, claimed_by, cause,"
            " cause_code, created_at)"
            " SELECT d.project_id, d.recording_id, d.job_id, 'draft', d.model, d.options, d.options_digest,"
            " 0, n * 10000, n * 10000 + 9000, 0, 'queued', 0, 0, '', '', '', now()"
            " FROM annotation_decoding d, generate_series(10, %s) AS n WHERE d.job_id = %s",
            [10 + estimates.MANY_WINDOWS, job.pk],
        )
    try:
        with CaptureQueriesContext(connection) as asked:
            assert estimates.etas([job]) == estimates.etas([job])
        assert len(asked) == 1
        estimates.forget()
        with CaptureQueriesContext(connection) as asked:
            estimates.etas([job])
        assert len(asked) == 1
    finally:
        estimates.forget()
