"""A recording is prepared while its first segments are decoded already, and again after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection

from annotation import storage
from annotation.models import Decoding, Recording, Segment
from annotation.services import recordings
from annotation.services.claims import claim_batch
from annotation.services.decodings import Fit
from annotation.states import Pass, RecordingState
from tests.transcription import media
from tests.workers.support import QUIET, make_team, tones, upload
from transcription.pcm import read_pcm
from transcription.types import Span
from workers import prepare, shutdown
from workers.shunned import shunned

pytestmark = [pytest.mark.usefixtures("committed_db", "media_root")]


class Killed(BaseException):
    """Stand for the signal that no code of ours sees."""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store whenever something is certain; forget what another test left."""
    monkeypatch.setattr(prepare, "STORE_EVERY_S", 0.0)
    shutdown.forget()
    shunned.clear()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return two and a half minutes of tones."""
    path = tmp_path / "tones.wav"
    tones(path, [QUIET] * 85, seed=11)
    return path


def spans_of(recording: Recording) -> list[tuple[int, int, int]]:
    rows = Segment.objects.filter(recording=recording).order_by("channel", "start_ms")
    return list(rows.values_list("channel", "start_ms", "end_ms"))


def after_each_store(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> list[int]:
    """Call `act` with the number of each store, after it."""
    stores: list[int] = []
    store = recordings.add_segments

    def storing(*arguments: Any, **named: Any) -> bool:
        done = store(*arguments, **named)
        stores.append(len(stores) + 1)
        act(stores[-1])
        return done

    monkeypatch.setattr(recordings, "add_segments", storing)
    return stores


def test_the_first_windows_are_claimed_and_read_while_the_file_is_decoded(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, manager = make_team()
    recording, _ = upload(project, manager, source)
    samples = media.read_samples(source)
    read = 0

    def look(number: int) -> None:
        nonlocal read
        recording.refresh_from_db()
        assert recording.state == RecordingState.PREPARING
        batch = claim_batch(passes=(Pass.DRAFT,), worker="w", fit=Fit(4))
        assert batch is not None
        for claimed in batch.decodings:
            span = Span(claimed.start_ms, claimed.end_ms)
            heard = read_pcm(storage.readable_wav(recording.pk, claimed.channel), span)
            assert np.array_equal(heard, samples[span.start_ms * 16 : span.end_ms * 16] / np.float32(32768))
            read += 1

    stores = after_each_store(monkeypatch, look)
    prepare.prepare_waiting(60, lambda: None)
    recording.refresh_from_db()
    assert recording.state == RecordingState.READY
    assert len(stores) >= 3
    assert read >= len(stores)
    assert recording.settled_ms == recording.duration_ms


@pytest.mark.parametrize("kill_at", [1, 3])
def test_a_preparation_that_is_killed_and_done_again_gives_the_same_rows(
    source: Path, kill_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, manager = make_team()
    straight, _ = upload(project, manager, source)
    prepare.prepare_waiting(60, lambda: None)
    other, manager = make_team()
    recording, _ = upload(other, manager, source)
    aside = tmp_path / "aside"

    def kill(number: int) -> None:
        if number == kill_at:
            # What a signal leaves on the disk, and an exception does not.
            (part,) = storage.recording_dir(recording.pk).glob(".audio.wav.*.part")
            shutil.copyfile(part, aside)
            raise Killed

    with monkeypatch.context() as patched:
        after_each_store(patched, kill)
        with pytest.raises(Killed):
            prepare.prepare_waiting(60, lambda: None)
    shutil.copyfile(aside, storage.recording_dir(recording.pk) / ".audio.wav.claim-1.part")
    before = set(Segment.objects.filter(recording=recording).values_list("pk", flat=True))
    assert before
    with connection.cursor() as cursor:
        cursor.execute("UPDATE annotation_recording SET claim_expires_at = '2000-01-01'")
    assert recordings.reclaim_expired() >= 1
    first = Decoding.objects.filter(recording=recording).earliest("start_ms")
    assert len(read_pcm(storage.readable_wav(recording.pk), Span(first.start_ms, first.end_ms)))

    def still_there(number: int) -> None:
        span = Span(first.start_ms, first.end_ms)
        assert len(read_pcm(storage.readable_wav(recording.pk), span)), "windows of before are read meanwhile"

    after_each_store(monkeypatch, still_there)
    prepare.prepare_waiting(60, lambda: None)
    recording.refresh_from_db()
    assert recording.state == RecordingState.READY
    assert spans_of(recording) == spans_of(straight)
    assert before <= set(Segment.objects.filter(recording=recording).values_list("pk", flat=True))
    assert not Segment.everything.filter(recording=recording).exclude(retired_at=None).exists()
    assert not list(storage.recording_dir(recording.pk).glob(".*.part"))
    straight.refresh_from_db()
    assert recording.wav_sha256 == straight.wav_sha256


def test_a_file_that_breaks_half_way_is_refused_and_takes_its_segments_back(
    source: Path, settings: Any
) -> None:
    import dataclasses

    settings.EARMARK = dataclasses.replace(settings.EARMARK, max_duration_s=140)
    project, manager = make_team()
    recording, job = upload(project, manager, source)
    prepare.prepare_waiting(60, lambda: None)
    recording.refresh_from_db()
    job.refresh_from_db()
    assert (recording.state, recording.cause_code, job.state) == ("rejected", "too_long", "failed")
    assert spans_of(recording) == []
    assert Segment.everything.filter(recording=recording).exists()
    assert not Decoding.objects.filter(recording=recording, state="queued").exists()
