"""A file job: claimed once, renewed, taken back from a dead worker, cancelled, run again."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from django.db import transaction

from annotation.conf import conf
from annotation.errors import Conflict, Denied, Invalid
from annotation.models import Job, Project
from annotation.selectors import progress_of
from annotation.services import filejobs, jobs, reconciler
from annotation.services.clock import in_seconds
from annotation.states import JobKind, JobState
from workers import files
from workers.shutdown import ask, forget

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(cast: Any) -> Job:
    return filejobs.create(user=cast.manager, project=cast.project, kind=JobKind.IMPORT, total=10)


def claim() -> filejobs.ClaimedJob:
    claimed = filejobs.claim_next(worker="w")
    assert claimed is not None
    return claimed


def soon(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(available_at=None)


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(claim_expires_at=in_seconds(-1))


def test_a_job_is_claimed_once_and_the_oldest_goes_first(job: Job, cast: Any) -> None:
    later = filejobs.create(user=cast.manager, project=cast.project, kind=JobKind.EXPORT)
    first, second = claim(), claim()
    assert (first.id, second.id) == (job.pk, later.pk)
    assert (first.kind, first.claim, first.attempts) == (JobKind.IMPORT, 1, 1)
    assert filejobs.claim_next(worker="w") is None
    job.refresh_from_db()
    assert (job.state, job.claimed_by) == (JobState.RUNNING, "w")
    assert job.started_at is not None


def test_transcriptions_are_not_claimed_here(cast: Any) -> None:
    Job.objects.create(project=cast.project, kind=JobKind.TRANSCRIBE)
    assert filejobs.claim_next(worker="w") is None


def test_progress_is_written_under_the_claim_and_renews_it(job: Job) -> None:
    claimed = claim()
    expire(job)
    assert filejobs.tick(claimed, 4, 8, phase="checking", failed=1)
    job.refresh_from_db()
    assert (job.processed_items, job.failed_items, job.total_items, job.phase) == (4, 1, 8, "checking")
    assert progress_of(job) == 0.5
    assert filejobs.reclaim_expired() == 0, "the claim was renewed"
    assert filejobs.finish(claimed)
    job.refresh_from_db()
    assert (job.state, job.processed_items, progress_of(job)) == (JobState.COMPLETED, 8, 1.0)


def test_a_dead_workers_job_is_done_by_another_and_its_own_results_are_refused(job: Job) -> None:
    dead = claim()
    expire(job)
    assert reconciler.reconcile().file_jobs_requeued == 1
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.PENDING, "worker_lost")
    again = claim()
    assert (again.claim, again.attempts) == (2, 2)
    for late in (filejobs.renew(dead), filejobs.tick(dead, 1, 2), filejobs.finish(dead)):
        assert not late
    with pytest.raises(filejobs.Lost), transaction.atomic():
        filejobs.hold(dead)
    with transaction.atomic():
        filejobs.hold(again)
    assert filejobs.finish(again)
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.COMPLETED, "")


def test_what_kills_each_of_its_workers_is_given_up_with_its_cause(job: Job) -> None:
    for _ in range(conf().max_attempts):
        claim()
        expire(job)
        assert filejobs.reclaim_expired() == 1
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "worker_lost")
    assert f"{conf().max_attempts} times" in job.error
    assert filejobs.claim_next(worker="w") is None


def test_a_failed_attempt_waits_and_the_last_one_is_final(job: Job) -> None:
    for attempt in range(1, conf().max_attempts + 1):
        soon(job)
        claimed = claim()
        assert claimed.attempts == attempt
        assert filejobs.fail(claimed, code="storage", message="The disk is away.")
        job.refresh_from_db()
    assert (job.state, job.error_code, job.error) == (JobState.FAILED, "storage", "The disk is away.")


def test_after_a_failed_attempt_the_job_rests(job: Job) -> None:
    filejobs.fail(claim(), code="storage", message="The disk is away.")
    assert filejobs.claim_next(worker="w") is None
    soon(job)
    assert claim().attempts == 2


def test_stopping_a_worker_costs_no_attempt(job: Job) -> None:
    assert filejobs.hand_back(claim())
    assert claim().attempts == 1


def test_a_cancelled_job_stops_its_worker_and_can_be_run_again(job: Job, cast: Any) -> None:
    claimed = claim()
    jobs.cancel(user=cast.manager, job=job)
    assert not filejobs.tick(claimed, 1, 2)
    assert not filejobs.finish(claimed)
    jobs.retry(user=cast.manager, job=job)
    assert (job.state, job.attempts) == (JobState.PENDING, 0)
    assert filejobs.finish(claim())
    job.refresh_from_db()
    with pytest.raises(Conflict):
        jobs.retry(user=cast.manager, job=job)
    with pytest.raises(Conflict):
        jobs.cancel(user=cast.manager, job=job)


def test_others_leave_it_alone(job: Job, cast: Any) -> None:
    with pytest.raises(Denied):
        jobs.cancel(user=cast.annotator, job=job)


# -- The worker --------------------------------------------------------------------------------------------


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Stand in for the module that does imports; a test gives it its `run`."""
    module: Any = ModuleType("runner")
    known = importlib.import_module
    monkeypatch.setattr(
        files, "import_module", lambda name: module if name.endswith("imports") else known(name)
    )
    yield module
    forget()


def work() -> None:
    files.work_waiting(5.0, lambda: None)


def test_the_worker_runs_the_job_in_the_name_of_who_asked(job: Job, runner: Any, cast: Any) -> None:
    def run(claimed: filejobs.ClaimedJob, tick: filejobs.Tick) -> None:
        tick(1, 2, "checking")
        Project.objects.filter(pk=claimed.project_id).update(name="renamed by the job")

    runner.run = run
    work()
    job.refresh_from_db()
    assert (job.state, job.processed_items) == (JobState.COMPLETED, 2)
    assert Project.objects.get(pk=job.project_id).name == "renamed by the job"


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (Invalid("Say which.", code="which"), JobState.FAILED, "which"),
        (OSError(28, "No space left on device"), JobState.PENDING, "storage"),
        (RuntimeError("a bug"), JobState.PENDING, "job_failed"),
    ],
)
def test_what_cannot_be_mended_fails_at_once_and_the_rest_is_tried_again(
    job: Job, runner: Any, error: Exception, state: str, code: str
) -> None:
    def run(claimed: filejobs.ClaimedJob, tick: filejobs.Tick) -> None:
        raise error

    runner.run = run
    work()
    job.refresh_from_db()
    assert (job.state, job.error_code) == (state, code)


def test_a_cancelled_job_ends_at_its_next_tick(job: Job, runner: Any, cast: Any) -> None:
    steps = []

    def run(claimed: filejobs.ClaimedJob, tick: filejobs.Tick) -> None:
        jobs.cancel(user=cast.manager, job=job)
        for step in range(3):
            steps.append(step)
            tick(step, 3)

    runner.run = run
    work()
    job.refresh_from_db()
    assert (job.state, steps) == (JobState.CANCELLED, [0])


def test_a_worker_that_is_asked_to_stop_hands_its_job_back(job: Job, runner: Any) -> None:
    def run(claimed: filejobs.ClaimedJob, tick: filejobs.Tick) -> None:
        ask()
        tick(1, 2)

    runner.run = run
    work()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.PENDING, 0)
