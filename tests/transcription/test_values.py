"""Options and other values: they keep what they are given, and say so when they can't."""

from __future__ import annotations

import json
import pickle

import pytest

from transcription.errors import DecoderUnavailable, EngineError, MediaRejected, ModelUnavailable
from transcription.types import DecodingOptions, Signals, Span


def test_options_survive_json_and_keep_their_digest() -> None:
    options = DecodingOptions(language="de", temperatures=(0.0, 0.4), hotwords="Größe", suppress_tokens=())
    again = DecodingOptions.from_json(json.loads(json.dumps(options.to_json())))
    assert again == options
    assert again.digest() == options.digest()


def test_digest_is_the_same_in_every_process_and_changes_with_any_option() -> None:
    # Stored beside results: a change here makes old rows look as if decoded with other options.
    assert DecodingOptions().digest() == "814e232f417a179c6ec359b2623ec6572ed2d18fc04ee3f21bb51db9f5d77af7"
    defaults = DecodingOptions().to_json()
    changes = {
        "language": "en",
        "pack": True,
        "task": "translate",
        "beam_size": 1,
        "best_of": 1,
        "patience": 2.0,
        "length_penalty": 0.5,
        "repetition_penalty": 1.1,
        "no_repeat_ngram_size": 3,
        "temperatures": [0.0],
        "compression_ratio_threshold": None,
        "log_prob_threshold": -0.5,
        "no_speech_threshold": 0.5,
        "word_timestamps": False,
        "timestamps": True,
        "initial_prompt": "x",
        "hotwords": "x",
        "suppress_blank": False,
        "suppress_tokens": [],
        "context": "fit",
        "max_tokens_per_second": 12.0,
        "margin_ms": 1500,
        "seed": 1,
    }
    assert set(changes) == set(defaults) - {"condition_on_previous_text"}
    digests = {
        DecodingOptions.from_json(defaults | {name: value}).digest() for name, value in changes.items()
    }
    assert len(digests | {DecodingOptions().digest()}) == len(changes) + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperatures": []},
        {"temperatures": [3.0]},
        {"beam_size": 0},
        {"condition_on_previous_text": True},
        {"beams": 5},
    ],
)
def test_wrong_options_are_refused_with_their_name(wrong: dict[str, object]) -> None:
    with pytest.raises(EngineError) as caught:
        DecodingOptions.from_json(wrong)
    assert caught.value.code == "bad_option"
    assert next(iter(wrong)).rstrip("s") in caught.value.message


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (6, 5)])
def test_a_span_has_length(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="span"):
        Span(start, end)


def test_signals_survive_json() -> None:
    signals = Signals(-0.2, 0.1, 1.2, 0.0, "en", 1.0, 7)
    assert Signals.from_json(json.loads(json.dumps(signals.to_json() | {"later": 1}))) == signals


@pytest.mark.parametrize(
    "error",
    [
        MediaRejected("not_media", "No.", "why"),
        ModelUnavailable("model_missing", "No.", "Do."),
        DecoderUnavailable("No.", "Do."),
        EngineError("out_of_memory", "No.", "why"),
    ],
)
def test_errors_cross_process_boundaries(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own bytes)
    assert type(again) is type(error)
    assert vars(again) == vars(error)
