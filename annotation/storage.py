"""Where files lie. Names are made here from ids alone; a client's name is data and never a path."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final
from uuid import UUID

from annotation.conf import conf
from transcription.wav import part_path

ORIGINAL: Final = "original"
WAV: Final = "audio.wav"
PEAKS: Final = "peaks.bin"


def recording_dir(recording_id: int) -> Path:
    """Return the folder of one recording, whether or not it exists."""
    return conf().media_root / "recordings" / str(recording_id)


def original_path(recording_id: int) -> Path:
    """Return where the uploaded bytes of a recording lie."""
    return recording_dir(recording_id) / ORIGINAL


def wav_path(recording_id: int, channel: int = 0) -> Path:
    """Return where the 16 kHz mono WAV of a recording lies; of one channel where they are heard apart.

    Channel 0 is the mix that people hear as the whole; the channels of a stereo call are 1 and 2.
    """
    return recording_dir(recording_id) / (WAV if channel == 0 else f"channel-{channel}.wav")


def readable_wav(recording_id: int, channel: int = 0) -> Path:
    """Return where the samples decoded so far can be read, while the recording is still being prepared.

    A preparation that was killed leaves its unfinished file until the next one has come further.
    """
    whole = wav_path(recording_id, channel)
    if whole.exists():
        return whole
    return max(whole.parent.glob(part_path(whole, "*").name), key=_size, default=whole)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def peaks_path(recording_id: int) -> Path:
    """Return where the waveform peaks of a recording lie."""
    return recording_dir(recording_id) / PEAKS


def upload_path(upload_id: UUID) -> Path:
    """Return where the bytes of an unfinished upload lie."""
    return conf().media_root / "uploads" / upload_id.hex


def export_path(export_id: int) -> Path:
    """Return where the file of an export lies."""
    return conf().media_root / "exports" / str(export_id)


def free_bytes() -> int:
    """Return the free space of the media disk, for people who are not root."""
    root = conf().media_root
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return shutil.disk_usage(root).free


def sync_directory(path: Path) -> None:
    """Make a rename inside `path` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
