"""The prepared WAV as bytes: 16 kHz mono signed 16-bit with the plain 44-byte header. No numpy here.

A segment has no file of its own: its audio is a fresh header followed by a byte range of the recording's WAV.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from transcription.types import BYTES_PER_MS, BYTES_PER_SAMPLE, SAMPLE_RATE, SAMPLES_PER_MS

HEADER_BYTES: Final = 44
MAX_DATA_BYTES: Final = 0xFFFF_FFFF - 36
"""The most a RIFF size field can say: 37 hours at 16 kHz."""


def part_path(path: Path, tag: str) -> Path:
    """Name the unfinished file beside its final place: on the same file system, hidden.

    `tag` tells apart those who may be making it at once: letters, digits and dashes.
    """
    return path.with_name(f".{path.name}.{tag}.part")


def whole_path(part: Path) -> Path | None:
    """Give the final place of an unfinished file, or None where the name is not that of one."""
    if part.name.startswith(".") and part.name.endswith(".part"):
        return part.with_name(part.name[1:].rsplit(".", 2)[0])
    return None


def wav_header(data_bytes: int) -> bytes:
    """Build the 44-byte header of `data_bytes` of PCM. Raises ValueError outside 0..MAX_DATA_BYTES."""
    if not 0 <= data_bytes <= MAX_DATA_BYTES:
        raise ValueError(f"a WAV can't hold {data_bytes} bytes")
    byte_rate = SAMPLE_RATE * BYTES_PER_SAMPLE
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + data_bytes, b"WAVE",
        b"fmt ", 16, 1, 1, SAMPLE_RATE, byte_rate, BYTES_PER_SAMPLE, 8 * BYTES_PER_SAMPLE,
        b"data", data_bytes,
    )  # fmt: skip


def wav_byte_range(start_ms: int, end_ms: int, total_bytes: int) -> tuple[int, int]:
    """Give `(offset, length)` of `[start_ms, end_ms)` in a prepared WAV file of `total_bytes`, header
    included.

    Both ends are clamped to the file, so a span past its end has length 0. Raises ValueError where
    `start_ms > end_ms` or `start_ms < 0`.
    """
    if not 0 <= start_ms <= end_ms:
        raise ValueError(f"not a span: [{start_ms}, {end_ms})")
    data = max(0, total_bytes - HEADER_BYTES)
    start = min(start_ms * BYTES_PER_MS, data)
    end = min(end_ms * BYTES_PER_MS, data)
    end -= (end - start) % BYTES_PER_SAMPLE
    return HEADER_BYTES + start, end - start


def slice_wav(path: Path, start_ms: int, end_ms: int) -> bytes:
    """Read `[start_ms, end_ms)` as a playable WAV of its own. Memory is that of the span (32 kB a second)."""
    offset, length = wav_byte_range(start_ms, end_ms, path.stat().st_size)
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    return wav_header(len(data)) + data


def wav_duration_ms(total_bytes: int) -> int:
    """Give the length of a prepared WAV file from its size, rounded up so that no sample lies outside."""
    samples = max(0, total_bytes - HEADER_BYTES) // BYTES_PER_SAMPLE
    return -(-samples // SAMPLES_PER_MS)
