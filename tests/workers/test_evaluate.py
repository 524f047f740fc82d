"""Contexts are compared on texts by people, by real models, at once or in pieces, and the gate follows."""

from __future__ import annotations

import csv
import io
import json
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from faster_whisper.audio import decode_audio

from annotation import storage
from annotation.models import ContextGate, Decoding, Project, Segment
from annotation.services import gates, references
from annotation.services.models import card_of
from annotation.states import DecodingState, SegmentState, Source
from tests import services
from tests.factories import make_decoding, make_job, make_project, make_recording
from transcription.engines.base import WindowAudio
from transcription.text.metrics import ErrorCounts, count_errors, pool
from transcription.types import DecodingOptions
from workers import evaluate
from workers.engines import engines

pytestmark = pytest.mark.django_db

HELDOUT = services.ROOT / "tests" / "data" / "heldout"
MODEL = "demo-draft"
CLIPS = 10


def say(*args: str) -> str:
    out = io.StringIO()
    call_command("evaluate", *args, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


@pytest.fixture
def project(media_root: Path) -> Project:
    """Make a project whose people have corrected ten sentences that the demo models never met."""
    listed = json.loads((HELDOUT / "references.json").read_text("utf-8"))[:CLIPS]
    samples = [decode_audio(str(HELDOUT / entry["file"])) for entry in listed]
    project = make_project("Calls", draft_model=MODEL, refine_model=None)
    recording = make_recording(project, duration_ms=sum(len(s) // 16 for s in samples))
    path = storage.wav_path(recording.pk)
    path.parent.mkdir(parents=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((np.concatenate(samples) * 32767).astype("<i2").tobytes())
    at = 0
    for entry, clip in zip(listed, samples, strict=True):
        Segment.objects.create(
            project=project, recording=recording, start_ms=at, end_ms=at + len(clip) // 16,
            text=entry["text"], state=SegmentState.CORRECTED, source=Source.HUMAN, revision=2,
        )  # fmt: skip
        at += len(clip) // 16
    return project


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo model pass for one that was trained on 30 s, and few references for enough."""
    made = card_of(MODEL)
    assert made is not None
    card = replace(made, context="full")
    for module in ("gates", "references"):
        monkeypatch.setattr(f"annotation.services.{module}.card_of", lambda name: card)
        monkeypatch.setattr(f"annotation.services.{module}.MIN_REFERENCES", CLIPS)


def by_hand(project: Project, context: str) -> ErrorCounts:
    card = card_of(MODEL)
    assert card is not None
    options = replace(DecodingOptions(language="en", margin_ms=card.margin_ms), context=context)  # type: ignore[arg-type]
    rows = list(Segment.objects.filter(project=project).order_by("start_ms"))
    with wave.open(str(storage.wav_path(rows[0].recording_id))) as file:
        whole = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
    whole /= 32768
    audio = [WindowAudio(whole[16 * row.start_ms : 16 * row.end_ms]) for row in rows]
    heard = engines.get(MODEL).decode(audio, options)
    return pool(count_errors(row.text, found.text) for row, found in zip(rows, heard, strict=True))


def test_the_command_counts_the_errors_of_both_contexts_and_sets_the_gate(
    project: Project, stock: None
) -> None:
    said = say("--project", "Calls")
    gate = ContextGate.objects.get(project=project, model=MODEL)
    full, fit = by_hand(project, "full"), by_hand(project, "fit")
    assert (gate.references, gate.reference_words) == (CLIPS, full.reference_length)
    assert (gate.full_errors, gate.fit_errors) == (full.errors, fit.errors)
    assert gate.open is (fit.errors - full.errors <= 0.003 * full.reference_length)
    assert gate.reason in said
    assert f"{100 * (full.rate or 0):.2f} %" in said
    assert f"{full.substitutions:>7}{full.deletions:>7}{full.insertions:>7}" in said
    assert min(gate.full_ms, gate.fit_ms) > 0


def test_few_references_decide_nothing_and_a_dry_run_stores_nothing(project: Project) -> None:
    assert "Nothing was stored." in say("--project", "Calls", "--dry-run", "--most", "3")
    assert not ContextGate.objects.exists()
    assert "at least 200 are needed" in say("--project", "Calls", "--model", MODEL)
    assert not ContextGate.objects.get().open


def test_a_recording_that_is_gone_is_left_out(project: Project) -> None:
    lost = make_recording(project)
    Segment.objects.create(
        project=project, recording=lost, start_ms=0, end_ms=900, text="gone", revision=1,
        state=SegmentState.CORRECTED, source=Source.HUMAN,
    )  # fmt: skip
    say("--project", "Calls")
    assert ContextGate.objects.get().references == CLIPS


def test_a_check_in_pieces_finds_what_one_in_a_run_finds(
    project: Project, stock: None, redis_emptied: str
) -> None:
    rounds = 1
    while evaluate.evaluate_due(0.0):
        rounds += 1
        assert rounds < 20
    pieces = ContextGate.objects.get()
    straight = evaluate.evaluate_project(project, MODEL, lambda done, total: None)
    assert rounds == 2 + 1  # a step each, and one that finds all counted
    assert (pieces.full_errors, pieces.fit_errors) == (straight.full.errors, straight.fit.errors)
    assert pieces.references == straight.references
    assert references.due() == []


def test_people_who_wait_go_first_and_the_count_goes_on_afterwards(
    project: Project, stock: None, redis_emptied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = make_decoding(make_job(make_recording(project)), Segment.objects.all()[0])
    assert not evaluate.evaluate_due(60.0)
    assert not ContextGate.objects.exists()
    Decoding.objects.filter(pk=waiting.pk).update(state=DecodingState.CANCELLED)
    steps: list[int] = []
    real: Callable[..., None] = evaluate.Comparison.step

    def counted(self: evaluate.Comparison, *args: object) -> None:
        steps.append(self.at)
        real(self, *args)
        if len(steps) == 1:  # somebody uploads while the first step runs
            Decoding.objects.filter(pk=waiting.pk).update(state=DecodingState.QUEUED)

    monkeypatch.setattr(evaluate.Comparison, "step", counted)
    assert not evaluate.evaluate_due(60.0)
    assert not ContextGate.objects.exists()
    Decoding.objects.filter(pk=waiting.pk).update(state=DecodingState.CANCELLED)
    assert not evaluate.evaluate_due(60.0)
    assert steps == [0, evaluate.BATCH]
    assert ContextGate.objects.get().references == CLIPS


def test_a_gate_opened_by_evidence_is_closed_by_evidence(project: Project, stock: None) -> None:
    say("--project", "Calls")
    evaluation = evaluate.evaluate_project(project, MODEL, lambda done, total: None)
    worse = replace(evaluation, fit=evaluation.full + ErrorCounts(insertions=5))
    assert not gates.record_evaluation(project, worse).open
    better = replace(evaluation, fit=replace(evaluation.full, substitutions=0))
    assert gates.record_evaluation(project, better).open


def test_a_table_of_clips_needs_no_project(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    entry = json.loads((HELDOUT / "references.json").read_text("utf-8"))[0]
    (tmp_path / "clip.ogg").write_bytes((HELDOUT / entry["file"]).read_bytes())
    (tmp_path / "noise.wav").write_bytes(b"no audio at all")
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([["file", "transcript"], ["clip.ogg", entry["text"]], ["noise.wav", "nothing"]])
    said = say("--references", str(table), "--model", MODEL, "--language", "en")
    assert "over 1 clips" in said
    assert "left out: noise.wav" in said
    assert not ContextGate.objects.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name,text\na,b\n", "has no column file and no column transcript"),
        ("file,transcript\nmissing.wav,text\n", "there is no file 'missing.wav'"),
        ("file,transcript\n", "lists nothing"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, content: str, sentence: str
) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text(content)
    with pytest.raises(CommandError, match=sentence):
        say("--references", str(table), "--model", MODEL)
