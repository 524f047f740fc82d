"""Preparation against FFmpeg's bare conversion of the same file."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.report import Table, interleaved
from transcription.audio import prepare
from transcription.ffmpeg import find_ffmpeg

ROOT: Final = Path(__file__).resolve().parent.parent
MINUTES: Final = 10
GOAL: Final = 1.25


def run() -> Table:
    """Decode ten minutes of stereo MP3 to the WAV, peaks, silence map and hash, and bare for comparison."""
    ffmpeg = str(find_ffmpeg(None))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.mp3"
        _make(ffmpeg, source)
        bare, wav, peaks = (Path(folder) / name for name in ("bare.wav", "audio.wav", "peaks.bin"))

        def convert() -> None:
            subprocess.run(
                [
                    ffmpeg,
                    "-v",
                    "error",
                    "-y",
                    "-i",
                    str(source),
                    "-vn",
                    "-ac",
                    "1",
                    "-ar",
                    "16000",
                    str(bare),
                ],
                check=True,
            )

        costs = interleaved(5, bare=convert, ours=lambda: prepare(source, wav, peaks))
    ratio = costs["ours"].cpu_s / costs["bare"].cpu_s
    table = Table(
        f"Prepare: {MINUTES} minutes of 44.1 kHz stereo MP3", ("", "cpu s", "wall s", "against bare")
    )
    table.add("FFmpeg's bare conversion to WAV", *_cells(costs["bare"].cpu_s, costs["bare"].wall_s), "1.00")
    table.add(
        "prepare: WAV, peaks, silence map, hash",
        *_cells(costs["ours"].cpu_s, costs["ours"].wall_s),
        f"{ratio:.2f}",
    )
    table.verdict = f"Goal: at most {GOAL} times its processor time. {'Met' if ratio <= GOAL else 'Missed'}."
    return table


def _make(ffmpeg: str, target: Path) -> None:
    # The demo call again and again: real pauses, real spectrum.
    speech = sorted((ROOT / "demo").glob("*.ogg"))[0]
    command = [ffmpeg, "-v", "error", "-y", "-stream_loop", "-1", "-i", str(speech)]
    command += ["-t", str(MINUTES * 60), "-ac", "2", "-ar", "44100", "-b:a", "128k"]
    subprocess.run([*command, str(target)], check=True)


def _cells(*seconds: float) -> tuple[str, ...]:
    return tuple(f"{value:.2f}" for value in seconds)
