"""The paths only a multilingual model has, walked with one of random weights: what it says is noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.transcription import media
from tests.transcription.random_whisper import build
from transcription.catalog import resolve
from transcription.engines.base import WindowAudio
from transcription.engines.whisper import WhisperEngine
from transcription.errors import EngineError
from transcription.types import DecodingOptions

OPTIONS = DecodingOptions(
    beam_size=2,
    temperatures=(0.0,),
    compression_ratio_threshold=None,
    log_prob_threshold=None,
    max_tokens_per_second=2.0,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> WhisperEngine:
    folder = build(tmp_path_factory.mktemp("models") / "random")
    files = resolve(str(folder), models_dir=folder.parent)
    assert files.card.multilingual
    assert files.card.window_ms == 30_000
    return WhisperEngine(files, threads=1)


def _windows(count: int = 4) -> list[WindowAudio]:
    return [
        WindowAudio(media.noise(1_000 + 700 * seed, -20, seed).astype(np.float32) / np.float32(32768))
        for seed in range(count)
    ]


def test_languages_may_differ_within_a_batch(engine: WhisperEngine) -> None:
    assert engine.info.multilingual
    windows = [
        replace(w, language=code) for w, code in zip(_windows(), [None, "de", "ja", None], strict=True)
    ]
    heard = engine.decode(windows, OPTIONS)
    assert [found.signals.language for found in heard][1:3] == ["de", "ja"]
    assert [found.signals.language_probability for found in heard][1:3] == [1.0, 1.0]
    for found in (heard[0], heard[3]):
        assert 0 < found.signals.language_probability < 1
        assert len(found.signals.language) in (2, 3)
    # Whatever shares its batch, a window is heard as if alone, words and times included.
    for window, found in zip(windows, heard, strict=True):
        assert engine.decode([window], OPTIONS) == [found]


def test_the_language_of_the_options_holds_unless_a_window_has_its_own(engine: WhisperEngine) -> None:
    windows = _windows(2)
    windows[1] = replace(windows[1], language="fr")
    heard = engine.decode(windows, replace(OPTIONS, language="es"))
    assert [found.signals.language for found in heard] == ["es", "fr"]
    with pytest.raises(EngineError, match="'xx'"):
        engine.decode(windows, replace(OPTIONS, language="xx"))


def test_task_and_language_change_what_is_said(engine: WhisperEngine) -> None:
    windows = _windows(1)
    said = {
        engine.decode(windows, replace(OPTIONS, language=code, task=task))[0].text
        for code in ("de", "ja")
        for task in ("transcribe", "translate")
    }
    assert len(said) > 1


def test_hotter_tries_do_not_depend_on_the_batch(engine: WhisperEngine) -> None:
    sampled = replace(OPTIONS, language="de", temperatures=(0.0, 0.8), log_prob_threshold=-1e-6)
    windows = _windows()
    together = engine.decode(windows, sampled)
    assert engine.decode(windows, sampled) == together
    assert [engine.decode([window], sampled)[0] for window in windows] == together
    other = engine.decode(windows, replace(sampled, seed=5))
    assert all("low_logprob" in found.flags for found in (*together, *other))


def test_a_loop_is_cut_and_told(engine: WhisperEngine) -> None:
    (heard,) = engine.decode(_windows(1), OPTIONS)
    assert "token_limit" in heard.flags
    assert heard.signals.tokens <= 32 + 2 * 30


@pytest.mark.parametrize("context", ["full", "fit"])
def test_half_a_minute_and_more(engine: WhisperEngine, context: str) -> None:
    samples = media.noise(65_000, -20).astype(np.float32) / np.float32(32768)
    options = DecodingOptions.from_json(OPTIONS.to_json() | {"context": context, "language": "en"})
    for length, split in ((16_000 * 30, False), (16_000 * 30 + 256, True), (16_000 * 65, True)):
        (heard,) = engine.decode([WindowAudio(samples[:length])], options)
        assert ("split" in heard.flags) is split


def test_a_prompt_of_any_length_leaves_room_to_speak(engine: WhisperEngine) -> None:
    long = " ".join(f"w{number}" for number in range(900))
    (heard,) = engine.decode(_windows(1), replace(OPTIONS, language="en", initial_prompt=long, hotwords=long))
    assert heard.signals.tokens > 1


def test_the_language_of_a_recording_is_found_in_several_windows(engine: WhisperEngine) -> None:
    windows = _windows(5)
    code, share = engine.detect_language(windows)
    assert engine.detect_language(windows[::-1])[0] == code
    assert 0 < share < 1
    sums: dict[str, float] = {}
    for window in windows:
        alone, probability = engine.detect_language([window])
        sums[alone] = sums.get(alone, 0.0) + probability
        (heard,) = engine.decode([window], OPTIONS)
        assert heard.signals.language == alone
        assert heard.signals.language_probability == pytest.approx(probability, rel=1e-3)
    assert share <= max(sums.values())
    silent = WindowAudio(np.zeros(16_000, np.float32))
    assert engine.detect_language([silent, *windows])[0] == code
    assert engine.detect_language([silent]) == ("en", 0.0)
    assert engine.detect_language([]) == ("en", 0.0)


def test_a_language_is_found_without_encoding_twice(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = []
    encode = engine._model.encode

    def counted(features: Any) -> Any:
        encoded.append(len(features))
        return encode(features)

    monkeypatch.setattr(engine._model, "encode", counted)
    windows = _windows(4)
    windows[2] = replace(windows[2], language="ja")
    engine.decode(windows, OPTIONS)
    assert sum(encoded) == len(windows)


def test_prompts_are_those_of_faster_whisper(engine: WhisperEngine) -> None:
    """Ask faster-whisper itself for the prompt of the same hotwords and initial prompt."""
    tokenizer = engine._generator.tokenizer("de", "transcribe")
    short, long = "w1 w2  ", " ".join(f"w{number}" for number in range(60))
    for hotwords in (None, short, long, " "):
        for prompt in (None, short, long):
            options = replace(OPTIONS, language="de", hotwords=hotwords, initial_prompt=prompt)
            theirs = engine._model.get_prompt(
                tokenizer,
                tokenizer.encode(" " + prompt.strip()) if prompt else [],
                without_timestamps=True,
                hotwords=hotwords if hotwords and hotwords.strip() else None,
            )
            ours = engine._generator.prompt(tokenizer, options)
            if len(theirs) <= 288:
                assert ours == theirs
            else:
                # Where faster-whisper leaves no room to speak, the beginning of the prompt gives way.
                hot = theirs[: 1 + 223]
                assert len(ours) == 288
                assert ours[: len(hot)] == hot
                assert ours[len(hot) :] == theirs[-(288 - len(hot)) :]
