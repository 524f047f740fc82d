"""Write and cut audio files: Ogg/Opus through FFmpeg, and a plain cut at pauses for evaluation."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from .synthesis import SAMPLE_RATE

Samples = npt.NDArray[np.float32]

OPUS_BITRATE = "24k"


def write_opus(path: Path, samples: Samples, bitrate: str = OPUS_BITRATE) -> None:
    """Encode mono 16 kHz samples as Ogg/Opus; the same samples always give the same bytes."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y",
        "-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "pipe:0",
        "-c:a", "libopus", "-b:a", bitrate, "-application", "voip",
        "-fflags", "+bitexact", "-flags:a", "+bitexact",
        "-f", "ogg", str(path),
    ]  # fmt: skip
    subprocess.run(command, input=samples.astype("<f4").tobytes(), check=True)


def read(path: Path) -> Samples:
    """Decode any audio file to mono 16 kHz samples."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path),
        "-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "pipe:1",
    ]  # fmt: skip
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<f4").copy()


def cut_at_pauses(samples: Samples, pause_s: float = 0.3, pad_s: float = 0.12) -> list[tuple[int, int]]:
    """Return (start, end) samples of the stretches between pauses, by loudness alone.

    A 20 ms block counts as speech when it is 9 dB above the quiet level of the recording (its 10th
    percentile) and within 40 dB of its loud level (95th percentile).
    """
    block = SAMPLE_RATE // 50
    count = len(samples) // block
    energy = np.mean(samples[: count * block].reshape(count, block) ** 2, axis=1)
    level = 10 * np.log10(energy + 1e-10)
    threshold = max(float(np.percentile(level, 10)) + 9, float(np.percentile(level, 95)) - 40)
    speech = np.flatnonzero(level > threshold)
    if not len(speech):
        return []
    breaks = np.flatnonzero(np.diff(speech) > pause_s * 50)
    firsts = [speech[0], *speech[breaks + 1]]
    lasts = [*speech[breaks], speech[-1]]
    pad = int(pad_s * SAMPLE_RATE)
    return [
        (max(0, int(first) * block - pad), min(len(samples), (int(last) + 1) * block + pad))
        for first, last in zip(firsts, lasts, strict=True)
        if last > first
    ]
