"""Callers of the API, inside the test's transaction."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import pytest

# Where this folder alone is run, pytest reads this file before pytest-django has set Django up.
django.setup()

from annotation import storage  # noqa: E402
from annotation.api import throttles  # noqa: E402
from annotation.models import Recording, Segment, User  # noqa: E402
from annotation.states import SegmentState  # noqa: E402
from tests.annotation.api.calling import Caller  # noqa: E402
from tests.factories import make_recording, make_segment  # noqa: E402
from tests.personas import Cast  # noqa: E402
from transcription.peaks import PeaksWriter  # noqa: E402
from transcription.wav import wav_header  # noqa: E402


@pytest.fixture(autouse=True)
def _fresh_counters(redis_emptied: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test run into the rate limits that another one used up, or into its loss of Redis."""
    monkeypatch.setattr(throttles._quiet, "until", 0.0)


@pytest.fixture
def call() -> Callable[[User | None], Caller]:
    """Return a maker of callers: `call(cast.annotator).get("/api/projects/")`."""
    return Caller


@pytest.fixture
def annotator(cast: Cast) -> Caller:
    return Caller(cast.annotator)


@pytest.fixture
def reviewer(cast: Cast) -> Caller:
    return Caller(cast.reviewer)


@pytest.fixture
def manager(cast: Cast) -> Caller:
    return Caller(cast.manager)


@pytest.fixture
def outsider(cast: Cast) -> Caller:
    return Caller(cast.outsider)


@pytest.fixture
def recording(cast: Cast) -> Recording:
    return make_recording(cast.project, name="talk.wav", duration_ms=10_000)


@pytest.fixture
def segment(cast: Cast, recording: Recording) -> Segment:
    return make_segment(
        cast.project,
        recording=recording,
        start_ms=1000,
        end_ms=3000,
        text="machine text",
        revision=1,
        source="draft",
        state=SegmentState.DRAFT,
    )


@pytest.fixture
def with_files(recording: Recording, media_root: Path) -> Recording:
    """Return a recording of ten seconds whose sample number i has the value i modulo 30000."""
    write_files(recording)
    return recording


def write_files(recording: Recording, *, original: bytes = b"the original bytes") -> None:
    """Put the files of a prepared recording where they belong."""
    folder = storage.recording_dir(recording.pk)
    folder.mkdir(parents=True, exist_ok=True)
    samples = struct.pack("<160000h", *(i % 30000 for i in range(160_000)))
    storage.wav_path(recording.pk).write_bytes(wav_header(len(samples)) + samples)
    storage.original_path(recording.pk).write_bytes(original)
    with PeaksWriter(storage.peaks_path(recording.pk)) as writer:
        fine: Any = struct.pack("<2000b", *([-1, 1] * 1000))
        writer.add(fine, struct.pack("<200b", *([-1, 1] * 100)))
        writer.finish(160_000)
