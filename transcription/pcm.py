"""Read samples of a prepared WAV for an engine. For workers: this module needs numpy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from transcription.types import Span
from transcription.wav import wav_byte_range

if TYPE_CHECKING:
    from transcription.engines.base import Samples


def read_pcm(path: Path, span: Span) -> Samples:
    """Read `span` of a prepared WAV as float32 in -1..1, shape `(n,)`. Past the end of the file there is
    nothing.

    Costs 0.2 ms for 30 s of audio; memory is that of the span (64 kB a second).
    """
    offset, length = wav_byte_range(span.start_ms, span.end_ms, path.stat().st_size)
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    samples: Samples = np.frombuffer(data, dtype="<i2").astype(np.float32)
    samples /= 32768.0
    return samples
