"""Recordings go through real FFmpeg, real workers and real CTranslate2 models to rows in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import pytest

from annotation.models import AuditEvent, Decoding, Hypothesis, Job, Recording, Segment
from annotation.states import LIVE_JOBS, JobState, RecordingState, SegmentState
from tests import services
from tests.waiting import until
from tests.workers.support import FAST, make_team, standing, upload, wait_over

HELD_OUT = services.ROOT / "tests" / "data" / "heldout"

Start = Callable[..., services.Running]


def normal(text: str) -> str:
    """Return lower-case words without punctuation."""
    return " ".join("".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split())


def test_held_out_sentences_are_transcribed_by_both_passes(
    committed_db: None, media_root: Path, worker_process: Start
) -> None:
    project, manager = make_team(segment_target_ms=4000, segment_max_ms=8000)
    references: list[dict[str, Any]] = json.loads((HELD_OUT / "references.json").read_text())
    wanted = {r["file"]: r["text"] for r in references}
    for file in wanted:
        upload(project, manager, HELD_OUT / file)

    worker_process("audio,draft,refine,control")
    wait_over()

    assert set(Job.objects.values_list("state", flat=True)) == {JobState.COMPLETED}, standing()
    heard = {}
    for recording in Recording.objects.prefetch_related("segments"):
        segments = sorted(recording.segments.all(), key=lambda s: s.start_ms)
        assert {s.state for s in segments} == {SegmentState.REFINED}
        heard[recording.name] = " ".join(s.text for s in segments)
    pairs = [(normal(wanted[file]), normal(heard[file])) for file in wanted]
    refined = jiwer.wer([p[0] for p in pairs], [p[1] for p in pairs])
    assert refined <= 0.10
    drafts = [
        normal(
            " ".join(
                Hypothesis.objects.filter(segment__recording__name=file, pass_name="draft")
                .order_by("segment__start_ms")
                .values_list("text", flat=True)
            )
        )
        for file in wanted
    ]
    draft = jiwer.wer([p[0] for p in pairs], drafts)
    assert draft > refined, "the second pass should be the better one"
    named = AuditEvent.objects.filter(table_name="annotation_segment").values_list("actor_name", "source")
    assert named
    assert all(name.startswith("worker ") and source == "worker" for name, source in named if source)


@pytest.mark.corpus
def test_a_human_recording_goes_all_the_way(
    committed_db: None, media_root: Path, corpus: Path, worker_process: Start
) -> None:
    project, manager = make_team(segment_target_ms=4000, segment_max_ms=8000)
    recording, job = upload(project, manager, corpus / "speech" / "jfk.flac")

    worker_process("audio,draft,refine,control")
    wait_over()

    job.refresh_from_db()
    recording.refresh_from_db()
    assert job.state == JobState.COMPLETED, standing()
    assert recording.state == RecordingState.READY
    assert abs((recording.duration_ms or 0) - 11_000) < 50
    segments = Segment.objects.filter(recording=recording).order_by("start_ms")
    assert segments.count() >= 2
    assert all(s.revision == 2 and s.hypotheses.count() == 2 for s in segments)
    assert all(s.end_ms - s.start_ms <= 8000 for s in segments)


def test_a_file_that_is_no_audio_is_rejected_and_the_next_one_goes_on(
    committed_db: None, media_root: Path, tmp_path: Path, worker_process: Start
) -> None:
    project, manager = make_team(segment_target_ms=4000, segment_max_ms=8000)
    text = tmp_path / "notes.wav"
    text.write_text("this is not audio " * 50)
    bad, bad_job = upload(project, manager, text)
    _, good_job = upload(project, manager, HELD_OUT / "000.ogg")

    worker_process("audio,draft,refine,control")
    wait_over()

    bad.refresh_from_db()
    bad_job.refresh_from_db()
    good_job.refresh_from_db()
    assert (bad.state, bad_job.state) == (RecordingState.REJECTED, JobState.FAILED)
    assert bad_job.error_code == "not_media"
    assert "not an audio or video file" in bad_job.error
    assert good_job.state == JobState.COMPLETED


def test_a_model_that_cannot_be_had_fails_with_the_way_out_and_others_go_on(
    committed_db: None, media_root: Path, worker_process: Start
) -> None:
    lacking, manager = make_team(draft_model="large-v3", refine_model=None)
    _, lacking_job = upload(lacking, manager, HELD_OUT / "000.ogg")
    healthy, other = make_team(refine_model=None, segment_target_ms=4000, segment_max_ms=8000)
    _, healthy_job = upload(healthy, other, HELD_OUT / "001.ogg")

    worker_process("audio,draft,refine,control", EARMARK_MODEL_DOWNLOADS="false")
    wait_over()

    lacking_job.refresh_from_db()
    healthy_job.refresh_from_db()
    assert healthy_job.state == JobState.COMPLETED, standing()
    assert lacking_job.state == JobState.FAILED
    assert lacking_job.error_code == "model_missing"
    assert "EARMARK_MODELS_DIR" in lacking_job.error
    assert "copy" in lacking_job.error


@pytest.mark.slow
@pytest.mark.faults
def test_a_run_that_was_killed_gives_the_rows_of_a_straight_run(
    committed_db: None, media_root: Path, worker_process: Start
) -> None:
    references: list[dict[str, Any]] = json.loads((HELD_OUT / "references.json").read_text())
    files = [r["file"] for r in references][:10]

    def rows(project: Any) -> list[tuple[Any, ...]]:
        found = Hypothesis.objects.filter(segment__project=project).order_by(
            "segment__recording__name", "segment__start_ms", "pass_name"
        )
        return list(
            found.values_list(
                "segment__recording__name", "segment__start_ms", "segment__end_ms", "pass_name", "text",
                "segment__text", "segment__revision", "changes",
            )
        )  # fmt: skip

    straight, manager = make_team(segment_target_ms=4000, segment_max_ms=8000)
    for file in files:
        upload(straight, manager, HELD_OUT / file)
    worker = worker_process("audio,draft,refine,control", **FAST)
    wait_over()
    worker.stop()

    killed, manager = make_team(segment_target_ms=4000, segment_max_ms=8000)
    for file in files:
        upload(killed, manager, HELD_OUT / file)
    done = Decoding.objects.filter(project=killed, state="done")
    kills = 0
    for more in (2, 8, 14):  # in the middle of the work, three times
        worker = worker_process("audio,draft,refine,control", EARMARK_MAX_ATTEMPTS="10", **FAST)
        until(lambda n=more: done.count() >= n, standing)  # type: ignore[misc]
        assert Job.objects.filter(project=killed, state__in=LIVE_JOBS).exists(), "killed too late to matter"
        worker.kill()
        kills += 1
    worker_process("audio,draft,refine,control", EARMARK_MAX_ATTEMPTS="10", **FAST)
    wait_over()

    assert kills == 3
    assert set(Job.objects.values_list("state", flat=True)) == {JobState.COMPLETED}, standing()
    assert rows(killed) == rows(straight)
