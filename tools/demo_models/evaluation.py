"""Word error rate, time accuracy and cost of a converted model, measured as the platform runs it.

`padded` goes through faster-whisper (int8, beam 1, windows padded to 30 s); `fitted` gives CTranslate2 only
the window and a margin, which is what the card's `context: fit` allows.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import jiwer
import numpy as np
from faster_whisper import WhisperModel
from tokenizers import Tokenizer

from . import audio_files, features, recordings, tokens
from .grammar import normalize
from .recordings import Clip
from .synthesis import SAMPLE_RATE, Samples


@dataclass(frozen=True)
class Score:
    """Pooled word errors over a set, and its cost: CPU seconds per window of this process."""

    windows: int
    words: int
    errors: int
    cpu_ms_per_window: float

    def as_dict(self) -> dict[str, Any]:
        """Return the score for a card, with the rate in percent."""
        return {
            "windows": self.windows,
            "words": self.words,
            "errors": self.errors,
            "wer_percent": round(100 * self.errors / max(1, self.words), 1),
            "cpu_ms_per_window": round(self.cpu_ms_per_window),
        }


def _score(references: list[str], heard: list[str], windows: int, cpu_seconds: float) -> Score:
    measured = jiwer.process_words(
        [normalize(text) for text in references], [normalize(text) for text in heard]
    )
    errors = measured.substitutions + measured.deletions + measured.insertions
    words = measured.hits + measured.substitutions + measured.deletions
    return Score(windows, words, errors, 1000 * cpu_seconds / max(1, windows))


class Engine:
    """A converted model, on one thread, reading windows either way."""

    def __init__(self, folder: Path) -> None:
        self._whisper = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
        self._raw = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=1
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def padded(self, samples: Samples, beam: int = 1) -> str:
        """Transcribe a window through faster-whisper."""
        segments, _ = self._whisper.transcribe(samples, language="en", beam_size=beam, temperature=0.0)
        return " ".join(segment.text for segment in segments)

    def fitted(self, samples: Samples, margin_s: float) -> str:
        """Transcribe a window with `margin_s` seconds of padding after it, without timestamps."""
        frames = features.normalize(features.log_power(samples))
        frames = np.pad(frames, ((0, int(margin_s * features.FRAMES_PER_SECOND)), (0, 0)))
        frames = frames[: len(frames) // 2 * 2]
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(frames.T[None]))
        prompt = [tokens.START, tokens.NO_TIMESTAMPS]
        result = self._raw.generate(view, [prompt], beam_size=1, max_length=120, suppress_blank=True)[0]
        return str(self._tokenizer.decode(list(result.sequences_ids[0])))

    def words(self, samples: Samples) -> list[tuple[float, float, str]]:
        """Return the words of a window with their times in seconds."""
        segments, _ = self._whisper.transcribe(
            samples, language="en", beam_size=1, temperature=0.0, word_timestamps=True
        )
        return [(word.start, word.end, word.word) for segment in segments for word in segment.words or []]


def score_padded(engine: Engine, clips: list[Clip], beam: int = 1) -> Score:
    """Score windows through faster-whisper."""
    started = time.process_time()
    heard = [engine.padded(clip.samples, beam) for clip in clips]
    return _score([clip.text for clip in clips], heard, len(clips), time.process_time() - started)


def score_fitted(engine: Engine, clips: list[Clip], margin_s: float) -> Score:
    """Score windows with a fitted context."""
    started = time.process_time()
    heard = [engine.fitted(clip.samples, margin_s) for clip in clips]
    return _score([clip.text for clip in clips], heard, len(clips), time.process_time() - started)


def score_recordings(engine: Engine, folder: Path) -> tuple[Score, dict[str, float]]:
    """Cut the recordings of `folder` at their pauses and score them, together and (percent) each."""
    references = json.loads((folder / "references.json").read_text())
    heard, windows, started = [], 0, time.process_time()
    for reference in references:
        samples = audio_files.read(folder / reference["file"])
        cuts = audio_files.cut_at_pauses(samples)
        windows += len(cuts)
        heard.append(" ".join(engine.padded(samples[begin:end]) for begin, end in cuts))
    cpu_seconds = time.process_time() - started
    texts = [str(reference["text"]) for reference in references]
    each = {
        reference["file"]: _score([reference["text"]], [text], 1, 0).as_dict()["wer_percent"]
        for reference, text in zip(references, heard, strict=True)
    }
    return _score(texts, heard, windows, cpu_seconds), each


def word_time_errors_ms(engine: Engine, folder: Path) -> dict[str, int]:
    """Return the median and 90th percentile of how far word starts are off, over exactly right clips."""
    off = []
    for reference in json.loads((folder / "references.json").read_text()):
        words = engine.words(audio_files.read(folder / reference["file"]))
        if normalize("".join(word for _, _, word in words)) == normalize(reference["text"]):
            pairs = zip(words, reference["words"], strict=False)
            off += [abs(start * 1000 - truth["start_ms"]) for (start, _, _), truth in pairs]
    return (
        {"median": round(float(np.median(off))), "p90": round(float(np.percentile(off, 90)))} if off else {}
    )


def words_in_noise(engine: Engine, count: int = 20) -> int:
    """Return how many words are heard in `count` windows of noise and nothing else, which should be none."""
    heard = 0
    for index in range(count):
        rng = np.random.default_rng(index)
        samples = features.coloured_noise(rng, 4 * SAMPLE_RATE, index / count) * np.float32(
            10 ** rng.uniform(-4, -1.5)
        )
        heard += len(engine.padded(samples).split())
    return heard


def evaluate(folder: Path, demo: Path, clips: Path) -> dict[str, Any]:
    """Measure everything a card states about a model."""
    engine = Engine(folder)
    singles = recordings.singles()
    engine.padded(singles[0].samples)  # the first call pays for loading
    figures: dict[str, Any] = {"held_out_sentences": score_padded(engine, singles).as_dict()}
    figures["held_out_sentences_beam_5"] = score_padded(engine, singles, beam=5).as_dict()
    for margin_s in (0.0, 1.0, 3.0):
        figures[f"held_out_fitted_margin_{margin_s:.0f}s"] = score_fitted(engine, singles, margin_s).as_dict()
    figures["test_clips_opus"] = score_recordings(engine, clips)[0].as_dict()
    score, each = score_recordings(engine, demo)
    figures["demo_recordings_cut_at_pauses"] = {**score.as_dict(), "wer_percent_by_file": each}
    figures["two_sentences_within_8s"] = score_padded(engine, recordings.merged(8.0)).as_dict()
    figures["cut_mid_sentence"] = score_padded(engine, recordings.cut_short()).as_dict()
    figures["unseen_synthetic_voices"] = score_padded(engine, recordings.unseen_voices()).as_dict()
    figures["word_start_error_ms"] = word_time_errors_ms(engine, clips)
    figures["words_heard_in_20_noise_windows"] = words_in_noise(engine)
    return figures
