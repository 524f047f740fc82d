"""Transcribe a recording in two passes: a draft of everything first, a better model behind it.

This is the library's own way from a file to a transcript, for notebooks and the command line. The platform
uses the same pieces, with its segments, claims and results in a database in between.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from transcription.audio import prepare
from transcription.catalog import ModelCard
from transcription.engines.base import Engine, WindowAudio
from transcription.formats.captions import Line
from transcription.pcm import read_pcm
from transcription.peaks import quietest_ms
from transcription.segmentation import MAX_WINDOW_MS, cut_at_pauses, cut_fixed, plan_windows
from transcription.types import DecodingOptions, Heard, MediaLimits, Prepared, Span

BATCH: int = 16
"""Windows handed to an engine at once; it makes calls of the size that suits its device."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass: its name for progress, the engine, and the options it decodes with."""

    name: str
    engine: Engine
    options: DecodingOptions


@dataclass(frozen=True, slots=True)
class Transcript:
    """What came of a file: facts of the recording, its segments, and what each pass heard in each of them."""

    prepared: Prepared
    segments: tuple[Span, ...]
    heard: dict[str, tuple[Heard, ...]]

    def lines(self, name: str) -> list[Line]:
        """Give the segments with what the pass `name` heard, words in times of the recording."""
        made = []
        for span, heard in zip(self.segments, self.heard[name], strict=True):
            words = tuple(
                replace(word, start_ms=word.start_ms + span.start_ms, end_ms=word.end_ms + span.start_ms)
                for word in heard.words
            )
            made.append(Line(span, heard.text, words))
        return made


def segment_for(
    prepared: Prepared, peaks_path: Path, cards: Sequence[ModelCard], *, fixed_ms: int | None = None
) -> list[Span]:
    """Cut a prepared recording so that every segment fits the narrowest of the models that will hear it."""
    if fixed_ms is not None:
        return cut_fixed(prepared.duration_ms, fixed_ms)
    max_ms = min([MAX_WINDOW_MS, *(card.window_ms for card in cards)])
    pauses = [card.pause_ms for card in cards if card.pause_ms is not None]
    return cut_at_pauses(
        prepared.duration_ms,
        prepared.silences,
        target_ms=min(8_000, max_ms),
        max_ms=min(25_000, max_ms),
        pause_ms=min(pauses, default=2_000),
        quietest=lambda start, end: quietest_ms(peaks_path, start, end),
    )


def transcribe(
    source: Path,
    passes: Sequence[Pass],
    cards: Sequence[ModelCard],
    *,
    fixed_ms: int | None = None,
    limits: MediaLimits | None = None,
    on_progress: Callable[[str, int], None] | None = None,
) -> Transcript:
    """Prepare `source` and decode it by each pass in turn, in constant memory.

    `on_progress` is given the name of the step (`prepare` or a pass) and whole percents. Raises what
    `prepare` and the engines raise.
    """

    def tell(step: str, percent: int) -> None:
        if on_progress is not None:
            on_progress(step, percent)

    with tempfile.TemporaryDirectory(prefix="transcription-") as folder:
        wav_path, peaks_path = Path(folder, "audio.wav"), Path(folder, "peaks.bin")
        prepared = prepare(
            source,
            wav_path,
            peaks_path,
            limits=limits or MediaLimits(),
            on_progress=lambda percent: tell("prepare", percent),
        )
        segments = segment_for(prepared, peaks_path, cards, fixed_ms=fixed_ms)
        heard: dict[str, tuple[Heard, ...]] = {}
        for step in passes:
            found: list[Heard] = []
            for batch in _batches(plan_windows(segments)):
                windows = [WindowAudio(read_pcm(wav_path, span)) for span in batch]
                found += step.engine.decode(windows, step.options)
                tell(step.name, len(found) * 100 // len(segments))
            heard[step.name] = tuple(found)
    return Transcript(prepared, tuple(segments), heard)


def _batches(windows: Sequence[Span]) -> Iterator[Sequence[Span]]:
    for start in range(0, len(windows), BATCH):
        yield windows[start : start + BATCH]
