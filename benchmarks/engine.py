"""The engine against faster-whisper's ways of running the same model over the same clips."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio

from benchmarks.report import Table, interleaved
from transcription.catalog import resolve
from transcription.engines.base import WindowAudio
from transcription.engines.whisper import WhisperEngine
from transcription.text.metrics import count_errors, pool
from transcription.types import DecodingOptions

if TYPE_CHECKING:
    from benchmarks.bench import Bench

ROOT: Final = Path(__file__).resolve().parent.parent
CLIPS: Final = ROOT / "tests" / "data" / "heldout"


def run(bench: Bench) -> Table:
    """Decode the held-out clips with `demo-refine`, beam 1, one thread, in four ways."""
    references = json.loads((CLIPS / "references.json").read_text("utf-8"))
    texts = [reference["text"] for reference in references]
    files = [CLIPS / reference["file"] for reference in references][: bench.sizes.clips]
    texts = texts[: len(files)]
    samples = [decode_audio(str(file)) for file in files]
    model = resolve("demo-refine", models_dir=ROOT / "models", bundled_dir=ROOT / "models")
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # it reports every call
    raw = WhisperModel(str(model.path), device="cpu", compute_type="int8", cpu_threads=1)
    batched = BatchedInferencePipeline(raw)
    engine = WhisperEngine(model, device="cpu", threads=1)
    options = DecodingOptions(language="en", beam_size=1, word_timestamps=False)
    heard: dict[str, list[str]] = {}

    def one_by_one() -> None:
        heard["raw"] = [
            "".join(s.text for s in raw.transcribe(clip, language="en", beam_size=1)[0]) for clip in samples
        ]

    def per_file() -> None:
        heard["batched"] = [
            "".join(
                s.text
                for s in batched.transcribe(clip, language="en", beam_size=1, batch_size=8, vad_filter=True)[
                    0
                ]
            )
            for clip in samples
        ]

    def ours(name: str, chosen: DecodingOptions) -> None:
        windows = [WindowAudio(clip) for clip in samples]
        heard[name] = [
            result.text
            for start in range(0, len(windows), 8)
            for result in engine.decode(windows[start : start + 8], chosen)
        ]

    costs = interleaved(
        bench.sizes.rounds,
        raw=one_by_one,
        batched=per_file,
        full=lambda: ours("full", replace(options, context="full")),
        fit=lambda: ours("fit", replace(options, context="fit", margin_ms=model.card.margin_ms)),
    )
    table = Table(
        f"Engine: {len(samples)} clips, demo-refine int8, beam 1, one thread",
        ("", "cpu ms a clip", "against one by one", "WER"),
    )
    titles = {
        "raw": "faster-whisper, one clip a call",
        "batched": "faster-whisper batched pipeline, one clip a call",
        "full": "ours, 8 clips a call, full context",
        "fit": "ours, 8 clips a call, fitted context",
    }
    for name, title in titles.items():
        errors = pool(count_errors(text, said) for text, said in zip(texts, heard[name], strict=True))
        table.add(
            title,
            f"{costs[name].cpu_s / len(samples) * 1000:.0f}",
            f"{costs['raw'].cpu_s / costs[name].cpu_s:.2f} x",
            f"{100 * (errors.rate or 0.0):.1f} %",
        )
    table.verdict = "A toy model of 2 million parameters: the ratios of real models differ."
    return table
