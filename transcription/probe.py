"""Tell in a moment whether a file can be decoded, and about how long it is, before anybody waits for it."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from transcription.errors import MediaRejected
from transcription.types import MediaLimits

HEARD_MS: Final = 1_000
"""So much is decoded of what is no plain WAV."""


@dataclass(frozen=True, slots=True)
class Probed:
    """Tell the length of a file in milliseconds: `exact`, or as its header claims; None = it does not say."""

    duration_ms: int | None
    exact: bool


def probe(path: Path, *, limits: MediaLimits | None = None, ffmpeg: Path | None = None) -> Probed:
    """Look at the header of a plain WAV (microseconds), or decode a second of anything else (0.1 s).

    Raises MediaRejected with the reason, DecoderUnavailable where FFmpeg is missing, OSError.
    """
    with path.open("rb", buffering=0) as file:
        exact = _wav_ms(file)
        if exact is not None:
            return Probed(exact, exact=True)
        from transcription import ffmpeg as caged

        bounds = replace(limits or MediaLimits(), max_duration_ms=HEARD_MS, free_output_bytes=1 << 20)
        heard = 0
        try:
            with caged.Decoder(file, binary=caged.find_ffmpeg(ffmpeg), limits=bounds) as decoder:
                for block in decoder.blocks(bytearray(1 << 16)):
                    heard += len(block)
                claimed = decoder.log.claimed_ms
                decoder.outcome()
        except MediaRejected as error:
            if error.code not in ("too_long", "too_large_output"):
                raise
            return Probed(decoder.log.claimed_ms, exact=False)
        if not heard:
            raise MediaRejected(
                "no_audio_decoded", "No sound could be decoded from it: it is no audio, or damaged.", ""
            )
        return Probed(claimed, exact=False)


def _wav_ms(file: IO[bytes]) -> int | None:
    """Return the length of a plain PCM WAV whose header and size agree; None for whatever else it is."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    rate = width = 0
    at = 12
    for _ in range(32):
        file.seek(at)
        chunk = file.read(8)
        if len(chunk) < 8:
            return None
        name, length = struct.unpack("<4sI", chunk)
        if name == b"fmt ":
            values = file.read(16)
            if len(values) < 16:
                return None
            kind, channels, rate, _, width, bits = struct.unpack("<HHIIHH", values)
            plausible = kind == 1 and channels in (1, 2) and bits in (8, 16, 24, 32)
            if not (plausible and 4_000 <= rate <= 192_000 and width == channels * bits // 8):
                return None
        elif name == b"data":
            if not rate or not width or length < width or at + 8 + length > size:
                return None
            return int(length // width * 1000 // rate)
        at += 8 + length + (length & 1)
    return None
