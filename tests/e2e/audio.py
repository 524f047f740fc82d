"""Sound for the browser: tones with pauses, so that a recording has segments."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path


def write_tones(path: Path, *, seconds: int = 8, pitch: float = 330.0) -> Path:
    """Write a 16 kHz WAV of tones of 1.4 s with 0.6 s of silence between them."""
    rate = 16_000
    frames = bytearray()
    for n in range(seconds * rate):
        loud = (n / rate) % 2.0 < 1.4
        value = int(9000 * math.sin(2 * math.pi * pitch * n / rate)) if loud else 0
        frames += struct.pack("<h", value)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(frames))
    return path


def place_audio(recording_id: int, *, seconds: int = 8) -> None:
    """Put a prepared WAV and its peaks where the site looks for them."""
    from annotation import storage
    from transcription.audio import prepare

    folder = storage.recording_dir(recording_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = write_tones(folder / "original", seconds=seconds)
    prepare(source, storage.wav_path(recording_id), storage.peaks_path(recording_id))
