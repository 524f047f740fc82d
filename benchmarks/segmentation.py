"""Where the pauses are: loudness against Silero, on human speech put together with known pauses, in noise."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Table
from transcription.ffmpeg import find_ffmpeg
from transcription.segmentation import cut_at_pauses
from transcription.silence import find_silences, step_levels
from transcription.types import SAMPLE_RATE, Span
from transcription.voice import ByLoudness, VoicePauses

ROOT: Final = Path(__file__).resolve().parent.parent
CORPUS: Final = Path(os.environ.get("EARMARK_CORPUS", ROOT.parent / "shared" / "corpus"))
PAUSES_MS: Final = (250, 400, 600, 900, 1_500)
TARGET_MS, MAX_MS = 6_000, 15_000
NOISES: Final = ("white", "hum", "music", "babble")
RATIOS_DB: Final = (20, 10, 5, 0, -5)

Samples = NDArray[np.float64]
Find = Callable[[NDArray[np.int16], int], Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Made:
    """Speech put together: its samples, the pauses put in, and where words are (by the clean clips)."""

    samples: Samples
    pauses: list[Span]
    spoken: NDArray[np.bool_]
    """For each 10 ms, whether a word is there: loud in the clean clip, or a gap of less than 100 ms in it."""


@dataclass(slots=True)
class Score:
    """Counts over the conditions of one kind."""

    pauses: int = 0
    found: int = 0
    spoken: int = 0
    silenced: int = 0
    lost: int = 0
    cuts: int = 0
    within: int = 0
    cpu_s: float = 0.0
    audio_s: float = 0.0

    def cells(self) -> tuple[str, ...]:
        """Give them as shares."""
        return (
            f"{100 * self.found / max(1, self.pauses):.0f} %",
            f"{100 * self.silenced / max(1, self.spoken):.1f} %",
            f"{100 * self.lost / max(1, self.spoken):.1f} %",
            f"{self.within} of {self.cuts}",
            f"{3600 * self.cpu_s / self.audio_s:.2f}",
        )


def run() -> Table:
    """Compare what each finds: pauses put in, speech called silent, words cut, CPU seconds an hour."""
    table = Table(
        "Segmentation: loudness map against Silero",
        (
            "sound",
            "by",
            "pauses found",
            "speech called silent",
            "speech in no segment",
            "cuts within a word",
            "cpu s per hour",
        ),
    )
    made = list(_recordings())
    if not made:
        table.verdict = "Not measured: no corpus of human speech at EARMARK_CORPUS."
        return table
    ways: dict[str, Find] = {"loudness": _loudness, "Silero": _silero, "loudness, Silero where blind": _both}
    for _, samples in _conditions(made[0])[:1]:
        for find in ways.values():
            find(_pcm(samples), len(samples) * 1000 // SAMPLE_RATE)  # loads the model
    scores: dict[tuple[str, str], Score] = {}
    for recording in made:
        for name, samples in _conditions(recording):
            for way, find in ways.items():
                _judge(recording, samples, find, scores.setdefault((name, way), Score()))
    for (name, way), score in scores.items():
        table.add(name, way, *score.cells())
    minutes = sum(len(one.samples) for one in made) / SAMPLE_RATE / 60
    table.verdict = (
        f"{minutes:.0f} minutes of human speech with {sum(len(one.pauses) for one in made)} pauses of "
        f"{PAUSES_MS[0]} to {PAUSES_MS[-1]} ms put in; noise is {', '.join(NOISES)}, counted together."
    )
    return table


def _judge(made: Made, samples: Samples, find: Find, score: Score) -> None:
    pcm = _pcm(samples)
    duration_ms = len(pcm) * 1000 // SAMPLE_RATE
    began = time.thread_time()
    silences = find(pcm, duration_ms)
    score.cpu_s += time.thread_time() - began
    score.audio_s += len(pcm) / SAMPLE_RATE
    score.pauses += len(made.pauses)
    score.found += sum(_has(silences, pause) for pause in made.pauses)
    silent = np.zeros(len(made.spoken), dtype=bool)
    for span in silences:
        silent[span.start_ms // 10 : span.end_ms // 10] = True
    score.spoken += int(made.spoken.sum())
    score.silenced += int((made.spoken & silent).sum())
    segments = cut_at_pauses(
        duration_ms,
        silences,
        target_ms=TARGET_MS,
        max_ms=MAX_MS,
        quietest=lambda start, end: _softest(step_levels(pcm), start, end),
    )
    covered = np.zeros(len(made.spoken), dtype=bool)
    for segment in segments:
        covered[segment.start_ms // 10 : -(-segment.end_ms // 10)] = True
    score.lost += int((made.spoken & ~covered).sum())
    for left, right in pairwise(segments):
        # A word is cut where there is speech on both sides of the cut and nothing between.
        at = (left.end_ms + right.start_ms) // 20
        score.cuts += 1
        score.within += bool(made.spoken[max(0, at - 3) : at + 3].all())


def _has(silences: Sequence[Span], pause: Span) -> bool:
    return any(min(s.end_ms, pause.end_ms) - max(s.start_ms, pause.start_ms) >= 100 for s in silences)


def _softest(levels: NDArray[np.uint8], start_ms: int, end_ms: int) -> int:
    near = np.convolve(levels[start_ms // 10 : end_ms // 10].astype(float), np.ones(6), mode="valid")
    return start_ms + (int(near.argmin()) + 3) * 10 if len(near) else start_ms


def _loudness(pcm: NDArray[np.int16], duration_ms: int) -> Sequence[Span]:
    return find_silences(step_levels(pcm), duration_ms)


def _silero(pcm: NDArray[np.int16], duration_ms: int) -> Sequence[Span]:
    finder = VoicePauses()
    return [*finder.feed(pcm), *finder.finish(duration_ms)]


def _both(pcm: NDArray[np.int16], duration_ms: int) -> Sequence[Span]:
    finder = ByLoudness(lambda start, end: pcm[start * 16 : end * 16], MAX_MS)
    return [*finder.feed(pcm), *finder.finish(duration_ms)]


def _conditions(made: Made) -> list[tuple[str, Samples]]:
    """Give the speech clean, and in each noise at each ratio; named by the ratio, and counted together."""
    power = float(np.mean(made.samples[np.repeat(made.spoken, 160)[: len(made.samples)]] ** 2))
    found = [("clean", made.samples)]
    for kind in NOISES:
        noise = _noise(kind, len(made.samples))
        for ratio in RATIOS_DB:
            gain = (power / 10 ** (ratio / 10) / float(np.mean(noise**2))) ** 0.5
            found.append((f"noise at {ratio} dB", made.samples + gain * noise))
    return found


def _noise(kind: str, count: int) -> Samples:
    rng = np.random.default_rng(7)
    at = np.arange(count) / SAMPLE_RATE
    if kind == "white":
        return rng.normal(0, 1, count)
    if kind == "hum":
        return sum((np.sin(2 * np.pi * 50 * n * at) / n for n in (1, 2, 3, 5, 7)), np.zeros(count))
    if kind == "babble":
        # Speech-shaped and swinging like many voices at once.
        shaped = np.convolve(rng.normal(0, 1, count), np.hanning(9), mode="same")
        swing = np.convolve(rng.normal(0, 1, count // 800 + 2), np.hanning(5), mode="same")
        return shaped * (1 + 0.2 * np.interp(np.arange(count), np.arange(len(swing)) * 800, swing))
    # Chords that change twice a second, each struck and fading, over a bass and a beat.
    music = np.zeros(count)
    step = SAMPLE_RATE // 2
    fade = np.exp(-np.arange(step) / SAMPLE_RATE * 2.5)
    for begin in range(0, count, step):
        size = min(step, count - begin)
        root = 110 * 2 ** (rng.integers(0, 12) / 12)
        notes = [root, root * 2 ** (4 / 12), root * 2 ** (7 / 12), root / 2]
        chord = sum((np.sin(2 * np.pi * note * at[:size]) for note in notes), np.zeros(size))
        music[begin : begin + size] += chord * fade[:size]
        hit = min(size, 1_600)
        music[begin : begin + hit] += rng.normal(0, 1, hit) * fade[:hit] ** 8
    return music


def _recordings() -> Iterator[Made]:
    """Put the English clips of one reader after another, with a pause of a known length between them."""
    rng = np.random.default_rng(3)
    clips = [_level(_decode(path)) for path in _clips()]
    for begin in range(0, len(clips), 12):
        parts: list[Samples] = []
        pauses: list[Span] = []
        at = 0
        for clip in clips[begin : begin + 12]:
            gap = int(rng.choice(PAUSES_MS)) * SAMPLE_RATE // 1000
            parts += [clip, np.zeros(gap)]
            at += len(clip)
            pauses.append(Span(at * 1000 // SAMPLE_RATE, (at + gap) * 1000 // SAMPLE_RATE))
            at += gap
        samples = np.concatenate(parts)
        samples = samples + rng.normal(0, 10 ** (-65 / 20), len(samples))
        yield Made(samples, pauses, _spoken(samples))


def _clips() -> list[Path]:
    import csv

    manifest = CORPUS / "speech" / "manifest.csv"
    if not manifest.is_file():
        return []
    with manifest.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    return [
        CORPUS / "speech" / row["file"]
        for row in rows
        if row.get("language", row.get("lang", "")) == "en" and "stereo" not in row["file"]
    ]


def _decode(path: Path) -> Samples:
    command = [
        str(find_ffmpeg()),
        "-v",
        "error",
        "-i",
        str(path),
        "-ac",
        "1",
        "-ar",
        "16000",
        "-f",
        "s16le",
        "-",
    ]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(raw, dtype="<i2").astype(np.float64) / 32768


def _level(clip: Samples) -> Samples:
    """Trim the clip to its speech, so that the pauses put in are all there is, and bring it to -23 dBFS."""
    levels = step_levels(_pcm(clip)).astype(int)
    loud = np.flatnonzero(levels > np.percentile(levels, 95) - 60)
    clip = clip[loud[0] * 160 : (loud[-1] + 1) * 160]
    levelled: Samples = clip * (10 ** (-23 / 20) / max(1e-6, float(np.mean(clip**2)) ** 0.5))
    return levelled


def _spoken(samples: Samples) -> NDArray[np.bool_]:
    levels = step_levels(_pcm(samples)).astype(int)
    spoken: NDArray[np.bool_] = levels > np.percentile(levels, 95) - 50
    quiet_from = None
    for index, loud in enumerate(spoken.tolist()):
        if loud:
            if quiet_from is not None and index - quiet_from < 10:
                spoken[quiet_from:index] = True
            quiet_from = None
        elif quiet_from is None:
            quiet_from = index
    return spoken


def _pcm(samples: Samples) -> NDArray[np.int16]:
    made: NDArray[np.int16] = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    return made
