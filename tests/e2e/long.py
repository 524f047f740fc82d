"""Long recordings without long work: rows written in bulk, peaks and sound made up."""

from __future__ import annotations

import struct
from array import array
from typing import Final

from annotation import storage
from annotation.models import Project, Recording, Revision, Segment
from tests.factories import make_job, make_recording
from transcription.peaks import PeaksWriter

HOUR_MS: Final = 3_600_000
SPEAKERS: Final = ("A", "B", "C")


def make_long(project: Project, rows: int, duration_ms: int, *, name: str = "long.wav") -> Recording:
    """Make a recording with `rows` drafts spread evenly, its peaks, and a WAV that takes no room on disk."""
    recording = make_recording(project, name=name, duration_ms=duration_ms)
    make_job(recording, state="completed")
    each = duration_ms // rows
    Segment.objects.bulk_create(
        (
            Segment(
                project=project,
                recording=recording,
                start_ms=n * each,
                end_ms=n * each + min(each - 20, 6_000),
                text=f"this is row {n} of a long recording",
                revision=1,
                state="draft",
                source="draft",
                speaker=SPEAKERS[n % 3],
                risk=n * 37 % 100 / 100,
            )
            for n in range(rows)
        ),
        batch_size=1_000,
    )
    made = Segment.objects.filter(recording=recording).only("id", "text")
    Revision.objects.bulk_create(
        (Revision(segment=one, number=1, base=0, text=one.text, source="draft") for one in made),
        batch_size=1_000,
    )
    place_sparse(recording.pk, duration_ms)
    return recording


def place_sparse(recording_id: int, duration_ms: int) -> None:
    """Put a silent WAV with holes for samples, and peaks that go up and down, where the site looks."""
    folder = storage.recording_dir(recording_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    samples = duration_ms * 16
    head = struct.pack("<4sI4s", b"RIFF", 36 + 2 * samples, b"WAVE")
    head += struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16, b"data", 2 * samples)
    with storage.wav_path(recording_id).open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 2 * samples)
    second = array("b")
    for step in range(100):
        second.extend((-(step % 60), step % 60))
    tenths = array("b")
    for step in range(0, 100, 10):
        tenths.extend((-(step % 60 + 9), step % 60 + 9))
    with PeaksWriter(storage.peaks_path(recording_id)) as writer:
        for _ in range(duration_ms // 1_000):
            writer.add(second.tobytes(), tenths.tobytes())
        writer.finish(samples)
