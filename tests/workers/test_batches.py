"""What is read of a window: long pauses stay out, and words come back to where they were said."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from annotation import storage
from annotation.services import decodings
from annotation.services.decodings import Fit
from annotation.states import Pass
from tests.factories import make_job, make_recording, make_segment
from tests.personas import Cast
from transcription.types import Heard, Signals, Word
from workers import batches

pytestmark = pytest.mark.django_db

SIGNALS = Signals(-0.2, 0.01, 1.2, 0.0, "en", 1.0, 4)


def _wav(path: Path, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())


def test_a_long_pause_is_not_decoded_and_its_words_keep_their_times(cast: Cast, media_root: Path) -> None:
    cast.project.draft_model, cast.project.refine_model = "small.en", None
    cast.project.save()
    recording = make_recording(cast.project, duration_ms=14_000)
    first, last = (0, 3_000), (9_000, 14_000)
    for start_ms, end_ms in (first, last):
        make_segment(cast.project, recording=recording, start_ms=start_ms, end_ms=end_ms)
    # Each sample says which second it is of.
    _wav(storage.wav_path(recording.pk), np.repeat(np.arange(1, 15, dtype=np.int16) * 1000, 16_000))
    decodings.plan(job=make_job(recording), recording=recording)
    batch = decodings.claim_batch(passes=(Pass.DRAFT,), worker="w", fit=Fit(8))
    assert batch is not None
    (claimed,) = batch.decodings
    assert (claimed.start_ms, claimed.end_ms) == (0, 14_000), "both are one window"

    made = batches.read(batch)
    ((_, audio),) = made.windows
    assert audio.duration_ms == 9_000, "half a second is kept at each side of the pause"
    seconds = np.rint(audio.samples[::16_000] * 32.768).astype(int)
    assert seconds.tolist() == [1, 2, 3, 4, 10, 11, 12, 13, 14], "the middle of the pause is left out"

    words = (Word(500, 900, " before", 0.9), Word(4_200, 4_600, " after", 0.9))
    placed = batches.placed_in_window(made, claimed, Heard("before after", words, SIGNALS))
    assert [(w.text, w.start_ms, w.end_ms) for w in placed.words] == [
        (" before", 500, 900),
        (" after", 9_200, 9_600),
    ]
