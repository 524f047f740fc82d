"""Generate the text of encoded pieces: prompts, one call of the decoder, and the fallback to hotter ones."""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import ctranslate2
import numpy as np
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from transcription.engines.loops import is_looped
from transcription.engines.pieces import FRAME_MS
from transcription.types import DecodingOptions

MAX_LENGTH: Final = 448
"""Tokens of a prompt and what follows it: Whisper has no more positions."""
_PROMPT_TOKENS: Final = MAX_LENGTH // 2 - 1
"""The most that hotwords, and a prompt, may take: the cap of faster-whisper 1.2."""
_ROOM: Final = 160
"""Tokens that are always left to speak. faster-whisper lets hotwords and a prompt leave none."""


@dataclass(slots=True, frozen=True)
class Language:
    """A language and how probable it is; 1.0 where it was given."""

    code: str
    probability: float = 1.0


@dataclass(slots=True, frozen=True)
class Candidate:
    """One decoding of one piece at one temperature."""

    tokens: tuple[int, ...]
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    at_limit: bool
    context: Literal["full", "fit", "pack"]


class Encoded:
    """Encodings of the pieces of one call, of which some rows can be taken."""

    def __init__(self, views: Sequence[Any], count: int, frames: int) -> None:
        self.count = count
        self.frames = frames
        self._host: NDArray[np.float32] | None = None
        if len(views) > 1:
            self._host = np.concatenate([_on_host(view) for view in views])
        self._view = views[0] if self._host is None else ctranslate2.StorageView.from_array(self._host)

    def rows(self, wanted: Sequence[int]) -> Any:
        """Give some rows as the model takes them; the encoding itself where all are wanted, in order."""
        if list(wanted) == list(range(self.count)):
            return self._view
        if self._host is None:
            self._host = _on_host(self._view)
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(self._host[list(wanted)]))


class Generator:
    """The decoder of one model: knows its tokenizers and turns options into its calls."""

    def __init__(self, model: Any, hf_tokenizer: Any, *, multilingual: bool) -> None:
        self._model = model
        self._hf_tokenizer = hf_tokenizer
        self._multilingual = multilingual
        self.tokenizer = functools.lru_cache(maxsize=256)(self._make_tokenizer)

    def with_fallback(
        self,
        encoded: Encoded,
        languages: Sequence[Language],
        options: DecodingOptions,
        *,
        packed: bool = False,
    ) -> list[Candidate]:
        """Decode all at the first temperature, and those that fail its thresholds at the next, and so on."""
        tried: list[list[Candidate]] = [[] for _ in languages]
        rows = list(range(len(languages)))
        for temperature in options.temperatures:
            # Sampling draws for all rows of a call from one sequence. Alone, a window gives the same text
            # whatever else was in its batch: a run resumed after a crash gives the rows of a straight one.
            calls = [[row] for row in rows] if temperature > 0 else [rows]
            for call in calls:
                found = self._once(encoded, call, languages, temperature, options, packed=packed)
                for row, candidate in zip(call, found, strict=True):
                    tried[row].append(candidate)
            rows = [row for row in rows if needs_fallback(tried[row][-1], options)]
            if not rows:
                break
        return [_best(candidates, options) for candidates in tried]

    def _once(
        self,
        encoded: Encoded,
        rows: Sequence[int],
        languages: Sequence[Language],
        temperature: float,
        options: DecodingOptions,
        *,
        packed: bool,
    ) -> list[Candidate]:
        tokenizers = [self.tokenizer(languages[row].code, options.task) for row in rows]
        prompts = [self.prompt(tokenizer, options) for tokenizer in tokenizers]
        # By the padded length, which all pieces of a call share, so that the bound is the same alone.
        seconds = encoded.frames * FRAME_MS / 1000
        wanted = 32 + math.ceil(options.max_tokens_per_second * seconds)
        # CTranslate2 gives at most max_length / 2 new tokens, and max_length counts the prompt.
        max_length = min(MAX_LENGTH, max(2 * wanted, len(prompts[0]) + wanted))
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
        results = self._model.generate(
            encoded.rows(rows),
            prompts,
            length_penalty=options.length_penalty,
            repetition_penalty=options.repetition_penalty,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            max_length=max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=options.suppress_blank,
            suppress_tokens=self._suppressed(languages[rows[0]].code, options),
            **sampling,
        )
        made = []
        for tokenizer, result in zip(tokenizers, results, strict=True):
            tokens = result.sequences_ids[0]
            text = tokenizer.decode(tokens).strip()
            # The score is the sum of log-probabilities over length ** penalty; the mean counts the end token.
            total = result.scores[0] * len(tokens) ** options.length_penalty
            made.append(
                Candidate(
                    tokens=tuple(tokens),
                    text=text,
                    avg_logprob=float(total / (len(tokens) + 1)),
                    no_speech_prob=float(result.no_speech_prob),
                    compression_ratio=compression_ratio(text),
                    temperature=temperature,
                    at_limit=len(tokens) >= limit,
                    context="pack" if packed else options.context,
                )
            )
        return made

    def prompt(self, tokenizer: Any, options: DecodingOptions) -> list[int]:
        """Give the tokens before the text, as faster-whisper 1.2 orders and caps them: hotwords from their
        beginning, then the end of the prompt, then what task it is.

        Where both are long the prompt gives way, so that there is room left to speak.
        """
        hotwords = _tokens(tokenizer, options.hotwords)[:_PROMPT_TOKENS]
        prompt = _tokens(tokenizer, options.initial_prompt)[-_PROMPT_TOKENS:]
        asked = [*tokenizer.sot_sequence, *([] if options.timestamps else [tokenizer.no_timestamps])]
        most = MAX_LENGTH - _ROOM - 1 - len(asked) - len(hotwords)
        before = [*hotwords, *prompt[max(0, len(prompt) - most) :]]
        return [*([tokenizer.sot_prev, *before] if before else []), *asked]

    def _suppressed(self, language: str, options: DecodingOptions) -> Sequence[int]:
        return self._suppressed_of(language, options.task, options.suppress_tokens)

    @functools.lru_cache(maxsize=64)  # noqa: B019  (lives as long as the model)
    def _suppressed_of(self, language: str, task: str, asked: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(get_suppressed_tokens(self.tokenizer(language, task), list(asked)) or ())

    def _make_tokenizer(self, language: str, task: str) -> Any:
        return Tokenizer(self._hf_tokenizer, self._multilingual, task=task, language=language)


def compression_ratio(text: str) -> float:
    """Give the size of a text over its size after zlib: above about 2.4 it repeats itself; 0 for no text."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data)) if data else 0.0


def too_repetitive(candidate: Candidate, options: DecodingOptions) -> bool:
    """Tell whether the text is over the compression threshold."""
    threshold = options.compression_ratio_threshold
    return threshold is not None and candidate.compression_ratio > threshold


def too_unsure(candidate: Candidate, options: DecodingOptions) -> bool:
    """Tell whether the decoding is under the log-probability threshold."""
    return options.log_prob_threshold is not None and candidate.avg_logprob < options.log_prob_threshold


def no_speech(candidate: Candidate, options: DecodingOptions) -> bool:
    """Tell whether the model heard no speech, and was unsure of its words if it had any."""
    threshold = options.no_speech_threshold
    if threshold is None or candidate.no_speech_prob <= threshold:
        return False
    return not candidate.text or too_unsure(candidate, options)


def needs_fallback(candidate: Candidate, options: DecodingOptions) -> bool:
    """Tell whether another temperature should be tried."""
    if no_speech(candidate, options):
        return False
    return too_repetitive(candidate, options) or too_unsure(candidate, options)


def is_doubtful(candidate: Candidate, options: DecodingOptions) -> bool:
    """Tell whether a decoding that was made the cheap way has to be made again in full context.

    A text that would be discarded as no speech is doubtful, too: that is not decided on cheap evidence.
    """
    failed = too_repetitive(candidate, options) or too_unsure(candidate, options) or candidate.at_limit
    return bool(candidate.text) and (failed or is_looped(candidate.text, twice=True))


def _best(candidates: Sequence[Candidate], options: DecodingOptions) -> Candidate:
    """Give the last candidate where it passed, else the likeliest of those that do not repeat themselves."""
    if not needs_fallback(candidates[-1], options):
        return candidates[-1]
    fresh = [candidate for candidate in candidates if not too_repetitive(candidate, options)]
    return max(fresh or candidates, key=lambda candidate: candidate.avg_logprob)


def _on_host(view: Any) -> NDArray[np.float32]:
    """Give an encoding as numpy has it: that knows no bfloat16, so it is widened before it leaves the device.

    The model takes rows of any type from anywhere, and brings them to its own.
    """
    if view.dtype != ctranslate2.DataType.float32:
        view = view.to(ctranslate2.DataType.float32)
    if view.device != "cpu":
        view = view.to_device(ctranslate2.Device.cpu)
    return np.asarray(view)


def _tokens(tokenizer: Any, text: str | None) -> list[int]:
    return list(tokenizer.encode(" " + text.strip())) if text and text.strip() else []
