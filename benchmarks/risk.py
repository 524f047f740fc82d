"""Riskiest first: how soon the errors of a draft are found when rows are opened in the order of their risk.

The demo recordings, whose sentences neither model was trained on and none of which the score was fitted on.
Errors are counted against what was spoken; the score sees only what the engines measured.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faster_whisper.audio import decode_audio

from benchmarks.report import Table
from transcription.catalog import resolve
from transcription.confidence import disagreement_in, risk
from transcription.engines.base import WindowAudio
from transcription.engines.whisper import WhisperEngine
from transcription.text.metrics import count_errors
from transcription.types import Heard

if TYPE_CHECKING:
    from benchmarks.bench import Bench

ROOT: Final = Path(__file__).resolve().parent.parent
DEMO: Final = ROOT / "demo"
SHARES: Final = (0.1, 0.2, 0.3, 0.5, 0.7)
SHUFFLES: Final = 200
SEED: Final = 20
MARGIN_MS: Final = 150
"""Around a sentence, as cutting at pauses leaves it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sentence: how many word errors its text has, and how risky it was said to be."""

    errors: int
    risk: float


def run(bench: Bench | None = None) -> Table:
    """Decode every sentence by both demo models, one thread, and compare three orders of reading."""
    texts, windows = _sentences()
    heard = {name: _hear(name, windows) for name in ("demo-draft", "demo-refine")}
    draft = [
        Row(count_errors(text, h.text).errors, _risk(h, w))
        for text, h, w in zip(texts, heard["demo-draft"], windows, strict=True)
    ]
    refine = []
    for text, window, first, second in zip(
        texts, windows, heard["demo-draft"], heard["demo-refine"], strict=True
    ):
        refine.append(Row(count_errors(text, second.text).errors, _risk(second, window, first)))
    table = Table(
        f"Riskiest first: share of all word errors found, {len(texts)} sentences",
        ("rows read", *(f"{100 * share:.0f} %" for share in SHARES)),
        how="The sentences of `demo/`, heard by `demo-draft` and `demo-refine`; random is the mean of "
        f"{SHUFFLES} shuffles.",
    )
    for name, rows in (("draft", draft), ("refine", refine)):
        total = sum(row.errors for row in rows)
        orders = {
            "riskiest first": curve(sorted(rows, key=lambda row: -row.risk)),
            "in order of time": curve(rows),
            "at random": at_random(rows),
            "worst first, were it known": curve(sorted(rows, key=lambda row: -row.errors)),
        }
        for order, found in orders.items():
            table.add(f"{name} ({total} errors), {order}", *(f"{100 * share:.0f} %" for share in found))
        ahead = orders["riskiest first"][1] > max(orders["in order of time"][1], orders["at random"][1])
        found_first, chance = orders["riskiest first"][1], orders["at random"][1]
        told = f"{100 * found_first:.0f} % against {100 * chance:.0f} % at random"
        table.aim(
            f"the riskiest 20 % of {name} rows hold more errors than 20 % in time or random order",
            told,
            ahead,
        )
    table.verdict = "The held-out calibration of the score on real speech is in `tools/risk/README.md`."
    return table


def curve(rows: Sequence[Row]) -> list[float]:
    """Give the share of all errors in the first shares of rows."""
    total = sum(row.errors for row in rows) or 1
    return [sum(row.errors for row in rows[: round(share * len(rows))]) / total for share in SHARES]


def at_random(rows: Sequence[Row]) -> list[float]:
    """Give the mean curve of seeded shuffles."""
    dice = random.Random(SEED)
    shuffled = [curve(dice.sample(rows, len(rows))) for _ in range(SHUFFLES)]
    return [sum(column) / SHUFFLES for column in zip(*shuffled, strict=True)]


def _sentences() -> tuple[list[str], list[WindowAudio]]:
    texts, windows = [], []
    for entry in json.loads((DEMO / "references.json").read_text("utf-8")):
        samples = decode_audio(str(DEMO / entry["file"]))
        for sentence in entry["sentences"]:
            begin, end = max(0, sentence["start_ms"] - MARGIN_MS), sentence["end_ms"] + MARGIN_MS
            texts.append(sentence["text"])
            windows.append(WindowAudio(samples[16 * begin : 16 * end]))
    return texts, windows


def _hear(name: str, windows: Sequence[WindowAudio]) -> list[Heard]:
    model = resolve(name, models_dir=ROOT / "models", bundled_dir=ROOT / "models")
    engine = WhisperEngine(model, device="cpu", threads=1)
    options = model.card.options(language="en")
    return [h for at in range(0, len(windows), 8) for h in engine.decode(windows[at : at + 8], options)]


def _risk(heard: Heard, window: WindowAudio, other: Heard | None = None) -> float:
    apart = None if other is None else disagreement_in(count_errors(other.text, heard.text))
    score, _ = risk(
        heard.signals, heard.text, window.duration_ms, heard.flags, apart,
        word_probabilities=[word.probability for word in heard.words],
    )  # fmt: skip
    return score
