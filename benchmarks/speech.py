"""Speech with known words, made at run time from what is there: human clips, or the repository's own.

Long recordings are clips one after another with the pauses of somebody reading aloud, in a room that is not
quite silent. A clip that comes again comes at another loudness and after another pause.
"""

from __future__ import annotations

import csv
import json
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from faster_whisper.audio import decode_audio
from numpy.typing import NDArray

from transcription.ffmpeg import find_ffmpeg
from transcription.text.metrics import ErrorCounts, count_errors, pool
from transcription.types import SAMPLE_RATE

ROOT: Final = Path(__file__).resolve().parent.parent
HELD_OUT: Final = ROOT / "tests" / "data" / "heldout"

HUMAN: Final = (
    "lj001-",
    "lj002-",
    "jfk.flac",
    "libri-",
    "leopard-en",
    "cheetah-en.",
    "ds-arctic",
    "sb-spk",
    "ps-austen",
)
"""Names of the corpus's clips that are one English voice whose transcript is word for word begin so."""
CLIP_S: Final = (3.5, 7.2)
"""Which clips count as being of about five seconds."""
ROOM: Final = 0.0004
"""Noise of the room, -68 dBFS: no pause of a real recording is digital silence."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One clip or recording on disk and what is said in it."""

    path: Path
    text: str
    duration_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    name: str
    samples: Samples
    text: str

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE


class Speech:
    """Make clips and recordings of known words in `folder`; `corpus` is the shared corpus or None."""

    def __init__(self, folder: Path, corpus: Path | None) -> None:
        self._folder = folder
        self._clips = _human(corpus) if corpus is not None else _of_the_repository()
        self.origin = (
            f"{len(self._clips)} human clips of the shared corpus"
            if corpus is not None
            else f"the repository's {len(self._clips)} synthetic sentences"
        )

    def recording(self, seconds: int, *, seed: int = 1) -> Spoken:
        """Make an MP3 of `seconds` (44.1 kHz stereo, 128 kbit/s, as players record) from the clips."""
        rng = np.random.default_rng(seed)
        samples = np.zeros(seconds * SAMPLE_RATE, np.float32)
        said: list[str] = []
        at = int(0.4 * SAMPLE_RATE)
        while True:
            # The book is read in its order, with the other voices in between.
            for clip in self._clips:
                if at + len(clip.samples) > len(samples):
                    break
                samples[at : at + len(clip.samples)] += clip.samples * np.float32(rng.uniform(0.6, 1.0))
                said.append(clip.text)
                pause_s = 2.6 if len(said) % 14 == 0 else rng.uniform(0.3, 1.2)
                at += len(clip.samples) + int(pause_s * SAMPLE_RATE)
            else:
                continue
            break
        samples += rng.normal(0.0, ROOM, len(samples)).astype(np.float32)
        path = self._folder / f"recording-{seconds}-{seed}.mp3"
        _encode(samples, path, ("-ac", "2", "-ar", "44100", "-b:a", "128k"))
        return Spoken(path, " ".join(said), float(seconds))

    def short(self, count: int, *, seed: int = 2) -> list[Spoken]:
        """Make `count` WAV clips of about five seconds at 16 kHz, no two of the same bytes."""
        rng = np.random.default_rng(seed)
        low, high = CLIP_S
        chosen = [clip for clip in self._clips if low <= clip.duration_s <= high]
        made = []
        for number in range(count):
            clip = chosen[number % len(chosen)]
            lead = np.zeros(int(rng.uniform(0.05, 0.25) * SAMPLE_RATE), np.float32)
            samples = np.concatenate([lead, clip.samples * np.float32(rng.uniform(0.6, 1.0))])
            samples += rng.normal(0.0, ROOM, len(samples)).astype(np.float32)
            path = self._folder / f"clip-{seed}-{number:03}.wav"
            _write_wav(path, samples)
            made.append(Spoken(path, clip.text, len(samples) / SAMPLE_RATE))
        return made


def errors(references: list[str], texts: list[str]) -> ErrorCounts:
    """Count the errors of texts against their references, pooled."""
    return pool(count_errors(*pair) for pair in zip(references, texts, strict=True))


def wer(references: list[str], texts: list[str]) -> float | None:
    """Return the word error rate of texts against their references, pooled over all words."""
    return errors(references, texts).rate


def find_corpus(configured: str) -> Path | None:
    """Return the shared corpus where it is there and holds speech."""
    path = Path(configured)
    return path if (path / "speech" / "manifest.csv").is_file() else None


def _human(corpus: Path) -> list[_Clip]:
    with (corpus / "speech" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith(HUMAN)]
    return [
        _Clip(row["file"], _load(corpus / "speech" / row["file"]), row["transcript"])
        for row in sorted(rows, key=lambda row: row["file"])
    ]


def _of_the_repository() -> list[_Clip]:
    references = json.loads((HELD_OUT / "references.json").read_text("utf-8"))
    return [_Clip(r["file"], _load(HELD_OUT / r["file"]), r["text"]) for r in references]


def _load(path: Path) -> Samples:
    samples: Samples = decode_audio(str(path), sampling_rate=SAMPLE_RATE)
    return samples


def _write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, len(samples), "NONE", ""))
        file.writeframes(_s16(samples))


def _encode(samples: Samples, path: Path, options: tuple[str, ...]) -> None:
    raw = ("-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-")
    command = [str(find_ffmpeg(None)), "-v", "error", "-y", *raw, *options, str(path)]
    subprocess.run(command, input=_s16(samples), check=True)


def _s16(samples: Samples) -> bytes:
    return np.clip(samples * 32767, -32768, 32767).astype("<i2").tobytes()
