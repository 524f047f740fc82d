"""Run a recording through one pass or several: windows out of its segments, words dealt back to them.

While the model decodes one batch, a second thread reads the next one and computes its features.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from transcription import dealing
from transcription.audio import prepare
from transcription.cards import ModelCard
from transcription.engines.base import Engine, Ready, WindowAudio
from transcription.formats.captions import Line, to_json, to_srt, to_txt, to_vtt
from transcription.pcm import read_pcm
from transcription.peaks import quietest_ms
from transcription.segmentation import (
    MAX_WINDOW_MS,
    cut_at_pauses,
    cut_fixed,
)
from transcription.types import DecodingOptions, Heard, MediaLimits, Prepared, Span
from transcription.windows import plan_windows, segments_of_window

BATCH: Final = 8
"""Windows made ready at once; the engine makes calls of the size that suits its device."""
FULL_WINDOW_MS: Final = 28_000
FULL_GAP_MS: Final = 8_000
"""The padding to 30 s costs the same whether it is silence between segments or after them."""
FIT_GAP_MS: Final = 600
FIT_WINDOW_MS: Final = 9_000
"""In a fitted context short windows are the cheapest: 71 x real time up to 8 s against 46-61 at 13 s (tiny);
with a margin of 3 s this is what the encoder is padded to."""
_DETECT_IN: Final = 3
"""Windows that the language of a recording is found in, spread over it."""

Progress = Callable[[str, int], None]
"""Given the name of the step (`prepare` or a pass) and whole percents."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass: its name, the engine, its model's card, the options it decodes with, whether it merges.

    `merge`: neighbouring segments are decoded in one window, as the card allows where nothing is said.
    """

    name: str
    engine: Engine
    card: ModelCard
    options: DecodingOptions
    merge: bool | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What came of a file: facts of the recording, its segments, and what each pass heard in each of them.

    `language`: what was given or found, with its probability; None where no model could tell.
    """

    prepared: Prepared
    segments: tuple[Span, ...]
    heard: dict[str, tuple[Heard, ...]]
    models: dict[str, tuple[str, str]]
    language: tuple[str, float] | None = None

    def __str__(self) -> str:
        return self.text()

    @property
    def last(self) -> str:
        """Name the last pass, whose text is the best there is."""
        return list(self.heard)[-1]

    def text(self, name: str | None = None) -> str:
        """Give the text of a pass, of the last one where none is named: one line per segment."""
        return to_txt(self.lines(name))

    def lines(self, name: str | None = None) -> list[Line]:
        """Give the segments with what a pass heard (the last where none is named), in recording times."""
        return [
            Line(
                span,
                heard.text,
                tuple(
                    replace(word, start_ms=word.start_ms + span.start_ms, end_ms=word.end_ms + span.start_ms)
                    for word in heard.words
                ),
            )
            for span, heard in zip(self.segments, self.heard[name or self.last], strict=True)
        ]

    def render(self, kind: str, name: str | None = None) -> str:
        """Write a pass as `txt`, `srt`, `vtt` or `json`. Raises ValueError for another kind."""
        if kind == "json":
            model, sha256 = self.models[name or self.last]
            return to_json(
                self.lines(name), duration_ms=self.prepared.duration_ms, model=model, model_sha256=sha256
            )
        writers = {"txt": to_txt, "srt": to_srt, "vtt": to_vtt}
        if kind not in writers:
            raise ValueError(f"{kind!r} is none of txt, srt, vtt, json")
        return writers[kind](self.lines(name))

    def save(self, path: Path | str) -> Path:
        """Write the last pass to a file, in the format its name ends with: .txt, .srt, .vtt or .json."""
        path = Path(path)
        path.write_text(self.render(path.suffix.removeprefix(".").lower()), encoding="utf-8")
        return path


def run(
    source: Path,
    passes: Sequence[Pass],
    *,
    fixed_ms: int | None = None,
    limits: MediaLimits | None = None,
    on_progress: Progress = lambda step, percent: None,
) -> Transcript:
    """Prepare `source` once and decode it by each pass in turn, in constant memory.

    Where a pass has no language, it is found in some windows of the recording, and later passes take it over.
    Raises what `prepare` and the engines raise.
    """
    with tempfile.TemporaryDirectory(prefix="transcription-") as folder:
        wav_path, peaks_path = Path(folder, "audio.wav"), Path(folder, "peaks.bin")
        prepared = prepare(
            source,
            wav_path,
            peaks_path,
            limits=limits or MediaLimits(),
            on_progress=lambda percent: on_progress("prepare", percent),
        )
        segments = segment_for(prepared, peaks_path, [step.card for step in passes], fixed_ms=fixed_ms)
        heard: dict[str, tuple[Heard, ...]] = {}
        language: tuple[str, float] | None = None
        for step in passes:
            windows = plan(step, segments)
            if step.options.language is not None:
                language = step.options.language, 1.0
            elif language is None and segments:
                language = step.engine.detect_language(
                    [_read(wav_path, span) for span in _spread(windows, _DETECT_IN)]
                )
            options = step.options
            if language is not None and language[1] > 0 and step.engine.info.multilingual:
                options = replace(options, language=language[0])
            found: list[Heard] = []
            for window, said in zip(
                windows, decode_ahead(step.engine, windows, options, wav_path), strict=True
            ):
                indexes = segments_of_window(window, segments)
                found += share_out(said, window, segments[indexes.start : indexes.stop])
                on_progress(step.name, len(found) * 100 // len(segments))
            heard[step.name] = tuple(found)
    return Transcript(
        prepared,
        tuple(segments),
        heard,
        {step.name: (step.engine.info.name, step.engine.info.model_sha256) for step in passes},
        language,
    )


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


def plan(step: Pass, segments: Sequence[Span]) -> list[Span]:
    """Plan the windows of a pass: neighbours together where its model takes it, and words can be dealt."""
    merge = (step.card.merge if step.merge is None else step.merge) and step.options.word_timestamps
    full = step.options.context == "full"
    most, gap_ms = (FULL_WINDOW_MS, FULL_GAP_MS) if full else (FIT_WINDOW_MS, FIT_GAP_MS)
    return plan_windows(segments, min(most, step.card.window_ms), merge=merge, max_gap_ms=gap_ms)


def decode_ahead(
    engine: Engine, windows: Sequence[Span], options: DecodingOptions, wav_path: Path
) -> Iterator[Heard]:
    """Decode windows of one recording, in order, the next batch being made ready beside the present one."""
    batches = [windows[start : start + BATCH] for start in range(0, len(windows), BATCH)]

    def make(batch: Sequence[Span]) -> Ready:
        return engine.ready([_read(wav_path, span) for span in batch], options)

    with ThreadPoolExecutor(1, thread_name_prefix="features") as pool:
        ahead = [pool.submit(make, batch) for batch in batches[:1]]
        for following in [*batches[1:], None]:
            if not ahead:
                return
            ready = ahead.pop().result()
            if following is not None:
                ahead.append(pool.submit(make, following))
            yield from engine.decode_ready(ready)


def share_out(heard: Heard, window: Span, segments: Sequence[Span]) -> list[Heard]:
    """Give each segment of a window what was said in it; a window of one segment is that segment's."""
    if len(segments) == 1:
        return [heard]
    spoken = heard.words or dealing.spread(heard.text, window)
    shares = dealing.deal(spoken, window, segments)
    texts = ["".join(word.text for word in share).strip() for share in shares]
    signals = [
        dealing.signals_of(share, text, spoken, heard.signals)
        for share, text in zip(shares, texts, strict=True)
    ]
    flags = dealing.flags_of(heard.flags, signals)
    made = []
    for span, share, text, signal, flag in zip(segments, shares, texts, signals, flags, strict=True):
        placed = [
            # A word that is said across the border is dealt to one side, and cut off there.
            replace(
                word,
                start_ms=min(max(word.start_ms - span.start_ms, 0), span.duration_ms),
                end_ms=min(max(word.end_ms - span.start_ms, 0), span.duration_ms),
            )
            for word in share
        ]
        made.append(Heard(text, tuple(placed) if heard.words else (), signal, flag))
    return made


def _read(wav_path: Path, span: Span) -> WindowAudio:
    return WindowAudio(read_pcm(wav_path, span))


def _spread(windows: Sequence[Span], count: int) -> list[Span]:
    """Choose up to `count` windows, from the beginning, the middle and so on."""
    step = max(1, len(windows) // count)
    return list(windows[::step][:count])
