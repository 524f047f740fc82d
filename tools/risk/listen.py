"""Let models listen to clips with known texts, clean and spoilt, and write down what they heard.

Each line of the data is one window as one model heard it: what `transcription.confidence` may look at, the
reference, and what a cheaper pass heard in the same window. `group` names the clip: windows of one clip are
never on both sides of a split.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from faster_whisper.audio import decode_audio
from tools.risk import degrade
from tools.risk.degrade import RATE, Samples

from transcription.catalog import resolve
from transcription.engines.base import Engine, WindowAudio
from transcription.engines.whisper import WhisperEngine
from transcription.types import DecodingOptions, Heard

ROOT: Final = Path(__file__).resolve().parents[2]
HELDOUT: Final = ROOT / "tests" / "data" / "heldout"
LONGEST_MS: Final = 28_000
SPEECHLESS: Final = 24
BATCH: Final = 4


@dataclass(frozen=True, slots=True)
class Clip:
    """One window to listen to."""

    source: str
    group: str
    variant: str
    samples: Samples
    reference: str


def human_clips(speech: Path) -> list[tuple[str, Samples, str]]:
    """Read the English clips of up to 28 s of a folder with a `manifest.csv` (file, language, transcript)."""
    found = []
    with (speech / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["language"] != "en" or not row["transcript"].strip() or float(row["duration_s"]) > 28:
                continue
            found.append(
                (row["group"] or row["file"], decode_audio(str(speech / row["file"])), row["transcript"])
            )
    return found


def synthetic_clips() -> list[tuple[str, Samples, str]]:
    """Read the held-out sentences that the demo models were not trained on."""
    listed = json.loads((HELDOUT / "references.json").read_text("utf-8"))
    return [(entry["file"], decode_audio(str(HELDOUT / entry["file"])), entry["text"]) for entry in listed]


def windows(source: str, clips: list[tuple[str, Samples, str]]) -> Iterator[Clip]:
    """Give every clip in every variant, then windows without speech."""
    for number, (group, samples, reference) in enumerate(clips):
        other = clips[(number + len(clips) // 2) % len(clips)][1]
        for variant, made in degrade.variants(group, samples, other).items():
            yield Clip(source, group, variant, made, reference)
    for number in range(SPEECHLESS):
        yield Clip(source, f"speechless-{number}", "speechless", degrade.speechless(number), "")


def engine_of(model: str, threads: int) -> Engine:
    """Load a model by name or directory on the CPU, as int8."""
    models = ROOT / "models"
    files = resolve(model, models_dir=models, bundled_dir=models, allow_download=False)
    return WhisperEngine(files, device="cpu", threads=threads)


def listen(
    clips: list[Clip], draft: tuple[Engine, DecodingOptions], refine: tuple[Engine, DecodingOptions]
) -> Iterator[dict[str, Any]]:
    """Decode each window twice and give a record for each pass."""
    for start in range(0, len(clips), BATCH):
        batch = clips[start : start + BATCH]
        audio = [WindowAudio(clip.samples) for clip in batch]
        first = draft[0].decode(audio, draft[1])
        second = refine[0].decode(audio, refine[1])
        for clip, quick, better in zip(batch, first, second, strict=True):
            yield record(clip, "draft", quick, None)
            yield record(clip, "refine", better, quick.text)


def record(clip: Clip, pass_name: str, heard: Heard, other: str | None) -> dict[str, Any]:
    """Write down one window as one model heard it; `other` is what the cheaper pass heard."""
    return {
        "source": clip.source,
        "group": clip.group,
        "variant": clip.variant,
        "hearing": pass_name,
        "duration_ms": len(clip.samples) * 1000 // RATE,
        "reference": clip.reference,
        "text": heard.text,
        "other": other,
        "signals": heard.signals.to_json(),
        "flags": list(heard.flags),
        "probabilities": [round(word.probability, 4) for word in heard.words],
    }


def make(speech: Path, real_model: str, out: Path, threads: int) -> None:
    """Write the data: real speech with a real model, synthetic speech with the two demo models."""
    options = DecodingOptions(language="en")
    with out.open("w", encoding="utf-8") as file:
        demo = list(windows("synthetic", synthetic_clips()))
        quick, better = engine_of("demo-draft", threads), engine_of("demo-refine", threads)
        demo_options = DecodingOptions(language="en", context="fit")
        _write(
            file, "demo models", listen(demo, (quick, demo_options), (better, demo_options)), 2 * len(demo)
        )
        real = engine_of(real_model, threads)
        human = list(windows("human", human_clips(speech)))
        cheap = DecodingOptions(language="en", context="fit", margin_ms=1_500, beam_size=1)
        _write(file, "real model", listen(human, (real, cheap), (real, options)), 2 * len(human))


def _write(file: Any, title: str, records: Iterator[dict[str, Any]], total: int) -> None:
    for number, entry in enumerate(records, start=1):
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        if number % 100 == 0 or number == total:
            file.flush()
            print(f"{title}: {number} of {total}", flush=True)
