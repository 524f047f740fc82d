"""The risk score is a probability that orders rows: worse signs never lower it, and it says why."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from transcription.confidence import EMPTY, WEIGHTS, letters, repeated_share, risk
from transcription.monotone import learn_rising, read_off
from transcription.types import Signals

CALM = Signals(-0.1, 0.01, 1.2, 0.0, "en", 1.0, 20)
TEXT = "A sentence of ordinary length and pace."
SURE = (0.99,) * 7


def test_a_sure_text_has_a_low_risk_and_no_reasons() -> None:
    score, reasons = risk(CALM, TEXT, 3_000, word_probabilities=SURE)
    assert 0 < score < 0.35
    assert reasons == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"avg_logprob": -1.0}, "unsure"),
        ({"language_probability": 0.3}, "language_uncertain"),
        ({"compression_ratio": 2.6}, "repetition"),
    ],
)
def test_each_signal_raises_it_and_is_named(change: dict[str, Any], reason: str) -> None:
    calm, _ = risk(CALM, TEXT, 3_000)
    score, reasons = risk(replace(CALM, **change), TEXT, 3_000)
    assert score > calm + 0.05
    assert reasons == [reason]


def test_doubtful_words_a_contradiction_and_a_wrong_pace_count() -> None:
    calm, _ = risk(CALM, TEXT, 3_000, disagreement=0.0, word_probabilities=SURE)
    weak = risk(CALM, TEXT, 3_000, disagreement=0.0, word_probabilities=(*SURE[:5], 0.2, 0.1))
    apart = risk(CALM, TEXT, 3_000, disagreement=0.6, word_probabilities=SURE)
    assert weak[0] > calm
    assert weak[1] == ["weak_words"]
    assert apart[0] > calm
    assert apart[1] == ["models_disagree"]
    assert risk(CALM, "Yes.", 8_000)[1] == ["too_few_characters"]
    assert risk(CALM, "Yes.", 700)[1] == []


def test_agreement_of_two_models_lowers_it() -> None:
    assert risk(CALM, TEXT, 3_000, disagreement=0.0)[0] < risk(CALM, TEXT, 3_000)[0]


def test_it_never_falls_as_signals_worsen() -> None:
    generator = random.Random(3)

    def scored(badness: list[float]) -> float:
        logprob, silence, compression, temperature, language, words, apart = badness
        signals = Signals(-2 * logprob, silence, 1 + 2 * compression, temperature, "en", 1 - language, 20)
        return risk(signals, TEXT, 3_000, (), apart, None, (1 - words,) * 7)[0]

    for _ in range(300):
        worse = [generator.random() for _ in range(7)]
        better = [value * generator.random() for value in worse]
        assert 0 < scored(better) <= scored(worse) < 1


@pytest.mark.parametrize("flag", ["silence", "no_speech", "too_short", "no_voice"])
def test_an_empty_text_says_why(flag: str) -> None:
    score, reasons = risk(replace(CALM, no_speech_prob=1.0), "", 3_000, (flag,))
    assert reasons == [flag]
    assert score <= 0.3


def test_an_empty_text_without_a_reason_is_suspect() -> None:
    assert risk(CALM, " ", 3_000) == (EMPTY["nothing_heard"], ["nothing_heard"])


@pytest.mark.parametrize("flag", ["repetition", "token_limit", "low_logprob", "no_voice", "stock_phrase"])
def test_each_flag_raises_it_and_is_named(flag: str) -> None:
    score, reasons = risk(CALM, TEXT, 3_000, (flag,))
    assert score > risk(CALM, TEXT, 3_000)[0] + 0.1
    assert len(reasons) == 1
    assert reasons[0] in WEIGHTS


def test_a_loop_is_seen_in_any_script() -> None:
    assert repeated_share(TEXT) == 0
    assert repeated_share("It was very very good.") == 0
    assert repeated_share("Thank you. Thank you. Thank you. Thank you.") > 0.5
    assert repeated_share("we will see what comes, we will see what comes") >= 0.5
    assert repeated_share("謝謝謝謝謝謝謝謝") > 0.5
    assert repeated_share("") == 0
    assert risk(CALM, "So so so so so so so so", 3_000)[1] == ["repetition"]


def test_a_dense_script_is_not_called_slow() -> None:
    chinese, english = "广州市房地产中介协会分析", "Guangzhou real estate agents"
    assert letters(chinese) > 30
    assert letters(english) == len(english)
    assert risk(CALM, chinese, 4_300)[1] == []
    assert risk(CALM, "广州", 4_300)[1] == ["too_few_characters"]


def test_a_project_of_its_own_experience_replaces_the_score() -> None:
    raw, reasons = risk(replace(CALM, avg_logprob=-1.0), TEXT, 3_000)
    points = [[0.0, 0.0], [raw, 0.77], [1.0, 0.9]]
    assert risk(replace(CALM, avg_logprob=-1.0), TEXT, 3_000, calibration=points) == (0.77, reasons)


def test_a_rising_map_is_the_means_of_pooled_neighbours() -> None:
    assert learn_rising([(0.1, 0), (0.2, 1), (0.3, 0), (0.4, 1)]) == [[0.1, 0.0], [0.25, 0.5], [0.4, 1.0]]
    assert learn_rising([(0.1, 1), (0.9, 0)]) == [[0.5, 0.5]]
    assert learn_rising([]) == []


def test_a_rising_map_finds_the_shares_behind_the_scores() -> None:
    generator = random.Random(5)
    examples = []
    for _ in range(4_000):
        score = generator.random()
        examples.append((score, float(generator.random() < score**2)))
    points = learn_rising(examples, least=50)
    assert points == sorted(points)
    assert all(before[1] < after[1] for before, after in pairwise(points))
    for score in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert read_off(points, score) == pytest.approx(score**2, abs=0.08)
    assert read_off(points, -1) == points[0][1]
    assert read_off(points, 2) == points[-1][1]
