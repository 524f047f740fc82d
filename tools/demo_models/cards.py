"""Model cards: `card.json` for the platform, `CARD.md` for people. Every number in them is a measured one."""

import hashlib
import json
import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SELF_TEST = {"clip": "self-test.wav", "text": "The meter in the loading dock is leaking."}
"""Lies beside the card and is published as it is: a held-out sentence that both models hear rightly."""
FILES = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.json")

WINDOW_MS = 8_000
"""Longest window: a single sentence lasts up to 7 s, and training knew windows of up to 10 s."""
PAUSE_MS = 250
"""A pause from which on recordings are to be cut, so that a window holds one sentence."""

_TRAINED_ON = (
    "{hours:.0f} hours of synthetic speech: {utterances:,} utterances by espeak-ng (3 English accents, 26 "
    "voice variants) of sentences from one small grammar (service desk and field notes, about 390 words). "
    "No human voice."
)
_CANNOT = (
    "Transcribe real speech: it knows only synthetic voices, about 390 words, one kind of sentence, and "
    "it writes such sentences whatever it hears. Real recordings, other words, other languages and long "
    "windows give nonsense."
)
_LICENCE = "The licence of this project. Weights and audio come from its own scripts; no third-party data."
_ENOUGH_POINTS = 1.0
"""A margin is good enough when its WER is at most this many points above the padded window's."""
_MERGED_POINTS = 1.0
"""Merged sentences are heard well enough when their WER is at most this many points above a single one's: a
model of short windows is quick enough alone, so nothing is worth more."""


@dataclass(frozen=True)
class About:
    """What a card says that is not measured."""

    name: str
    title: str
    can: str


ABOUT = {
    "draft": About(
        "demo-draft",
        "Demo draft (toy)",
        "Write a first draft of one demo sentence per window, with visible mistakes, quickly.",
    ),
    "refine": About(
        "demo-refine",
        "Demo refine (toy)",
        "Write one demo sentence per window nearly without mistakes, with word times.",
    ),
}


def merges_well(figures: dict[str, Any]) -> bool:
    """Say whether two sentences in one window of 8 s are heard about as well as one alone."""
    single = float(figures["held_out_sentences"]["wer_percent"])
    double = float(figures["two_sentences_within_8s"]["wer_percent"])
    return double <= single + _MERGED_POINTS


def fit_margin_ms(figures: dict[str, Any]) -> int | None:
    """Return the smallest measured margin whose WER is no worse than the padded window's; None if there is
    none.
    """
    padded = float(figures["held_out_sentences"]["wer_percent"])
    for margin_s in (1, 3):  # 0 is measured, but speech that is cut a little late needs some room
        if float(figures[f"held_out_fitted_margin_{margin_s}s"]["wer_percent"]) <= padded + _ENOUGH_POINTS:
            return margin_s * 1000
    return None


def publish(
    stage: str,
    converted: Path,
    target: Path,
    figures: dict[str, Any],
    corpus: dict[str, Any],
    training: dict[str, Any],
) -> None:
    """Copy a converted model to `target` and write both cards; `corpus` has `hours` and `utterances`."""
    about = ABOUT[stage]
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(converted / name, target / name)
    margin = fit_margin_ms(figures)
    card = {
        "name": about.name,
        "title": about.title,
        "kind": "whisper-ctranslate2",
        "languages": ["en"],
        "multilingual": False,
        "context": "full" if margin is None else "fit",
        "window_ms": WINDOW_MS,
        "pause_ms": PAUSE_MS,
        "merge": merges_well(figures),
        "fit_margin_ms": 0 if margin is None else margin,
        "self_test": SELF_TEST,
        "sha256": {
            name: hashlib.sha256((target / name).read_bytes()).hexdigest()
            for name in (*FILES, SELF_TEST["clip"])
        },
        "trained_on": _TRAINED_ON.format(**corpus),
        "training": training,
        "can": about.can,
        "cannot": _CANNOT,
        "figures": figures,
        "licence": _LICENCE,
    }
    (target / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    (target / "CARD.md").write_text(_page(card))


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 110, subsequent_indent=indent, break_on_hyphens=False)


def _page(card: dict[str, Any]) -> str:
    figures = card["figures"]
    rows = [
        f"| {name.replace('_', ' ')} | {score['windows']} | {score['words']} | {score['wer_percent']} % "
        f"| {score['cpu_ms_per_window']} ms |"
        for name, score in figures.items()
        if isinstance(score, dict) and "wer_percent" in score
    ]
    table = "\n".join(rows)
    merging = (
        "Two sentences merged into one window work too, with a few more mistakes: see the table."
        if card["merge"]
        else "Do not merge sentences into one window: see the table."
    )
    context = (
        "windows have to be padded to 30 s"
        if card["context"] == "full"
        else f"padded to 30 s, or fitted: the window and {card['fit_margin_ms']} ms after it"
    )
    said = {
        "Can": f"{card['can']} Cut recordings at pauses of {card['pause_ms']} ms; windows of at most "
        f"{card['window_ms']} ms. {merging}",
        "Cannot": card["cannot"],
        "Trained on": card["trained_on"],
        "Context": f"{context}.",
        "Confidence": "its probabilities are those of a toy; thresholds tuned on it mean nothing elsewhere.",
    }
    bullets = "\n".join(_wrap(f"- **{head}:** {text}", "  ") for head, text in said.items())
    training = card["training"]
    starts = figures["word_start_error_ms"]
    by_file = figures["demo_recordings_cut_at_pauses"]["wer_percent_by_file"]
    times = _wrap(
        f"Word starts, on exactly right clips: {starts.get('median', '-')} ms off in the median, "
        f"{starts.get('p90', '-')} ms at the 90th percentile. Words heard in 20 windows of noise alone: "
        f"{figures['words_heard_in_20_noise_windows']}. WER by demo recording: "
        + ", ".join(f"{name} {wer} %" for name, wer in by_file.items())
        + "."
    )
    return f"""# {card["name"]}: a toy

{card["title"]}. A Whisper-architecture model trained from scratch by `tools/demo_models` and converted to
CTranslate2 int8, so that the demo and the tests run real inference on a machine that can download nothing.

**Do not judge the platform by it, and do not use it on real recordings.** Put a real Whisper model in its
place.

{bullets}

## Measured

Sentences that no training saw, in voices that training did use, unless it says otherwise. Word errors are
pooled, on lower-cased text without punctuation; faster-whisper, int8, beam 1, CPU time on one thread of a
shared machine. "Fitted" is CTranslate2 directly, window plus margin, no timestamps.

| set | windows | words | WER | CPU per window |
|---|---|---|---|---|
{table}

{times}

The figures come from `python -m tools.demo_models evaluate`; training took
{training["cpu_minutes"]} CPU minutes ({training["parameters"]:,} parameters, seed {training["seed"]}).

## Licence

{card["licence"]}
"""
