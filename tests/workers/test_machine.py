"""What a machine does wrong costs no window and no recording an attempt, and is told meanwhile."""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from annotation import presence, storage
from annotation.models import Decoding, Job, Recording
from annotation.services import decodings, recordings
from annotation.states import JobState, Pass, RecordingState
from config import up
from tests.factories import make_decoding, make_job, make_project, make_recording, make_segment
from tests.waiting import PATIENCE_S
from tests.workers.support import QUIET, make_team, tones, upload
from transcription.devices import is_lost
from transcription.engines.base import Ready
from transcription.engines.fake import FakeEngine
from transcription.errors import DecoderUnavailable, EngineError, ModelCode, ModelUnavailable, Stopped
from workers import pipeline, prepare, process, shutdown, transcribe
from workers.engines import engines
from workers.shunned import Shunned, shunned


@pytest.fixture(autouse=True)
def a_sound_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test begin and end with a worker that knows of no trouble and passes bells on at once."""
    monkeypatch.setattr(transcribe, "PASS_ON_S", 0.0)
    monkeypatch.setattr(process.me, "trouble", "")
    yield
    shunned.clear()


@pytest.fixture
def job(db: None) -> Job:
    """Return a job of three draft windows that wait."""
    project = make_project()
    recording = make_recording(project)
    made = make_job(recording)
    for number in range(3):
        make_decoding(made, make_segment(project, recording=recording, start_ms=number * 1000))
    return made


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[str]:
    """Make every model fail to load; return the list of what is asked for."""
    asked: list[str] = []

    def get(model: str, on_download: object = None) -> Any:
        asked.append(model)
        raise error

    engines.drop()
    monkeypatch.setattr(pipeline, "_paces", {})
    monkeypatch.setattr(engines, "get", get)
    return asked


def draft_round() -> bool:
    """Do what a doorbell of the draft queue starts."""
    return transcribe.transcribe_waiting(Pass.DRAFT, 60, lambda: None)


def database_now() -> Any:
    """Return the time of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


MACHINE = [
    EngineError("device_unavailable", "demo-draft can't be loaded on cuda."),
    MemoryError(),
    OSError(30, "Read-only file system"),
    ModelUnavailable("disk_full", "The disk is full.", "Free some space."),
]


@pytest.mark.parametrize("error", MACHINE, ids=lambda e: getattr(e, "code", type(e).__name__))
def test_a_worker_that_cannot_load_a_model_leaves_its_windows_to_others(
    error: Exception, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = failing(monkeypatch, error)
    draft_round()
    Decoding.objects.update(available_at=None)

    assert draft_round() is True  # the bell goes on to a colleague

    assert asked == ["demo-draft"]
    assert set(Decoding.objects.values_list("state", "attempts")) == {("queued", 0)}
    job.refresh_from_db()
    assert job.state == JobState.RUNNING
    assert job.error.startswith("3 of 3 windows wait for another attempt: ")
    assert process.me.trouble
    shunned.clear()
    assert decodings.claim_batch(passes=(Pass.DRAFT,), worker="w", fit=decodings.Fit(8))


def test_windows_of_other_models_go_on_beside_one_that_cannot_be_loaded(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    Decoding.objects.filter(pk=Decoding.objects.latest("pk").pk).update(model="other")
    asked = failing(monkeypatch, EngineError("device_unavailable", "no"))
    draft_round()
    assert asked == ["demo-draft", "other"]


def test_an_unreachable_hub_is_tried_three_times_over_two_minutes(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ModelUnavailable("hub_unreachable", "The hub can't be reached.", "Copy it."))
    waited = 0.0
    for attempt in (1, 2):
        draft_round()
        row = Decoding.objects.earliest("pk")
        assert (row.state, row.attempts, row.cause_code) == ("queued", attempt, "hub_unreachable")
        assert row.available_at is not None
        waited += (row.available_at - database_now()).total_seconds()
        job.refresh_from_db()
        assert (job.state, job.error_code) == (JobState.RUNNING, "hub_unreachable")
        assert "Copy it." in job.error
        Decoding.objects.update(available_at=None)
    assert waited > 120
    draft_round()
    job.refresh_from_db()
    assert (job.state, job.failed_items) == (JobState.FAILED, 3)
    assert "Copy it." in job.error


@pytest.mark.parametrize(
    "code", ["unknown_model", "model_missing", "not_ctranslate2", "incomplete_model", "hash_mismatch"]
)
def test_a_model_that_somebody_has_to_mend_fails_at_once(
    code: ModelCode, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ModelUnavailable(code, "It is broken.", "Mend it."))
    draft_round()
    job.refresh_from_db()
    assert (job.state, job.error_code, job.failed_items) == (JobState.FAILED, code, 3)


def test_what_is_shunned_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Shunned()
    kept.add("a", "no device")
    kept.add("b", "no device")
    assert (kept.names, kept.trouble) == (("a", "b"), "no device")
    monkeypatch.setattr("workers.shunned.REST_S", 0.0)
    assert (kept.names, kept.trouble) == ((), "")


@pytest.fixture
def stored(db: None, media_root: Path, tmp_path: Path) -> tuple[Recording, Job]:
    """Return a recording that waits for preparation, its file in place."""
    project, manager = make_team()
    tones(tmp_path / "a.wav", [QUIET] * 3, seed=1)
    return upload(project, manager, tmp_path / "a.wav")


def audio_round() -> bool:
    """Do what a doorbell of the audio queue starts."""
    return prepare.prepare_waiting(60, lambda: None)


def assert_waits(stored: tuple[Recording, Job], code: str) -> None:
    """Assert that a recording was put back uncounted, for some minutes, and that its job says why."""
    recording, job = stored
    recording.refresh_from_db()
    job.refresh_from_db()
    assert (recording.state, recording.attempts) == (RecordingState.STORED, 0)
    assert (recording.cause_code, job.error_code) == (code, code)
    assert job.error == recording.cause != ""
    assert recordings.claim_next(worker="w") is None
    assert [p.name for p in storage.recording_dir(recording.pk).iterdir()] == ["original"]


def test_below_the_floor_of_free_space_nothing_is_decoded(
    stored: tuple[Recording, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[object] = []
    monkeypatch.setattr(prepare, "prepare", lambda *args, **kwargs: decoded.append(args))
    monkeypatch.setattr(storage, "free_bytes", lambda: 0)
    audio_round()
    assert decoded == []
    assert_waits(stored, "disk_full")
    monkeypatch.undo()
    Recording.objects.update(available_at=None)
    audio_round()
    stored[0].refresh_from_db()
    stored[1].refresh_from_db()
    assert (stored[0].state, stored[0].attempts, stored[1].error) == (RecordingState.READY, 1, "")


def test_a_disk_that_fills_while_a_recording_is_decoded_stops_it(
    stored: tuple[Recording, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [1 << 40, 0]
    monkeypatch.setattr(storage, "free_bytes", lambda: free.pop(0))

    def decode(*args: object, should_stop: Any, **kwargs: object) -> None:
        assert should_stop()
        raise Stopped

    monkeypatch.setattr(prepare, "prepare", decode)
    audio_round()
    assert_waits(stored, "disk_full")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device"), "disk_full"),
        (OSError(5, "Input/output error"), "storage"),
        (DecoderUnavailable("FFmpeg could not be started.", "Install it."), "decoder_unavailable"),
    ],
)
def test_a_machine_that_cannot_prepare_counts_no_attempt_and_rests(
    error: Exception, code: str, stored: tuple[Recording, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    def decode(*args: object, **kwargs: object) -> None:
        tried.append(args)
        raise error

    monkeypatch.setattr(prepare, "prepare", decode)
    audio_round()
    assert_waits(stored, code)
    assert process.me.trouble
    Recording.objects.update(available_at=None)
    assert audio_round() is False
    assert len(tried) == (2 if code == "disk_full" else 1)


def test_an_uploaded_file_that_is_gone_is_no_fault_of_the_machine(stored: tuple[Recording, Job]) -> None:
    recording, _ = stored
    storage.original_path(recording.pk).unlink()
    audio_round()
    recording.refresh_from_db()
    assert (recording.attempts, recording.cause_code) == (1, "storage")
    assert shunned.names == ()


def test_a_worker_can_hand_its_claims_back_before_make_up_kills_it() -> None:
    assert up.WORKER_STOP_S > shutdown.GRACE_S + 2


def test_a_heart_beats_on_after_a_missed_beat(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EARMARK = dataclasses.replace(settings.EARMARK, reconcile_every_s=1)
    beats: list[object] = []
    again = threading.Event()

    def announce(worker: presence.Worker) -> bool:
        beats.append(worker)
        if len(beats) == 1:
            raise RuntimeError("dictionary changed size during iteration")
        again.set()
        return True

    monkeypatch.setattr(process, "BEAT_S", 0.0)
    monkeypatch.setattr(process, "reconcile_in_turn", lambda: True)
    monkeypatch.setattr(presence, "announce", announce)
    monkeypatch.setattr(presence, "leave", lambda worker: None)
    heart = process.Heart()
    heart.start()
    try:
        assert again.wait(PATIENCE_S)
    finally:
        heart.stop()


class LostDevice:
    """An engine whose device fails at the first decoding, as CUDA does."""

    info = FakeEngine(name="demo-draft").info

    def __init__(self) -> None:
        self.calls = 0

    def ready(self, batch: Any, options: Any) -> Any:
        return Ready(tuple(batch), options)

    def decode_ready(self, ready: Ready) -> Any:
        return self.decode(ready.windows, ready.options)

    def decode(self, batch: Any, options: Any) -> Any:
        self.calls += 1
        raise EngineError("device_unavailable", "CUDA failed with error unspecified launch failure")


def test_a_device_lost_while_decoding_costs_no_attempt_and_the_worker_starts_anew(
    committed_db: None, media_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, manager = make_team()
    tones(tmp_path / "a.wav", [QUIET] * 3, seed=1)
    upload(project, manager, tmp_path / "a.wav")
    audio_round()
    drafts = Decoding.objects.filter(pass_name=Pass.DRAFT)
    lost = LostDevice()
    ended: list[int] = []
    monkeypatch.setattr(engines, "get", lambda *args: lost)
    monkeypatch.setattr("os.kill", lambda pid, number: ended.append(number))
    try:
        draft_round()
    finally:
        shutdown.forget()
    assert lost.calls == 1, "nothing more is asked of a device that is gone"
    assert ended == [signal.SIGTERM]
    assert set(drafts.values_list("state", "attempts")) == {("queued", 0)}
    assert "unspecified launch failure" in process.me.trouble

    # A window that does so each time is what breaks the device, and is counted.
    shunned.clear()
    drafts.update(available_at=None, claim=20)
    try:
        draft_round()
    finally:
        shutdown.forget()
    assert ("queued", 1) in set(drafts.values_list("state", "attempts"))


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("CUDA failed with error unspecified launch failure", True),
        ("CUDA failed with error no CUDA-capable device is detected", True),
        ("cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED", True),
        ("CUDA failed with error out of memory", False),
        ("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED", False),
        ("Invalid input features shape", False),
    ],
)
def test_a_lost_device_is_told_from_other_failures(said: str, lost: bool) -> None:
    assert is_lost(RuntimeError(said)) is lost
