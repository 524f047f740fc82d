"""Score how likely a person will change a machine's text, from what the engines measured.

Each sign has a strength 0..1 between a point where it says nothing and a point where it is alarming. A
strength adds weight to the log odds of a change, so several weak signs add up and the score is a probability.
The weights were fitted by `tools/risk` on windows with known texts; its README has the data and the figures.
A project with enough corrections learns its own map on top (`calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from transcription.monotone import Points, read_off
from transcription.text.metrics import ErrorCounts
from transcription.text.normalize import normalize
from transcription.types import Signals

#: Where each measured sign says nothing, and where it is alarming. Whisper's own thresholds, widened.
RANGES: Final[dict[str, tuple[float, float]]] = {
    "unsure": (0.1, 1.0),  # mean log-probability per token, negated
    "weak_words": (0.1, 0.8),  # improbability of the weakest quarter of the words
    "repetition": (1.8, 2.6),  # compression ratio
    "too_many_characters": (18.0, 35.0),  # a second, in Latin letters
    "too_few_characters": (10.0, 1.0),
    "language_uncertain": (0.9, 0.3),
    "models_disagree": (0.0, 0.6),  # word error rate between draft and refine
}
#: Log odds that each sign adds at full strength. Fitted by `tools/risk` on 2,520 hearings of real and
#: synthetic speech, clean and spoilt. Held out by clip: area under the curve 0.90 (real drafts 0.84, real
#: refines 0.77), Brier score 0.119 against 0.218 of the base rate, 59 % of all word errors in the riskiest
#: fifth. The fit gave nothing to the temperature and to a middling no-speech probability: no signs here.
WEIGHTS: Final[dict[str, float]] = {
    "unsure": 4.3,
    "weak_words": 3.3,
    "repetition": 1.8,
    "too_many_characters": 3.0,
    "too_few_characters": 0.4,
    "cut_by_length_limit": 0.8,
    "models_disagree": 0.5,
    # By hand: that data has too few cases of these.
    "language_uncertain": 1.5,
    "no_voice": 4.0,
    "stock_phrase": 3.0,
}
BASE: Final = -1.5
"""Log odds of a change where no sign speaks."""
HEARD_TWICE: Final = -0.1
"""What it adds that a second model listened: its agreement lowers the risk, `models_disagree` raises it."""
#: The share of empty texts that had words in them, by the reason given for the emptiness.
EMPTY: Final[dict[str, float]] = {
    "silence": 0.02,
    "too_short": 0.1,
    "no_voice": 0.05,
    "no_speech": 0.05,  # none of 64 in that data
    "nothing_heard": 0.9,
}
#: Flags that are signs of full strength, and under which name.
FLAGS: Final[dict[str, str]] = {
    "repetition": "repetition",
    "token_limit": "cut_by_length_limit",
    "low_logprob": "unsure",
}
#: How many Latin letters a character stands for in speech of ordinary pace: by the syllable rates of
#: Pellegrino, Coupé and Marsico (2011): English 6.2 a second at about 15 letters, Mandarin 5.2, Japanese 7.8.
LETTERS: Final = (
    ("\u3040", "\u30ff", 2.0),  # kana: a mora each
    ("\u3400", "\u4dbf", 3.0),
    ("\u4e00", "\u9fff", 3.0),  # Han: a syllable, in Japanese often two morae
    ("\uac00", "\ud7a3", 2.5),  # Hangul
    ("\uf900", "\ufaff", 3.0),
)
SLOW_FROM_MS: Final = 1_500
"""Shorter windows are often one word, and pauses around it are no sign of missing text."""
LEAST_SHOWN: Final = 0.3
"""Strength from which on a sign is named as a reason."""


def risk(
    signals: Signals,
    text: str,
    duration_ms: int,
    flags: Sequence[str] = (),
    disagreement: float | None = None,
    calibration: Points | None = None,
    word_probabilities: Sequence[float] = (),
) -> tuple[float, list[str]]:
    """Give the probability 0..1 that a person will change `text`, and the reasons, strongest first.

    `disagreement`: word error rate of this text against what another model heard in the same place, None
    where no other has listened. `calibration`: a project's own map from this score to the share of texts
    that its people changed. `word_probabilities`: the engine's, where it gave words.

    Reasons are stable codes: the keys of WEIGHTS and of EMPTY.
    """
    if not text.strip():
        reason = next((name for name in EMPTY if name in flags), "nothing_heard")
        score, reasons = EMPTY[reason], [reason]
    else:
        found = strengths(signals, text, duration_ms, flags, disagreement, word_probabilities)
        added = {name: WEIGHTS[name] * strength for name, strength in found.items()}
        odds = BASE + sum(added.values()) + (HEARD_TWICE if disagreement is not None else 0.0)
        score = 1 / (1 + math.exp(-odds))
        reasons = [n for n in sorted(added, key=lambda n: -added[n]) if found[n] >= LEAST_SHOWN]
    if calibration:
        score = read_off(calibration, score)
    return round(score, 4), reasons


def strengths(
    signals: Signals,
    text: str,
    duration_ms: int,
    flags: Sequence[str] = (),
    disagreement: float | None = None,
    word_probabilities: Sequence[float] = (),
) -> dict[str, float]:
    """Give the strength 0..1 of each sign in a text that is not empty, by the names in WEIGHTS."""
    pace = letters(text) * 1000 / max(1, duration_ms)
    found = {
        "unsure": _between("unsure", -signals.avg_logprob),
        "weak_words": _between("weak_words", weakness(word_probabilities)),
        "repetition": max(_between("repetition", signals.compression_ratio), repeated_share(text)),
        "too_many_characters": _between("too_many_characters", pace),
        "too_few_characters": _between("too_few_characters", pace) if duration_ms >= SLOW_FROM_MS else 0.0,
        "language_uncertain": _between("language_uncertain", signals.language_probability),
        "models_disagree": _between("models_disagree", disagreement or 0.0),
        "cut_by_length_limit": 0.0,
        "no_voice": float("no_voice" in flags),
        "stock_phrase": float("stock_phrase" in flags),
    }
    for flag in flags:
        if flag in FLAGS:
            found[FLAGS[flag]] = 1.0
    return found


def disagreement_in(counts: ErrorCounts) -> float:
    """Give the word error rate between two hearings, at most 1; 1 too where only one of them heard words."""
    rate = counts.rate
    return float(counts.errors > 0) if rate is None else min(1.0, rate)


def weakness(probabilities: Sequence[float]) -> float:
    """Give 1 minus the mean probability of the weakest quarter of the words, of at least one; 0 of none."""
    weakest = sorted(probabilities)[: max(1, len(probabilities) // 4)]
    return 1 - sum(weakest) / len(weakest) if weakest else 0.0


def letters(text: str) -> float:
    """Count the letters and digits of a text, those of dense scripts as the Latin ones they take to say."""
    return sum(_letters(character) for character in text if character.isalnum() or character.isspace())


def repeated_share(text: str) -> float:
    """Give the share 0..1 of a text's words that only say again what was just said.

    Runs of one to eight words, said three times or more in a row; of four words and more, twice. Scripts
    without spaces are taken character by character.
    """
    units = _units(text)
    most = 0
    for size in range(1, min(8, len(units) // 2) + 1):
        run = 0
        for at in range(size, len(units)):
            run = run + 1 if units[at] == units[at - size] else 0
            if run >= (2 * size if size < 4 else size):
                most = max(most, run)
    return most / len(units) if units else 0.0


def _between(name: str, value: float) -> float:
    calm, alarming = RANGES[name]
    return min(1.0, max(0.0, (value - calm) / (alarming - calm)))


def _letters(character: str) -> float:
    return next((worth for first, last, worth in LETTERS if first <= character <= last), 1.0)


def _units(text: str) -> list[str]:
    units: list[str] = []
    for word in normalize(text).split():
        if any(_letters(character) > 1 for character in word):
            units.extend(word)
        else:
            units.append(word)
    return units
