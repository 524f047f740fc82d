"""A project worth exporting, and its exports made as a worker makes them."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from annotation import storage
from annotation.models import Export, ExportedFile, Hypothesis, Recording, Segment
from annotation.services import exports, filejobs
from annotation.states import SegmentState
from tests.factories import make_decoding, make_job, make_recording, make_segment
from tests.personas import Cast
from transcription.wav import wav_header

TEXTS: Final = (
    "=1+1",
    "007 leading zeros",
    "مرحبا بالعالم",
    "שלום עולם",
    "สวัสดีครับ",
    "日本語と中文、한국어",
    "👩‍👩‍👧 emoji 😀",
    "e\u0301 combining \u0928\u093f",
    'she said "hi" & <left> {back} \\N C:\\new',
    "two\nlines",
)
"""A text for each second of a recording; what breaks careless writers is among them."""


def make_sound(recording: Recording, channel: int = 0) -> bytes:
    """Put a WAV behind a recording, in which each second sounds different."""
    assert recording.duration_ms is not None
    count = recording.duration_ms * 16
    samples = (np.arange(count) // 16_000 * 100 + np.arange(count) % 50).astype("<i2").tobytes()
    path = storage.wav_path(recording.pk, channel)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_header(len(samples)) + samples)
    storage.original_path(recording.pk).write_bytes(b"as it came: " + recording.name.encode())
    return samples


def make_rows(
    cast: Cast, recording: Recording, texts: tuple[str, ...] = TEXTS, **values: Any
) -> list[Segment]:
    """Give a recording a corrected segment for each text, a second each, with what a machine heard."""
    job = make_job(recording)
    segments = []
    for number, text in enumerate(texts):
        segment = make_segment(
            cast.project,
            recording=recording,
            **{
                "start_ms": number * 1000,
                "text": text,
                "revision": 1,
                "source": "human",
                "state": SegmentState.CORRECTED,
                "annotator": cast.annotator,
                "speaker": f"speaker {number % 3}" if number % 4 else "",
                **values,
            },
        )
        Hypothesis.objects.create(
            decoding=make_decoding(job, segment, state="done"),
            segment=segment,
            pass_name="draft",
            model="demo-draft",
            text=f"heard {number}",
            words=[
                [number * 1000 + 100, number * 1000 + 400, " heard", 0.75],
                [number * 1000 + 400, number * 1000 + 900, f" {number}", 0.5],
            ],
            signals={"avg_logprob": -0.25},
        )
        segments.append(segment)
    return segments


def make_dataset(cast: Cast) -> list[Recording]:
    """Make recordings with sound and corrected rows; two names differ in their ending alone."""
    names = ("talk one.wav", "talk one.mp3", "שיחה.ogg")
    recordings = [make_recording(cast.project, name=name) for name in names]
    for recording in recordings:
        make_sound(recording)
        make_rows(cast, recording)
    return recordings


def make_version(cast: Cast, form: str, **asked: Any) -> Export:
    """Ask for an export and do its job."""
    export = exports.request(user=cast.manager, project=cast.project, form=form, **asked)
    run_job()
    return Export.objects.get(pk=export.pk)


def run_job() -> None:
    """Claim the next file job and do it."""
    claimed = filejobs.claim_next(worker="test")
    assert claimed is not None
    exports.run(claimed, lambda done, total, phase="", failed=0: None)
    assert filejobs.finish(claimed)


def written(export: Export) -> ExportedFile:
    """Return what was written of an export."""
    return ExportedFile.objects.get(export=export)


def content(export: Export) -> bytes:
    """Return the file of an export."""
    return storage.export_path(export.pk).read_bytes()


def opened(export: Export) -> zipfile.ZipFile:
    """Open the archive of an export."""
    return zipfile.ZipFile(BytesIO(content(export)))


def unpacked(export: Export, folder: Path) -> Path:
    """Unpack the archive of an export."""
    opened(export).extractall(folder)
    return folder
