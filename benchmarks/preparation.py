"""P4: preparation against FFmpeg's bare conversion and the naive cuts; its memory over ten hours."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.peers import FasterWhisper
from benchmarks.report import Cost, Table, interleaved
from transcription.audio import prepare
from transcription.ffmpeg import find_ffmpeg

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from benchmarks.speech import Spoken

GOAL: Final = 1.25
PEAK_MB: Final = 150
ROUNDS: Final = 3
WORKER: Final = "audio,control"


def run(bench: Bench) -> Table:
    """Decode a stereo MP3 to WAV, peaks, silence map and hash, and bare; then ten hours in a real worker."""
    spoken = bench.speech.recording(bench.sizes.recording_s)
    ffmpeg = str(find_ffmpeg(None))
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder, FasterWhisper(bench.models.path) as raw:
        bare, wav, peaks = (Path(folder) / name for name in ("bare.wav", "audio.wav", "peaks.bin"))
        command = [ffmpeg, "-v", "error", "-y", "-i", str(spoken.path), "-vn", "-ac", "1", "-ar", "16000"]
        costs = interleaved(
            ROUNDS,
            bare=lambda: subprocess.run([*command, str(bare)], check=True),
            ours=lambda: prepare(spoken.path, wav, peaks),
        )
        naive = raw.run("cut", file=str(spoken.path), cut_s=30.0).cost
    short_mb, long_mb = _peaks(bench, spoken)
    table = Table(
        f"P4. Preparing {bench.sizes.recording_s / 60:.3g} minutes of 44.1 kHz stereo MP3",
        ("", "cpu s", "wall s", "against bare"),
        how=(
            "Ours: one FFmpeg pass to the WAV of 16 kHz, peaks for drawing, the silence map and the hash. "
            "Naive: convert, then one FFmpeg for each cut of 30 s. "
            f"Medians of {ROUNDS} interleaved rounds (naive: one)."
        ),
    )
    titles = {"bare": "FFmpeg's bare conversion to WAV", "ours": "prepare: WAV, peaks, silence map, hash"}
    for name, title in titles.items():
        table.add(title, *_cells(costs[name]), f"{costs[name].cpu_s / costs['bare'].cpu_s:.2f} x")
    table.add("naive: convert and cut", *_cells(naive), f"{naive.cpu_s / costs['bare'].cpu_s:.2f} x")
    ratio = costs["ours"].cpu_s / costs["bare"].cpu_s
    table.aim(
        f"P4 prepare: at most {GOAL} x the processor time of the bare conversion",
        f"{ratio:.2f} x",
        ratio <= GOAL,
    )
    hours = bench.sizes.day_s / 3600
    table.aim(
        f"P4 memory of the worker that prepares: at most {PEAK_MB} MB over {hours:.2g} hours",
        f"{long_mb:.0f} MB ({short_mb:.0f} MB over {bench.sizes.recording_s / 60:.3g} minutes)",
        long_mb <= PEAK_MB,
    )
    per_hour = 3600 / bench.sizes.recording_s
    bench.note("preparing an hour, cpu s", "naive", f"{naive.cpu_s * per_hour:.1f} or more *")
    for column in ("ours, full", "ours, fitted"):
        bench.note("preparing an hour, cpu s", column, f"{costs['ours'].cpu_s * per_hour:.1f}")
    table.verdict = (
        f"* The naive cuts seek from the beginning each time: {per_hour:g} times the cost of "
        f"{bench.sizes.recording_s / 60:.3g} minutes is less than that of an hour."
    )
    return table


def _peaks(bench: Bench, spoken: Spoken) -> tuple[float, float]:
    """Return the peak memory of the worker in MB over the recording, and over the same again and again."""
    platform = bench.platform  # sets Django up, which models need

    from annotation.models import Job, Recording
    from annotation.services import jobs
    from annotation.states import RecordingState

    endless = bench.folder / "speech" / "endless.mp3"
    loop = ["-stream_loop", "-1", "-i", str(spoken.path), "-c", "copy", "-t", str(bench.sizes.day_s)]
    subprocess.run([str(find_ffmpeg(None)), "-v", "error", "-y", *loop, str(endless)], check=True)
    found = []
    platform.need(WORKER)
    for path, seconds in ((spoken.path, bench.sizes.recording_s), (endless, bench.sizes.day_s)):
        project, manager = platform.team(bench.models.fit)
        platform.forget_peak(WORKER)
        recording, job = platform.upload(project, manager, type(spoken)(path, "", seconds))
        ready = Recording.objects.filter(pk=recording.pk, state=RecordingState.READY)
        platform.wait(ready.exists, 60 + seconds, 0.1, lambda: "the recording is not prepared")
        found.append(platform.peak_mb(WORKER))
        # Nobody shall decode it.
        jobs.cancel(user=manager, job=Job.objects.get(pk=job.pk))
    endless.unlink()
    return found[0], found[1]


def _cells(cost: Cost) -> tuple[str, str]:
    return f"{cost.cpu_s:.2f}", f"{cost.wall_s:.2f}"
