"""Whisper by CTranslate2: batches of windows from any recordings, encoded and decoded together.

faster-whisper provides the features, the tokenizer and the alignment of words; the batch is ours, because its
pipelines take one recording per call, and its batched one has no temperature fallback.
"""

from __future__ import annotations

import functools
import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import ctranslate2
import faster_whisper
import numpy as np
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import WhisperModel, get_suppressed_tokens, merge_punctuations
from numpy.typing import NDArray

from transcription.catalog import ModelFiles
from transcription.engines import parts
from transcription.engines.base import EngineInfo, Ready, WindowAudio
from transcription.errors import EngineCode, EngineError
from transcription.types import DecodingOptions, Flag, Heard, Signals, Word

if TYPE_CHECKING:
    from transcription.engines.base import Samples

Device = Literal["cpu", "cuda", "auto"]

_FULL_FRAMES: Final = 3_000
"""Feature frames of 10 ms that Whisper was trained on: 30 s."""
_BUCKETS: Final = (400, 600, 800, 1_000, 1_200, 1_500, 2_000, _FULL_FRAMES)
"""Lengths that windows are padded to in `fit` context; windows of one length share a batch."""
_FRAME_BUDGET: Final = {"cpu": 12_000, "cuda": 96_000}
"""Frames in one call of the model: its memory is activations, about 0.4 GB at 12,000 with `base` and beam 5.
"""
_MAX_LENGTH: Final = 448
_BEFORE_WORD: Final = "\"'“¿([{-"
_AFTER_WORD: Final = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001  (they are the marks of other scripts)


@dataclass(slots=True, eq=False)
class _Part:
    """A piece of a window that fits the model: its features, unpadded, and what is known of it so far."""

    samples: Samples
    features: NDArray[np.float32]
    language: str | None
    language_probability: float = 1.0

    @property
    def frames(self) -> int:
        return int(self.features.shape[-1])

    @property
    def duration_ms(self) -> int:
        return len(self.samples) // 16


@dataclass(slots=True, frozen=True)
class _Candidate:
    """One decoding of one part at one temperature."""

    tokens: list[int]
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    at_limit: bool


class WhisperEngine:
    """A Whisper model on one device, loaded at construction. Load it in the process that decodes, after any
    fork.

    `threads`: CPU threads of one decoding, 0 for all cores. `compute_type`: CTranslate2's name; by default
    int8 on a CPU and float16 on a GPU. Raises EngineError `device_unavailable` where the model can't be
    loaded there.
    """

    def __init__(
        self,
        files: ModelFiles,
        *,
        device: Device = "cpu",
        device_index: int = 0,
        compute_type: str | None = None,
        threads: int = 0,
    ) -> None:
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
        self._device = device
        compute_type = compute_type or ("int8" if device == "cpu" else "float16")
        try:
            self._model: Any = WhisperModel(
                str(files.path),
                device=device,
                device_index=device_index,
                compute_type=compute_type,
                cpu_threads=threads or len(os.sched_getaffinity(0)),
                local_files_only=True,
            )
        except (RuntimeError, ValueError) as error:
            raise EngineError(
                "device_unavailable", f"{files.name} can't be loaded on {device} as {compute_type}: {error}"
            ) from error
        self._card = files.card
        self._multilingual = bool(self._model.model.is_multilingual)
        self._info = EngineInfo(
            name=files.name,
            model_sha256=files.sha256,
            device=device,
            compute_type=str(self._model.model.compute_type),
            version=f"ctranslate2 {ctranslate2.__version__}, faster-whisper {faster_whisper.__version__}",
            multilingual=self._multilingual,
            window_ms=min(files.card.window_ms, _FULL_FRAMES * 10),
        )
        self._tokenizer = functools.lru_cache(maxsize=256)(self._make_tokenizer)

    @property
    def info(self) -> EngineInfo:
        """Give what is stored with each result."""
        return self._info

    def ready(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> Ready:
        """Check windows and options and compute the features, in any thread: numpy lets go of the GIL."""
        for index, window in enumerate(batch):
            parts.check_window(window, index)
        self._check_options(batch, options)
        made: list[list[_Part] | Heard] = []
        for window in batch:
            language = window.language or options.language or (None if self._multilingual else "en")
            if flag := parts.unheard(window):
                made.append(parts.nothing(flag, language or ""))
                continue
            split = parts.split_long(window.samples, self._info.window_ms)
            made.append([_Part(samples, self._features(samples), language) for samples in split])
        return Ready(tuple(batch), options, made)

    def decode_ready(self, ready: Ready) -> list[Heard]:
        """Decode what `ready` made, in calls that keep within the memory of the device."""
        made: list[list[_Part] | Heard] = ready.prepared
        pieces = [part for found in made if not isinstance(found, Heard) for part in found]
        heard = self._decode_parts(pieces, ready.options)
        return [
            found
            if isinstance(found, Heard)
            else parts.join([heard[id(part)] for part in found], [part.duration_ms for part in found])
            for found in made
        ]

    def decode(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> list[Heard]:
        """Decode windows, of one recording or of many: `ready` and `decode_ready` in turn."""
        return self.decode_ready(self.ready(batch, options))

    def detect_language(self, windows: Sequence[WindowAudio]) -> tuple[str, float]:
        """Tell the language of windows of one recording from the sum of what each of them makes likely."""
        if not self._multilingual:
            return "en", 1.0
        totals: dict[str, float] = {}
        for window in windows:
            if parts.unheard(window):
                continue
            features = self._features(window.samples[: _FULL_FRAMES * 160])
            encoded = self._encode([_Part(window.samples, features, None)], _FULL_FRAMES)
            for token, probability in self._model.model.detect_language(encoded)[0]:
                totals[token[2:-2]] = totals.get(token[2:-2], 0.0) + float(probability)
        if not totals:
            return "en", 0.0
        best = max(totals, key=lambda code: totals[code])
        return best, totals[best] / sum(totals.values())

    def _check_options(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> None:
        supported = self._model.supported_languages
        for language in {options.language, *(window.language for window in batch)} - {None}:
            if language not in supported:
                hears = "only English" if not self._multilingual else "the languages " + ", ".join(supported)
                raise EngineError("bad_option", f"{self._info.name} hears {hears}, not {language!r}.")
        if options.task == "translate" and not self._multilingual:
            raise EngineError("bad_option", f"{self._info.name} can't translate: it hears only English.")

    def _features(self, samples: Samples) -> NDArray[np.float32]:
        features: NDArray[np.float32] = self._model.feature_extractor(samples)
        return features[:, :_FULL_FRAMES]

    def _decode_parts(self, pending: Sequence[_Part], options: DecodingOptions) -> dict[int, Heard]:
        """Decode parts in batches of equal padded length that keep within the memory budget."""
        by_length: dict[int, list[_Part]] = {}
        for part in pending:
            by_length.setdefault(_padded_frames(part, options), []).append(part)
        heard: dict[int, Heard] = {}
        for frames, group in sorted(by_length.items()):
            rows = max(1, _FRAME_BUDGET.get(self._device, 12_000) // frames)
            for start in range(0, len(group), rows):
                chunk = group[start : start + rows]
                try:
                    for part, result in zip(chunk, self._decode_chunk(chunk, frames, options), strict=True):
                        heard[id(part)] = result
                except (RuntimeError, MemoryError) as error:
                    code: EngineCode = "out_of_memory" if _is_out_of_memory(error) else "decode_failed"
                    raise EngineError(
                        code, f"{self._info.name} failed on {len(chunk)} windows of {frames * 10} ms: {error}"
                    ) from error
        return heard

    def _decode_chunk(self, chunk: list[_Part], frames: int, options: DecodingOptions) -> list[Heard]:
        encoded = self._encode(chunk, frames)
        self._detect_languages(chunk, encoded)
        best = self._generate_with_fallback(chunk, encoded, options)
        words: list[tuple[Word, ...]] = [()] * len(chunk)
        results: list[Heard] = []
        for part, candidate in zip(chunk, best, strict=True):
            results.append(_judge(candidate, part, options))
        if options.word_timestamps:
            spoken = [index for index, result in enumerate(results) if result.text]
            self._align(chunk, encoded, best, spoken, options, words)
        return [
            Heard(result.text, found, result.signals, result.flags)
            for result, found in zip(results, words, strict=True)
        ]

    def _encode(self, chunk: Sequence[_Part], frames: int) -> Any:
        padded = np.zeros((len(chunk), chunk[0].features.shape[0], frames), dtype=np.float32)
        for row, part in enumerate(chunk):
            padded[row, :, : part.frames] = part.features[:, :frames]
        return self._model.encode(padded)

    def _detect_languages(self, chunk: Sequence[_Part], encoded: Any) -> None:
        """Set the language of the parts that have none, from the encoding that is decoded anyway."""
        unknown = [row for row, part in enumerate(chunk) if part.language is None]
        if not unknown:
            return
        for row, ranked in zip(
            unknown, self._model.model.detect_language(_rows(encoded, unknown, len(chunk))), strict=True
        ):
            token, probability = ranked[0]
            chunk[row].language = token[2:-2]
            chunk[row].language_probability = float(probability)

    def _generate_with_fallback(
        self, chunk: Sequence[_Part], encoded: Any, options: DecodingOptions
    ) -> list[_Candidate]:
        """Decode all at the first temperature, and those that fail its thresholds at the next, and so on."""
        tried: list[list[_Candidate]] = [[] for _ in chunk]
        rows = list(range(len(chunk)))
        for temperature in options.temperatures:
            # Sampling draws for all rows of a call from one sequence. Alone, a window gives the same text
            # whatever else was in its batch: a run resumed after a crash gives the rows of a straight one.
            calls = [[row] for row in rows] if temperature > 0 else [rows]
            for call in calls:
                some = _rows(encoded, call, len(chunk))
                found = self._generate([chunk[row] for row in call], some, temperature, options)
                for row, candidate in zip(call, found, strict=True):
                    tried[row].append(candidate)
            rows = [row for row in rows if _needs_fallback(tried[row][-1], options)]
            if not rows:
                break
        return [_best(candidates, options) for candidates in tried]

    def _generate(
        self, chunk: Sequence[_Part], encoded: Any, temperature: float, options: DecodingOptions
    ) -> list[_Candidate]:
        tokenizers = [self._tokenizer(part.language or "en", options.task) for part in chunk]
        prompts = [self._prompt(tokenizer, options) for tokenizer in tokenizers]
        # By the padded length, which all windows of a batch share, so that the bound is the same alone.
        wanted = 32 + math.ceil(options.max_tokens_per_second * _padded_frames(chunk[0], options) / 100)
        # CTranslate2 gives at most max_length / 2 new tokens, and max_length counts the prompt.
        max_length = min(_MAX_LENGTH, max(2 * wanted, len(prompts[0]) + wanted))
        limit = min(max_length // 2, max_length - len(prompts[0]))
        sampling: dict[str, Any] = {"beam_size": options.beam_size, "patience": options.patience}
        if temperature > 0:
            ctranslate2.set_random_seed(options.seed)
            sampling = {
                "beam_size": 1,
                "num_hypotheses": options.best_of,
                "sampling_topk": 0,
                "sampling_temperature": temperature,
            }
        results = self._model.model.generate(
            encoded,
            prompts,
            length_penalty=options.length_penalty,
            repetition_penalty=options.repetition_penalty,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            max_length=max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=options.suppress_blank,
            suppress_tokens=get_suppressed_tokens(tokenizers[0], list(options.suppress_tokens)),
            **sampling,
        )
        made = []
        for tokenizer, result in zip(tokenizers, results, strict=True):
            tokens = result.sequences_ids[0]
            text = tokenizer.decode(tokens).strip()
            # The score is the sum of log-probabilities over length ** penalty; the mean counts the end token.
            total = result.scores[0] * len(tokens) ** options.length_penalty
            made.append(
                _Candidate(
                    tokens=tokens,
                    text=text,
                    avg_logprob=total / (len(tokens) + 1),
                    no_speech_prob=result.no_speech_prob,
                    compression_ratio=compression_ratio(text),
                    temperature=temperature,
                    at_limit=len(tokens) >= limit,
                )
            )
        return made

    def _prompt(self, tokenizer: Any, options: DecodingOptions) -> list[int]:
        before: list[int] = []
        for text in (options.hotwords, options.initial_prompt):
            if text and text.strip():
                before += tokenizer.encode(" " + text.strip())
        prompt = [tokenizer.sot_prev, *before[-(_MAX_LENGTH // 2 - 1) :]] if before else []
        prompt += tokenizer.sot_sequence
        if not options.timestamps:
            prompt.append(tokenizer.no_timestamps)
        return prompt

    def _align(
        self,
        chunk: Sequence[_Part],
        encoded: Any,
        best: Sequence[_Candidate],
        spoken: Sequence[int],
        options: DecodingOptions,
        words: list[tuple[Word, ...]],
    ) -> None:
        """Place the words of the rows in `spoken`, one call per language, as it is part of the prompt."""
        for language in sorted({chunk[row].language or "en" for row in spoken}):
            rows = [row for row in spoken if (chunk[row].language or "en") == language]
            tokenizer = self._tokenizer(language, options.task)
            aligned = self._model.find_alignment(
                tokenizer,
                [[token for token in best[row].tokens if token < tokenizer.eot] for row in rows],
                _rows(encoded, rows, len(chunk)),
                [chunk[row].frames for row in rows],
            )
            for row, found in zip(rows, aligned, strict=True):
                merge_punctuations(found, _BEFORE_WORD, _AFTER_WORD)
                words[row] = _words(found, chunk[row].duration_ms)

    def _make_tokenizer(self, language: str, task: str) -> Any:
        return Tokenizer(self._model.hf_tokenizer, self._multilingual, task=task, language=language)


def compression_ratio(text: str) -> float:
    """Give the size of a text over its size after zlib: above about 2.4 it repeats itself; 0 for no text."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data)) if data else 0.0


def _padded_frames(part: _Part, options: DecodingOptions) -> int:
    if options.context == "full":
        return _FULL_FRAMES
    wanted = part.frames + options.margin_ms // 10
    return next((frames for frames in _BUCKETS if frames >= wanted), _FULL_FRAMES)


def _rows(encoded: Any, rows: Sequence[int], count: int) -> Any:
    """Give some rows of an encoding; the encoding itself where all are wanted."""
    if len(rows) == count:
        return encoded
    on_cpu = encoded.to_device(ctranslate2.Device.cpu) if encoded.device != "cpu" else encoded
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.asarray(on_cpu)[list(rows)]))


def _too_repetitive(candidate: _Candidate, options: DecodingOptions) -> bool:
    threshold = options.compression_ratio_threshold
    return threshold is not None and candidate.compression_ratio > threshold


def _too_unsure(candidate: _Candidate, options: DecodingOptions) -> bool:
    return options.log_prob_threshold is not None and candidate.avg_logprob < options.log_prob_threshold


def _no_speech(candidate: _Candidate, options: DecodingOptions) -> bool:
    threshold = options.no_speech_threshold
    if threshold is None or candidate.no_speech_prob <= threshold:
        return False
    return not candidate.text or _too_unsure(candidate, options)


def _needs_fallback(candidate: _Candidate, options: DecodingOptions) -> bool:
    if _no_speech(candidate, options):
        return False
    return _too_repetitive(candidate, options) or _too_unsure(candidate, options)


def _best(candidates: Sequence[_Candidate], options: DecodingOptions) -> _Candidate:
    """Give the last candidate where it passed, else the likeliest of those that do not repeat themselves."""
    if not _needs_fallback(candidates[-1], options):
        return candidates[-1]
    fresh = [candidate for candidate in candidates if not _too_repetitive(candidate, options)]
    return max(fresh or candidates, key=lambda candidate: candidate.avg_logprob)


def _judge(candidate: _Candidate, part: _Part, options: DecodingOptions) -> Heard:
    flags: list[Flag] = []
    text = candidate.text
    if _no_speech(candidate, options):
        flags, text = ["no_speech"], ""
    else:
        if _too_repetitive(candidate, options):
            flags.append("repetition")
        if _too_unsure(candidate, options):
            flags.append("low_logprob")
        if candidate.at_limit:
            flags.append("token_limit")
    signals = Signals(
        avg_logprob=float(candidate.avg_logprob),
        no_speech_prob=float(candidate.no_speech_prob),
        compression_ratio=candidate.compression_ratio,
        temperature=candidate.temperature,
        language=part.language or "en",
        language_probability=part.language_probability,
        tokens=len(candidate.tokens),
    )
    return Heard(text, (), signals, tuple(flags))


def _words(aligned: Sequence[dict[str, Any]], duration_ms: int) -> tuple[Word, ...]:
    made = []
    for found in aligned:
        if not found["word"].strip():
            continue
        start = min(duration_ms, max(0, round(float(found["start"]) * 1000)))
        end = min(duration_ms, max(start, round(float(found["end"]) * 1000)))
        made.append(Word(start, end, found["word"], float(found["probability"])))
    return tuple(made)


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()
