"""The risk score orders rows: worse signals never lower it, and it says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from transcription.confidence import risk
from transcription.types import Flag, Signals

CALM = Signals(-0.1, 0.01, 1.2, 0.0, "en", 1.0, 20)
TEXT = "A sentence of ordinary length and pace."


def test_a_sure_text_has_no_risk_and_no_reasons() -> None:
    assert risk(CALM, TEXT, 3_000) == (0.0, [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"avg_logprob": -0.9}, "unsure"),
        ({"no_speech_prob": 0.7}, "maybe_no_speech"),
        ({"compression_ratio": 2.6}, "repetition"),
        ({"temperature": 0.8}, "retried"),
        ({"language_probability": 0.3}, "language_uncertain"),
    ],
)
def test_each_signal_raises_it_and_is_named(change: dict[str, Any], reason: str) -> None:
    score, reasons = risk(replace(CALM, **change), TEXT, 3_000)
    assert score > 0.3
    assert reasons == [reason]
    worse, both = risk(replace(CALM, **{"avg_logprob": -0.9, "temperature": 1.0} | change), TEXT, 3_000)
    assert worse >= score
    assert len(both) >= 2


def test_pace_counts() -> None:
    assert risk(CALM, TEXT, 900)[1] == ["too_many_characters"]
    assert risk(CALM, "Yes.", 8_000)[1] == ["too_few_characters"]
    assert risk(CALM, "Yes.", 700)[1] == []


def test_it_never_falls_as_a_signal_worsens() -> None:
    scores = [risk(replace(CALM, avg_logprob=-step / 20), TEXT, 3_000)[0] for step in range(40)]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < scores[-1] <= 1


@pytest.mark.parametrize(
    ("flag", "reason"), [("silence", "silence"), ("no_speech", "no_speech"), ("too_short", "too_short")]
)
def test_an_empty_text_says_why(flag: Flag, reason: str) -> None:
    score, reasons = risk(replace(CALM, no_speech_prob=1.0), "", 3_000, (flag,))
    assert reasons == [reason]
    assert score <= 0.3


@pytest.mark.parametrize("flag", ["repetition", "token_limit", "low_logprob"])
def test_doubtful_decodings_come_first(flag: Flag) -> None:
    assert risk(CALM, TEXT, 3_000, (flag,))[0] >= 0.8
