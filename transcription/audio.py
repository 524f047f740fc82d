"""Prepare a recording: one FFmpeg pass gives the WAV, the peaks, the silence map and the facts about the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from transcription.types import MediaLimits, Prepared


def prepare(
    source: Path,
    wav_path: Path,
    peaks_path: Path,
    *,
    limits: MediaLimits = MediaLimits(),
    on_progress: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    ffmpeg: Path | None = None,
) -> Prepared:
    """Decode `source` to a 16 kHz mono WAV and a peaks file, in one pass and in constant memory.

    `on_progress` is given whole percents, rising, at most 99 before the end and 100 at the end. `should_stop` is asked about
    every second of wall time. `ffmpeg` is the binary to use instead of the bundled one.

    Both files appear complete or not at all. Raises MediaRejected (the file's fault), Stopped,
    DecoderUnavailable (the installation's fault), OSError (disk full, unreadable).
    """
    raise NotImplementedError
