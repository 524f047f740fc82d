"""Make media for the tests: sound by numpy, WAV headers that lie on demand, anything else by FFmpeg."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcription.ffmpeg import find_ffmpeg

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("EARMARK_CORPUS", ROOT.parent / "shared" / "corpus"))
HELDOUT = ROOT / "tests" / "data" / "heldout"
RATE = 16_000


def noise(milliseconds: int, dbfs: float, seed: int = 0) -> NDArray[np.int16]:
    """Make white noise of an RMS level."""
    generator = np.random.default_rng(seed)
    wave = generator.normal(0, 32768 * 10 ** (dbfs / 20), milliseconds * RATE // 1000)
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)


def tone(milliseconds: int, dbfs: float = -12.0, hertz: float = 440.0) -> NDArray[np.int16]:
    """Make a sine wave of an RMS level."""
    at = np.arange(milliseconds * RATE // 1000) / RATE
    peak = 32768 * 10 ** (dbfs / 20) * 2**0.5
    return np.clip(np.rint(peak * np.sin(2 * np.pi * hertz * at)), -32768, 32767).astype(np.int16)


def wav(data: bytes, **said: int) -> bytes:
    """Make a WAV file whose header says the truth but for what is given in `said`."""
    facts = {
        "tag": 1,
        "channels": 1,
        "rate": RATE,
        "bits": 16,
        "data_size": len(data),
        "riff_size": -1,
    } | said
    align = facts.get("align", facts["channels"] * facts["bits"] // 8)
    byte_rate = facts.get("byte_rate", facts["rate"] * align)
    riff = 36 + len(data) if facts["riff_size"] < 0 else facts["riff_size"]
    head = struct.pack("<4sI4s4sI", b"RIFF", riff & 0xFFFFFFFF, b"WAVE", b"fmt ", 16)
    head += struct.pack(
        "<HHIIHH",
        facts["tag"], facts["channels"], facts["rate"], byte_rate & 0xFFFFFFFF, align & 0xFFFF, facts["bits"],
    )  # fmt: skip
    return head + struct.pack("<4sI", b"data", facts["data_size"]) + data


def write_wav(path: Path, samples: NDArray[np.int16], rate: int = RATE) -> Path:
    """Write mono 16-bit samples."""
    path.write_bytes(wav(samples.astype("<i2").tobytes(), rate=rate))
    return path


def ffmpeg(*arguments: str | Path, stdin: bytes | None = None) -> None:
    """Run the real FFmpeg to make a file; fails the test with what it said."""
    done = subprocess.run(
        [
            str(find_ffmpeg()),
            "-v",
            "error",
            "-nostdin" if stdin is None else "-hide_banner",
            "-y",
            *map(str, arguments),
        ],
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def encode(path: Path, samples: NDArray[np.int16], *options: str | Path) -> Path:
    """Encode samples to whatever the name's ending says."""
    ffmpeg(
        "-f",
        "s16le",
        "-ar",
        str(RATE),
        "-ac",
        "1",
        "-i",
        "pipe:0",
        *options,
        path,
        stdin=samples.astype("<i2").tobytes(),
    )
    return path


def read_samples(path: Path) -> NDArray[np.int16]:
    """Read a prepared WAV's samples by Python's own wave module."""
    import wave

    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def manifest(folder: str) -> list[dict[str, Any]]:
    """Read a corpus folder's manifest; empty where the corpus is not there."""
    import csv

    path = CORPUS / folder / "manifest.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
