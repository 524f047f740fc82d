"""Real inference by the demo models, and the fake engine's promises."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.transcription import media
from transcription.audio import prepare
from transcription.catalog import resolve
from transcription.engines.base import Engine, WindowAudio
from transcription.engines.fake import FakeEngine, fake_words
from transcription.engines.whisper import WhisperEngine
from transcription.errors import EngineError
from transcription.pcm import read_pcm
from transcription.text.metrics import ErrorCounts, count_errors, pool
from transcription.types import DecodingOptions, Span

Clips = list[tuple[WindowAudio, str]]


def _window(samples: NDArray[np.int16]) -> WindowAudio:
    return WindowAudio(samples.astype(np.float32) / np.float32(32768))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    folder = tmp_path_factory.mktemp("clips")
    references = json.loads((media.HELDOUT / "references.json").read_text())
    made = []
    for item in references[::3]:
        prepared = prepare(media.HELDOUT / item["file"], folder / "a.wav", folder / "p.bin")
        made.append((WindowAudio(read_pcm(folder / "a.wav", Span(0, prepared.duration_ms))), item["text"]))
    return made


def _engine(name: str) -> tuple[WhisperEngine, DecodingOptions]:
    files = resolve(name, models_dir=Path("/nonexistent"), bundled_dir=media.ROOT / "models")
    options = DecodingOptions(beam_size=1, context=files.card.context, margin_ms=files.card.margin_ms)
    return WhisperEngine(files, threads=1), options


@pytest.fixture(scope="module")
def refine() -> tuple[WhisperEngine, DecodingOptions]:
    return _engine("demo-refine")


@pytest.fixture(scope="module")
def draft() -> tuple[WhisperEngine, DecodingOptions]:
    return _engine("demo-draft")


def _errors(engine: Engine, options: DecodingOptions, clips: Clips) -> ErrorCounts:
    heard = engine.decode([window for window, _ in clips], options)
    return pool(count_errors(text, found.text) for (_, text), found in zip(clips, heard, strict=True))


def test_the_demo_models_hear_sentences_they_were_not_trained_on(
    clips: Clips, draft: tuple[WhisperEngine, DecodingOptions], refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    first, better = _errors(*draft, clips), _errors(*refine, clips)
    assert first.reference_length > 150
    assert better.rate is not None
    assert better.rate <= 0.10
    assert first.errors > better.errors


def test_full_context_hears_as_well(clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]) -> None:
    engine, options = refine
    assert (_errors(engine, replace(options, context="full"), clips[:8]).rate or 0) <= 0.10


def test_a_batch_gives_what_each_window_gives_alone_and_in_order(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    windows = [window for window, _ in clips[:8]]
    together = engine.decode(windows, options)
    alone = [engine.decode([window], options)[0] for window in windows]
    assert [heard.text for heard in together] == [heard.text for heard in alone]
    assert engine.decode(windows[::-1], options)[::-1] == together
    assert engine.decode(windows, options) == together
    assert engine.decode([], options) == []


def test_words_lie_in_order_within_their_window(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    for (window, _), heard in zip(
        clips, engine.decode([window for window, _ in clips], options), strict=True
    ):
        assert "".join(word.text for word in heard.words).strip() == heard.text
        times = [time for word in heard.words for time in (word.start_ms, word.end_ms)]
        assert times == sorted(times)
        assert times[0] >= 0
        assert times[-1] <= window.duration_ms
        assert all(0 <= word.probability <= 1 for word in heard.words)
    assert engine.decode([clips[0][0]], replace(options, word_timestamps=False))[0].words == ()


def test_silence_noise_and_scraps_give_no_words_and_say_why(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    windows = [
        _window(np.zeros(16_000 * 5, dtype=np.int16)),
        _window(media.noise(50, -10)),
        _window(np.zeros(0, dtype=np.int16)),
        clips[0][0],
        _window(media.noise(5_000, -55)),
    ]
    heard = engine.decode(windows, options)
    assert [found.text == "" for found in heard] == [True, True, True, False, True]
    assert [found.flags for found in heard] == [
        ("silence",),
        ("too_short",),
        ("too_short",),
        (),
        ("no_speech",),
    ]


def test_a_window_longer_than_the_models_is_split_and_joined(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    gap = media.noise(700, -70).astype(np.float32) / 32768
    long = WindowAudio(np.concatenate([part for window, _ in clips[:4] for part in (window.samples, gap)]))
    assert long.duration_ms > engine.info.window_ms
    (heard,) = engine.decode([long], options)
    assert "split" in heard.flags
    assert heard.words[-1].end_ms > engine.info.window_ms
    assert heard.words == tuple(sorted(heard.words, key=lambda word: (word.start_ms, word.end_ms)))


def test_fallback_tries_hotter_and_is_seeded(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    never = replace(options, log_prob_threshold=-1e-6, no_speech_threshold=None, temperatures=(0.0, 0.4, 0.8))
    windows = [window for window, _ in clips[:3]]
    first = engine.decode(windows, never)
    assert all("low_logprob" in heard.flags for heard in first)
    assert engine.decode(windows, never) == first
    # The likeliest of what was tried is kept, so a hopeless threshold costs time and no quality.
    plain = engine.decode(windows, replace(options, temperatures=(0.0,)))
    for tried, once in zip(first, plain, strict=True):
        assert tried.signals.avg_logprob >= once.signals.avg_logprob


def test_a_doubtful_fitted_window_is_decoded_again_in_full(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    windows = [window for window, _ in clips[:4]]
    fitted = replace(options, context="fit", margin_ms=500, temperatures=(0.0,), no_speech_threshold=None)
    plain = engine.decode(windows, fitted)
    assert {heard.signals.context for heard in plain} == {"fit"}
    # Under a threshold that nothing passes every window is doubtful, and what counts is the full context.
    strict = replace(fitted, log_prob_threshold=-1e-6)
    again = engine.decode(windows, strict)
    assert {heard.signals.context for heard in again} == {"full"}
    full = engine.decode(windows, replace(strict, context="full"))
    assert again == full
    # Hotter tries are made of the full context, too.
    hotter = replace(strict, temperatures=(0.0, 0.6))
    assert engine.decode(windows, hotter) == engine.decode(windows, replace(hotter, context="full"))
    # Only those that need it: one window of the batch is noise, which these models are unsure of.
    mixed = replace(fitted, log_prob_threshold=min(heard.signals.avg_logprob for heard in plain) - 1e-3)
    noise = _window(media.noise(3_000, -20))
    contexts = [heard.signals.context for heard in engine.decode([*windows, noise], mixed)]
    assert contexts[:-1] == ["fit"] * 4


def test_two_runs_give_the_same_text_whatever_the_batch_and_the_threads(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    files = resolve("demo-refine", models_dir=Path("/nonexistent"), bundled_dir=media.ROOT / "models")
    other = WhisperEngine(files, threads=2)
    windows = [window for window, _ in clips[:7]]
    for how in (options, replace(options, context="full", beam_size=5)):
        straight = engine.decode(windows, how)
        # As after a kill: the rest alone, in another order, by another process's engine.
        resumed = [*engine.decode(windows[:3], how), *other.decode(windows[:2:-1], how)[::-1]]
        assert [heard.text for heard in resumed] == [heard.text for heard in straight]
        assert engine.decode(windows, how) == straight


def test_a_batch_is_made_ready_in_another_thread_while_one_is_decoded(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    batches = [[window for window, _ in clips[at : at + 3]] for at in (0, 3, 6)]
    plain = [engine.decode(batch, options) for batch in batches]
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(engine.ready, batch, options) for batch in batches]
        assert [engine.decode_ready(ready.result()) for ready in waiting] == plain
        # What is ready can be decoded more than once, for example after a device was lost.
        ready = engine.ready(batches[0], options)
        assert engine.decode_ready(ready) == engine.decode_ready(ready) == plain[0]


def test_options_reach_the_decoder(clips: Clips, draft: tuple[WhisperEngine, DecodingOptions]) -> None:
    engine, options = draft
    windows = [window for window, _ in clips]
    plain = [heard.text for heard in engine.decode(windows, options)]
    assert [heard.text for heard in engine.decode(windows, replace(options, beam_size=5))] != plain
    loud = replace(options, max_tokens_per_second=0.0, no_speech_threshold=None, repetition_penalty=0.5)
    assert all(heard.signals.tokens <= 32 for heard in engine.decode(windows, loud))
    prompted = engine.decode(windows, replace(options, initial_prompt="The meeting with", hotwords="Keller"))
    assert len(prompted) == len(windows)


def test_wrong_input_and_options_are_named(
    clips: Clips, refine: tuple[WhisperEngine, DecodingOptions]
) -> None:
    engine, options = refine
    good = clips[0][0]
    spoilt = good.samples.copy()
    spoilt[5] = np.nan
    wrong = [
        WindowAudio(good.samples, sample_rate=8_000),
        WindowAudio(good.samples.astype(np.float64)),
        WindowAudio(good.samples.reshape(1, -1)),
        WindowAudio(spoilt),
    ]
    for engine_ in (engine, FakeEngine()):
        for window in wrong:
            with pytest.raises(EngineError, match="Window 1") as caught:
                engine_.decode([good, window], options)
            assert caught.value.code == "bad_input"
    for changed in (
        replace(options, language="de"),
        replace(options, task="translate"),
    ):
        with pytest.raises(EngineError, match="English") as caught:
            engine.decode([good], changed)
        assert caught.value.code == "bad_option"
    with pytest.raises(EngineError, match="English"):
        engine.decode([good, replace(good, language="fr")], options)


def test_what_made_a_text_is_recorded(refine: tuple[WhisperEngine, DecodingOptions]) -> None:
    info = refine[0].info
    assert info.name == "demo-refine"
    assert len(info.model_sha256) == 64
    assert info.device == "cpu"
    assert info.compute_type.startswith("int8")
    assert "ctranslate2" in info.version


def test_the_fake_engine_hears_the_samples_and_nothing_else() -> None:
    windows = [_window(media.noise(length, -20, length)) for length in (400, 3_000, 1_234)]
    options = DecodingOptions()
    heard = FakeEngine().decode(windows, options)
    assert [found.text for found in heard] == [" ".join(fake_words(window)) for window in windows]
    assert FakeEngine(name="other").decode(windows[::-1], options)[::-1] == heard
    assert len({found.text for found in heard}) == 3
    assert heard[1].words[-1].end_ms <= 3_000
    assert FakeEngine().decode([_window(np.zeros(9_000, dtype=np.int16))], options)[0].flags == ("silence",)


def test_the_command_line_goes_from_file_to_captions(tmp_path: Path, clips: Clips) -> None:
    gap = media.noise(800, -72).astype(np.float32) / 32768
    sound = np.concatenate([part for window, _ in clips[:5] for part in (gap, window.samples)])
    source = media.write_wav(tmp_path / "talk.wav", np.rint(sound * 32768).astype(np.int16))

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "transcription", str(source), "--offline", "--threads", "1", *arguments],
            capture_output=True, text=True, cwd=media.ROOT, check=False,
        )  # fmt: skip

    done = command("--draft", "demo-draft", "--refine", "demo-refine", "--out", "json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    counts = count_errors(" ".join(text for _, text in clips[:5]), made["text"])
    assert counts.rate is not None
    # Two sentences in one window are harder for these models (their cards say how much).
    assert counts.rate <= 0.20
    assert len(made["segments"]) == 5
    assert "prepare: done" in done.stderr
    assert "the second pass changed" in done.stderr
    assert made["segments"][1]["words"][0]["start_ms"] >= made["segments"][1]["start_ms"]
    assert "x real time" in done.stderr
    alone = command("--draft", "demo-refine", "--out", "json", "--no-merge", "--context", "full")
    counts = count_errors(" ".join(text for _, text in clips[:5]), json.loads(alone.stdout)["text"])
    assert counts.errors <= 4
    captions = command("--draft", "demo-refine", "--out", "srt", "--output", str(tmp_path / "talk.srt"))
    assert captions.returncode == 0
    assert (tmp_path / "talk.srt").read_text().startswith("1\n00:00:0")
    missing = command("--draft", "tiny", "--models-dir", str(tmp_path))
    assert missing.returncode == 1
    assert "downloading is off" in missing.stderr
    assert "Traceback" not in missing.stderr
    for wrong in ("--options={beam", '--options={"beams": 3}', "--options=[1]", "--language=de"):
        refused = command("--draft", "demo-draft", wrong)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert refused.stderr.strip()
    source.write_bytes(b"nothing")
    assert command("--draft", "demo-draft").returncode == 1
