"""Windows, workers and people that misbehave: each costs its own row and nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from annotation import presence, storage
from annotation.models import Decoding
from annotation.services import jobs
from annotation.states import DecodingState, JobState, RecordingState
from tests import services
from tests.waiting import until
from tests.workers.support import (
    FAST,
    MARKED,
    QUIET,
    assert_whole,
    holder,
    make_team,
    standing,
    tones,
    upload,
    wait_over,
)
from transcription.catalog import file_sha256
from transcription.ffmpeg import find_ffmpeg

Start = Callable[..., services.Running]
EVERYTHING = "audio,draft,refine,control"


def fake(figures: str, **extra: str) -> dict[str, str]:
    """Return the environment of a worker with the fake engine."""
    return {**FAST, "EARMARK_ENGINE": "fake", "EARMARK_FAKE_ENGINE": figures, **extra}


def running() -> bool:
    """Tell whether a window is being decoded."""
    return Decoding.objects.filter(state=DecodingState.RUNNING).exists()


@pytest.mark.slow
@pytest.mark.faults
def test_windows_that_kill_hang_or_exhaust_their_worker_fail_alone(
    committed_db: None, media_root: Path, tmp_path: Path, worker_process: Start
) -> None:
    kills, hangs, exhausts = 0.95, 0.85, 0.75
    project, manager = make_team(refine_model=None)
    poisoned, healthy = tmp_path / "poisoned.wav", tmp_path / "healthy.wav"
    tones(poisoned, [QUIET, QUIET, kills, QUIET, hangs, QUIET, exhausts, QUIET], seed=1)
    tones(healthy, [QUIET] * 10, seed=2)
    _, job = upload(project, manager, poisoned)
    other, other_job = upload(project, manager, healthy)

    # A pool that forks starts the next child itself.
    figures = "seconds=0.01,kill_above=0.9,hang_above=0.8,memory_above=0.7"
    worker = worker_process(EVERYTHING, pool="prefork", **fake(figures))
    wait_over()

    job.refresh_from_db()
    other_job.refresh_from_db()
    assert other_job.state == JobState.COMPLETED, standing()
    assert_whole(other, passes=1)
    assert job.state == JobState.FAILED
    assert (job.failed_items, job.processed_items, job.total_items) == (3, 8, 8)
    failed = Decoding.objects.filter(state=DecodingState.FAILED).order_by("start_ms")
    assert [d.cause_code for d in failed] == ["worker_lost", "timed_out", "out_of_memory"]
    assert [d.attempts for d in failed] == [3, 3, 3]
    assert all(d.cause for d in failed)
    assert job.error.startswith("3 of 8 windows could not be transcribed: ")
    assert worker.alive


def test_a_failing_window_leaves_its_batch_and_is_told(
    committed_db: None, media_root: Path, tmp_path: Path, worker_process: Start
) -> None:
    project, manager = make_team(refine_model=None)
    source = tmp_path / "one-bad.wav"
    tones(source, [QUIET] * 5 + [MARKED] + [QUIET] * 5, seed=3)
    _, job = upload(project, manager, source)

    worker_process(EVERYTHING, **fake("fail_above=0.9,most_windows=4", EARMARK_CLAIM_LEASE_S="60"))
    wait_over()

    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert (job.failed_items, job.processed_items) == (1, 11), standing()
    assert job.error_code == "decode_failed"
    assert "told to fail on this window" in job.error
    # The others were decoded with it and lost no attempt to it.
    done = Decoding.objects.filter(state=DecodingState.DONE)
    assert set(done.values_list("attempts", flat=True)) == {1}


def test_a_cancelled_job_stops_and_can_be_run_again(
    committed_db: None, media_root: Path, tmp_path: Path, worker_process: Start
) -> None:
    project, manager = make_team()
    source = tmp_path / "long.wav"
    tones(source, [QUIET] * 12, seed=4)
    recording, job = upload(project, manager, source)
    worker_process(EVERYTHING, **fake("seconds=0.2"))
    until(running, standing)

    jobs.cancel(user=manager, job=job)
    assert not Decoding.objects.filter(state__in=("queued", "running")).exists()
    until(lambda: presence.counters().get("windows_fenced", 0) > 0, standing)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED

    jobs.retry(user=manager, job=job)
    wait_over()
    job.refresh_from_db()
    assert job.state == JobState.COMPLETED, standing()
    assert_whole(recording)


def test_a_worker_that_is_stopped_hands_back_what_it_has_not_begun(
    committed_db: None, media_root: Path, tmp_path: Path, worker_process: Start
) -> None:
    project, manager = make_team(refine_model=None)
    source = tmp_path / "long.wav"
    tones(source, [QUIET] * 24, seed=5)
    recording, _ = upload(project, manager, source)
    for pool in ("solo", "prefork"):
        left = Decoding.objects.filter(state=DecodingState.QUEUED)
        # A claim long enough that only a hand-back can explain rows that wait again.
        worker = worker_process(EVERYTHING, pool=pool, **fake("seconds=0.5", EARMARK_CLAIM_LEASE_S="60"))
        until(running, standing)

        assert worker.stop() == 0

        assert not running(), standing()
        assert left.exists()
        assert set(left.values_list("attempts", flat=True)) == {0}
    worker_process(EVERYTHING, **fake("seconds=0.01"))
    wait_over()
    assert_whole(recording, passes=1)


@pytest.mark.slow
@pytest.mark.faults
def test_a_worker_that_slept_past_its_claim_cannot_write(
    committed_db: None, media_root: Path, tmp_path: Path, worker_process: Start
) -> None:
    project, manager = make_team()
    source = tmp_path / "long.wav"
    tones(source, [QUIET] * 30, seed=6)
    recording, job = upload(project, manager, source)
    for _ in range(2):
        worker_process(EVERYTHING, pool="solo", **fake("seconds=0.15", EARMARK_MAX_ATTEMPTS="50"))

    slept = 0
    while slept < 4:
        until(running, standing)
        pid = holder()
        if pid is None:
            continue
        mine = Decoding.objects.filter(state=DecodingState.RUNNING, claimed_by__endswith=f":{pid}")
        claims = dict(mine.values_list("pk", "claim"))
        os.kill(pid, signal.SIGSTOP)
        still = mine.filter(pk__in=claims).exists()
        try:
            if still:  # it was asleep in the middle of its batch, and somebody else must take that over
                taken = Decoding.objects.filter(pk__in=claims).exclude(claimed_by__endswith=f":{pid}")
                # Stopped inside a transaction it keeps its locks, until PostgreSQL ends idle transactions.
                until(taken.exists, standing)
                slept += 1
        finally:
            os.kill(pid, signal.SIGCONT)
    wait_over()

    job.refresh_from_db()
    assert job.state == JobState.COMPLETED, standing()
    assert_whole(recording)
    until(lambda: presence.counters().get("windows_fenced", 0) >= slept, lambda: presence.counters())


@pytest.mark.slow
@pytest.mark.faults
def test_a_worker_killed_while_it_prepares_leaves_no_half_file(
    committed_db: None, media_root: Path, tmp_path: Path, worker_process: Start
) -> None:
    project, manager = make_team()
    source = tmp_path / "hours.flac"
    # Three quarters of an hour in a small file, so that there is time to be killed.
    silence = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", "2700", "-compression_level", "0"]
    subprocess.run([find_ffmpeg(), "-v", "error", *silence, str(source)], check=True, timeout=60)
    recording, _ = upload(project, manager, source)
    folder = storage.recording_dir(recording.pk)

    def preparing() -> bool:
        recording.refresh_from_db()
        return recording.state == RecordingState.PREPARING and any(folder.glob(".*.part"))

    worker_process("audio,control", pool="prefork", **fake("", EARMARK_MAX_ATTEMPTS="10"))
    for _ in range(2):
        until(preparing, standing)
        claim = recording.claim
        os.kill(int(recording.claimed_by.rpartition(":")[2]), signal.SIGKILL)
        assert recording.state != RecordingState.READY
        until(lambda claim=claim: preparing() and recording.claim > claim, standing)  # type: ignore[misc]
    until(lambda: not preparing() and recording.state == RecordingState.READY, standing)

    assert recording.attempts == 3
    assert recording.duration_ms == 2_700_000
    assert file_sha256(storage.wav_path(recording.pk)) == recording.wav_sha256
    assert sorted(path.name for path in folder.iterdir()) == ["audio.wav", "original", "peaks.bin"]


def test_workers_are_known_while_they_live(committed_db: None, worker_process: Start) -> None:
    worker = worker_process("draft", pool="solo", **fake("seconds=0.01"))
    until(lambda: bool(presence.alive()))
    (seen,) = presence.alive() or []
    assert seen.queues == ("draft",)
    assert seen.pid == worker.pid
    assert seen.name.startswith("draft-")
    assert worker.stop() == 0
    assert presence.alive() == []
