"""The pipeline of a worker, in this process: whose windows are decoded when, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from annotation import storage
from annotation.models import Decoding, Hypothesis, Job, Project, Recording
from annotation.services import decodings
from annotation.services.turns import Turns
from annotation.states import LanguageScope, Pass, Priority
from tests import services
from tests.factories import make_decoding, make_job, make_project, make_recording, make_segment
from tests.workers.support import QUIET, tones
from transcription.engines.base import Ready, WindowAudio
from transcription.engines.fake import FakeEngine
from transcription.errors import EngineError
from transcription.types import DecodingOptions, Heard
from workers import pipeline, shutdown, transcribe
from workers.engines import engines
from workers.pipeline import Pipeline

BOTH = (Pass.DRAFT, Pass.REFINE)


class Watched(FakeEngine):
    """A fake engine that notes what it decodes, and lets the test do something while it does."""

    def __init__(self) -> None:
        super().__init__(name="watched")
        self.steps: list[list[int]] = []
        self.languages: list[str | None] = []
        self.detected: list[int] = []
        self.during: Callable[[int], object] = lambda step: None
        self.most = 100

    def decode_ready(self, ready: Ready) -> list[Heard]:
        if len(ready.windows) > self.most:
            raise EngineError("out_of_memory", "too many")
        self.steps.append([round(window.duration_ms) for window in ready.windows])
        self.languages += [window.language for window in ready.windows]
        self.during(len(self.steps))
        return super().decode_ready(ready)

    def detect_language(self, windows: Sequence[WindowAudio]) -> tuple[str, float]:
        self.detected.append(len(windows))
        return "de", 0.75


@pytest.fixture
def engine(
    committed_db: None, media_root: Path, redis_emptied: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watched]:
    made = Watched()
    monkeypatch.setattr(engines, "get", lambda model, on_download=None: made)
    monkeypatch.setattr(type(engines), "names", property(lambda self: ("demo-draft", "demo-refine", "small")))
    monkeypatch.setattr(engines, "held", lambda model: made)
    monkeypatch.setattr(pipeline, "_paces", {})
    monkeypatch.setattr(pipeline, "_turns", Turns())
    yield made
    shutdown.forget()


@pytest.fixture
def project(engine: Watched) -> Project:
    return make_project(refine_model=None)


def recorded(project: Project, windows: int, tmp_path: Path, *, length_ms: int = 1000, **values: Any) -> Job:
    """Queue windows over a recording whose audio is there; each length is its own, so steps can be told."""
    recording = make_recording(project, duration_ms=60_000)
    path = storage.wav_path(recording.pk)
    path.parent.mkdir(parents=True, exist_ok=True)
    tones(path, [QUIET] * 30, seed=recording.pk)
    job = make_job(recording)
    for number in range(windows):
        start = number * 1500
        segment = make_segment(project, recording=recording, start_ms=start, end_ms=start + length_ms)
        make_decoding(job, segment, **values)
    return job


def make_preparing(recording: Recording) -> None:
    """Put a recording back to where its preparation is: no table allows that, so as the owner of all."""
    with services.superuser() as database:
        database.execute("SET session_replication_role = replica")
        database.execute("UPDATE annotation_recording SET state = 'preparing' WHERE id = %s", [recording.pk])


def run(passes: Sequence[Pass] = BOTH) -> int:
    """Take steps until nothing is left; return how many."""
    steps = 0
    with Pipeline(passes, lambda found: None) as line:
        while line.step():
            steps += 1
    return steps


def test_everything_is_decoded_once_and_stored(project: Project, engine: Watched, tmp_path: Path) -> None:
    jobs = [recorded(project, 10, tmp_path, length_ms=700 + 10 * n) for n in range(3)]
    run()
    assert set(Decoding.objects.values_list("state", "attempts")) == {("done", 1)}
    assert Hypothesis.objects.count() == 30
    assert sum(map(len, engine.steps)) == 30
    assert engine.steps[0] == [700], "the pace is found out with one window"
    assert any(len(set(step)) > 1 for step in engine.steps), "batches cross recordings"
    for job in jobs:
        job.refresh_from_db()
        assert (job.state, job.processed_items) == ("completed", 10)


def test_a_person_who_comes_goes_before_the_batch_that_lies_ready(
    project: Project, engine: Watched, tmp_path: Path
) -> None:
    recorded(project, 12, tmp_path)

    def during(step: int) -> None:
        if step == 3:
            recorded(project, 1, tmp_path, length_ms=555, priority=Priority.PERSON)

    engine.during = during
    run()
    assert engine.steps[3] == [555], engine.steps
    assert set(Decoding.objects.values_list("state", "attempts")) == {("done", 1)}, "nobody paid for it"


def test_a_draft_that_comes_goes_before_refines_at_the_next_step(
    project: Project, engine: Watched, tmp_path: Path
) -> None:
    recorded(project, 12, tmp_path, pass_name=Pass.REFINE, model="demo-refine")

    def during(step: int) -> None:
        if step == 2:
            recorded(project, 1, tmp_path, length_ms=555)

    engine.during = during
    run()
    assert engine.steps[2] == [555], engine.steps


def test_a_flood_of_drafts_leaves_the_refines_their_share(
    project: Project, engine: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(project, 18, tmp_path, length_ms=500)
    recorded(project, 18, tmp_path, length_ms=600)
    recorded(project, 18, tmp_path, length_ms=900, pass_name=Pass.REFINE, model="demo-refine")
    monkeypatch.setattr(Pipeline, "_fit", lambda self, model: decodings.Fit(1))
    run()
    served = [step[0] for step in engine.steps]
    last_draft = max(index for index, length in enumerate(served) if length != 900)
    refined = served[:last_draft].count(900)
    assert refined >= 0.15 * last_draft, served
    assert served[:5].count(900) == 0, "and drafts are ahead"


def test_a_stop_hands_back_what_was_prepared_and_counts_no_attempt(
    project: Project, engine: Watched, tmp_path: Path
) -> None:
    recorded(project, 12, tmp_path)
    engine.during = lambda step: shutdown.ask() if step == 3 else None
    assert transcribe.transcribe_waiting(Pass.DRAFT, 60, lambda: None) is True
    done = sum(map(len, engine.steps))
    assert len(engine.steps) == 3
    assert Decoding.objects.filter(state="done", attempts=1).count() == done
    assert Decoding.objects.filter(state="queued", attempts=0).count() == 12 - done


def test_a_device_without_memory_halves_once_and_remembers(
    project: Project, engine: Watched, tmp_path: Path
) -> None:
    engine.most = 2
    recorded(project, 16, tmp_path)
    run()
    assert set(Decoding.objects.values_list("state", "attempts")) == {("done", 1)}
    assert max(map(len, engine.steps)) == 2


def test_the_language_of_a_recording_is_heard_once_and_used_for_all_its_windows(
    project: Project, engine: Watched, tmp_path: Path
) -> None:
    asked = DecodingOptions(language=None)
    values: dict[str, Any] = {"model": "small", "options": asked.to_json(), "options_digest": asked.digest()}
    recorded(project, 6, tmp_path, **values)
    given = DecodingOptions(language="fr")
    recorded(project, 2, tmp_path, model="small", options=given.to_json(), options_digest=given.digest())
    run()
    assert engine.detected == [3], "in the first three segments, once"
    assert engine.languages == ["de"] * 6 + [None] * 2, "and a language that is given needs no hearing"
    first, second = Recording.objects.order_by("pk")
    assert (first.detected_language, first.language_probability) == ("de", 0.75)
    assert second.detected_language == ""
    assert {
        h.signals["language_probability"] for h in Hypothesis.objects.filter(segment__recording=first)
    } == {0.75}


def test_where_segments_have_their_own_languages_none_is_heard_for_the_recording(
    project: Project, engine: Watched, tmp_path: Path
) -> None:
    Project.objects.update(language_scope=LanguageScope.SEGMENT)
    asked = DecodingOptions(language=None)
    recorded(project, 3, tmp_path, model="small", options=asked.to_json(), options_digest=asked.digest())
    run()
    assert engine.detected == []
    assert engine.languages == [None] * 3


def test_a_window_whose_audio_is_lost_fails_and_one_that_is_prepared_anew_waits(
    project: Project, engine: Watched, tmp_path: Path
) -> None:
    job = recorded(project, 2, tmp_path)
    recording = job.recording
    assert recording is not None
    storage.wav_path(recording.pk).unlink()
    run((Pass.DRAFT,))
    assert set(Decoding.objects.values_list("state", "cause_code", "attempts")) == {
        ("queued", "audio_missing", 1)
    }

    other = recorded(project, 2, tmp_path, length_ms=900)
    assert other.recording is not None
    storage.wav_path(other.recording.pk).unlink()
    make_preparing(other.recording)
    run((Pass.DRAFT,))
    assert set(other.decodings.values_list("state", "cause_code", "attempts")) == {
        ("queued", "not_decoded_yet", 0)
    }
