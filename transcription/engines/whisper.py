"""Whisper by CTranslate2: batches of windows from any recordings, encoded and decoded together.

faster-whisper provides the features, the tokenizer and the alignment of words; the batch is ours, because its
pipelines take one recording per call, and its batched one has no temperature fallback.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import ctranslate2
import faster_whisper
import numpy as np
from faster_whisper.transcribe import WhisperModel

from transcription import vad
from transcription.catalog import ModelFiles
from transcription.devices import is_lost
from transcription.engines import budget, guard, parts, pieces
from transcription.engines.alignment import place_words
from transcription.engines.base import EngineInfo, Ready, WindowAudio
from transcription.engines.budget import Budget
from transcription.engines.dealt import deal
from transcription.engines.generation import Candidate, Encoded, Generator, Language, is_doubtful
from transcription.engines.pieces import FRAME_MS, FULL_FRAMES, Pack, Piece
from transcription.errors import EngineCode, EngineError
from transcription.types import SAMPLES_PER_MS, DecodingOptions, Heard, Signals, Word

if TYPE_CHECKING:
    from transcription.engines.base import Samples

Device = Literal["cpu", "cuda", "auto"]
T = TypeVar("T")

_TRIAL_TOKENS: Final = 64
"""What a window of speech has, about: a trial of the device generates as many."""
_CPU_ENCODED: Final = 5_600
"""Frames that a CPU encodes at once: attention is bound by memory there. tiny.en, ms of CPU a window: 3000
frames 538 / 524 / 606 at 1 / 2 / 4 together, 800 frames 53 / 51 / 50 / 74 at 1 / 4 / 8 / 15. Two full windows
together are no faster than one after the other and take 26 MB more at the peak. Decoding gains from more, so
the encodings are put together again.
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """What `ready` made of each window (pieces, or a result where there is nothing to decode), and packs."""

    windows: tuple[tuple[Piece, ...] | Heard, ...]
    packs: tuple[Pack, ...]


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What came of one piece: the accepted decoding, its words in time, its language."""

    candidate: Candidate
    words: tuple[Word, ...]
    language: Language


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
        self._multilingual = bool(self._model.model.is_multilingual)
        self._info = EngineInfo(
            name=files.name,
            model_sha256=files.sha256,
            device=device,
            compute_type=str(self._model.model.compute_type),
            version=f"ctranslate2 {ctranslate2.__version__}, faster-whisper {faster_whisper.__version__}",
            multilingual=self._multilingual,
            window_ms=min(files.card.window_ms, FULL_FRAMES * FRAME_MS),
        )
        self._generator = Generator(
            self._model.model, self._model.hf_tokenizer, multilingual=self._multilingual
        )
        on_cpu = device == "cpu"
        self._budget = Budget() if on_cpu else Budget(find=lambda: self._try_device(device_index))

    @property
    def info(self) -> EngineInfo:
        """Give what is stored with each result."""
        return self._info

    def ready(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> Ready:
        """Check windows and options and compute the features, in any thread: numpy lets go of the GIL."""
        for index, window in enumerate(batch):
            parts.check_window(window, index)
        self._check_options(batch, options)
        try:
            made = tuple(self._pieces(window, options) for window in batch)
            return Ready(tuple(batch), options, _Prepared(made, self._packs(batch, made, options)))
        except MemoryError as error:
            raise EngineError("out_of_memory", f"There is no memory for {len(batch)} windows.") from error

    def decode_ready(self, ready: Ready) -> list[Heard]:
        """Decode what `ready` made, in calls that keep within the memory of the device."""
        prepared: _Prepared = ready.prepared
        options = ready.options
        done = self._decode_packs(prepared.packs, options)
        waiting = [
            piece
            for made in prepared.windows
            if not isinstance(made, Heard)
            for piece in made
            if piece not in done
        ]
        done |= self._decode_pieces(waiting, options)
        return [
            made
            if isinstance(made, Heard)
            else parts.join(
                [self._heard(piece, done[piece], options) for piece in made],
                [piece.duration_ms for piece in made],
            )
            for made in prepared.windows
        ]

    def decode(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> list[Heard]:
        """Decode windows, of one recording or of many: `ready` and `decode_ready` in turn."""
        return self.decode_ready(self.ready(batch, options))

    def detect_language(self, windows: Sequence[WindowAudio]) -> tuple[str, float]:
        """Tell the language of windows of one recording from the sum of what each of them makes likely.

        Costs one encoding of 30 s per window, so three windows of a long recording are plenty. A recording of
        a single window needs no call: without a language, `decode` finds it in the encoding it decodes.
        """
        for index, window in enumerate(windows):
            parts.check_window(window, index)
        sounding = [window for window in windows if parts.unheard(window) is None]
        if not self._multilingual:
            return "en", 1.0 if sounding else 0.0
        longest = FULL_FRAMES * FRAME_MS * SAMPLES_PER_MS
        made = [pieces.make_piece(window.samples[:longest], None, self._features) for window in sounding]
        totals: dict[str, float] = {}
        for chunk in self._chunks(made, FULL_FRAMES, 1):
            for ranked in self._guarded(chunk, FULL_FRAMES, lambda some: self._ranked(self._encode(some))):
                for token, probability in ranked:
                    totals[token] = totals.get(token, 0.0) + probability
        if not totals:
            return "en", 0.0
        best = max(totals, key=lambda token: totals[token])
        return best[2:-2], totals[best] / sum(totals.values())

    def _check_options(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> None:
        supported = self._model.supported_languages
        for language in {options.language, *(window.language for window in batch)} - {None}:
            if language not in supported:
                hears = "only English" if not self._multilingual else "the languages " + ", ".join(supported)
                raise EngineError("bad_option", f"{self._info.name} hears {hears}, not {language!r}.")
        if options.task == "translate" and not self._multilingual:
            raise EngineError("bad_option", f"{self._info.name} can't translate: it hears only English.")

    def _pieces(self, window: WindowAudio, options: DecodingOptions) -> tuple[Piece, ...] | Heard:
        language = window.language or options.language or (None if self._multilingual else "en")
        if flag := parts.unheard(window):
            return parts.nothing(flag, language or "")
        split = parts.split_long(window.samples, self._info.window_ms)
        return tuple(pieces.make_piece(samples, language, self._features) for samples in split)

    def _features(self, samples: Samples) -> pieces.Features:
        features: pieces.Features = self._model.feature_extractor(samples)
        return features

    def _packs(
        self,
        batch: Sequence[WindowAudio],
        made: Sequence[tuple[Piece, ...] | Heard],
        options: DecodingOptions,
    ) -> tuple[Pack, ...]:
        if not options.pack or options.context != "full" or self._info.window_ms < FULL_FRAMES * FRAME_MS:
            return ()
        marked: dict[str, list[Piece]] = {}
        for window, found in zip(batch, made, strict=True):
            if window.pack is not None and not isinstance(found, Heard) and len(found) == 1:
                marked.setdefault(window.pack, []).append(found[0])
        return tuple(
            pack
            for clips in marked.values()
            for pack in pieces.make_packs([clip for clip in clips if pieces.may_be_packed(clip)])
        )

    def _decode_packs(self, packs: Sequence[Pack], options: DecodingOptions) -> dict[Piece, _Decoded]:
        """Decode packs once, without fallback; what can't be dealt surely is left to be decoded alone."""
        # With timestamps the model goes on after a pause; without, it lost half of the clips (tiny.en).
        asked = replace(options, timestamps=True, word_timestamps=True, temperatures=options.temperatures[:1])
        whole = self._run([pack.whole for pack in packs], FULL_FRAMES, asked, packed=True)
        done: dict[Piece, _Decoded] = {}
        for pack in packs:
            found = whole[pack.whole]
            begin = self._generator.tokenizer(found.language.code, options.task).timestamp_begin
            shares = deal(pack, found.candidate, found.words, begin, options)
            for clip, share in zip(pack.clips, shares, strict=True):
                if share is not None:
                    candidate, words = share
                    done[clip] = _Decoded(candidate, words if options.word_timestamps else (), found.language)
        return done

    def _decode_pieces(self, waiting: Sequence[Piece], options: DecodingOptions) -> dict[Piece, _Decoded]:
        """Decode pieces in calls of equal padded length; what is doubtful when fitted, again in full."""
        by_length: dict[int, list[Piece]] = {}
        for piece in waiting:
            by_length.setdefault(pieces.padded_frames(piece, options), []).append(piece)
        done: dict[Piece, _Decoded] = {}
        for frames, group in sorted(by_length.items()):
            # At full length there is nothing to be gained from more context.
            how = options if frames < FULL_FRAMES else replace(options, context="full")
            done |= self._run(group, frames, how)
        again = [piece for piece in waiting if piece not in done]
        return done | self._run(again, FULL_FRAMES, replace(options, context="full"))

    def _run(
        self, group: Sequence[Piece], frames: int, options: DecodingOptions, *, packed: bool = False
    ) -> dict[Piece, _Decoded]:
        """Decode pieces padded to `frames`. In `fit` context the doubtful ones are left out of the result."""
        done: dict[Piece, _Decoded] = {}
        for chunk in self._chunks(group, frames, options.beam_size):
            found = self._guarded(
                chunk, frames, lambda some: self._decode_chunk(some, frames, options, packed=packed)
            )
            done |= {piece: decoded for piece, decoded in zip(chunk, found, strict=True) if decoded}
        return done

    def _chunks(self, group: Sequence[Piece], frames: int, beam_size: int) -> Iterable[Sequence[Piece]]:
        start = 0
        while start < len(group):
            # Asked each time: it shrinks when memory runs out.
            rows = self._budget.rows(frames, beam_size)
            yield group[start : start + rows]
            start += rows

    def _guarded(
        self, chunk: Sequence[Piece], frames: int, call: Callable[[Sequence[Piece]], Sequence[T]]
    ) -> list[T]:
        """Call the model on a chunk; where memory runs out, on halves of it, and remember.

        Raises EngineError: `out_of_memory` where one piece is too many, `device_unavailable` where CUDA
        failed, `decode_failed`.
        """
        try:
            return list(call(chunk))
        except (RuntimeError, MemoryError) as error:
            code = _code_of(error)
            reason = f"{self._info.name} failed on {len(chunk)} windows of {frames * FRAME_MS} ms: {error}"
            if code != "out_of_memory" or len(chunk) == 1:
                raise EngineError(code, reason) from error
        self._budget.shrink(len(chunk), frames)
        middle = len(chunk) // 2
        return [*self._guarded(chunk[:middle], frames, call), *self._guarded(chunk[middle:], frames, call)]

    def _decode_chunk(
        self, chunk: Sequence[Piece], frames: int, options: DecodingOptions, *, packed: bool
    ) -> list[_Decoded | None]:
        encoded = self._encode(chunk, frames)
        languages = self._languages(chunk, encoded)
        fitted = options.context == "fit"
        how = replace(options, temperatures=options.temperatures[:1]) if fitted else options
        best = self._generator.with_fallback(encoded, languages, how, packed=packed)
        kept = [row for row, found in enumerate(best) if not (fitted and is_doubtful(found, options))]
        words: dict[int, tuple[Word, ...]] = {}
        if options.word_timestamps:
            words = self._align(chunk, encoded, languages, best, kept, options.task)
        return [
            _Decoded(found, words.get(row, ()), languages[row]) if row in set(kept) else None
            for row, found in enumerate(best)
        ]

    def _encode(self, chunk: Sequence[Piece], frames: int = FULL_FRAMES) -> Encoded:
        most = max(1, _CPU_ENCODED // frames) if self._info.device == "cpu" else len(chunk)
        views = [
            self._model.encode(pieces.stack(chunk[start : start + most], frames))
            for start in range(0, len(chunk), most)
        ]
        return Encoded(views, len(chunk), frames)

    def _ranked(self, encoded: Encoded, rows: Sequence[int] | None = None) -> list[list[tuple[str, float]]]:
        wanted = range(encoded.count) if rows is None else rows
        return [list(found) for found in self._model.model.detect_language(encoded.rows(wanted))]

    def _languages(self, chunk: Sequence[Piece], encoded: Encoded) -> list[Language]:
        """Give each piece's language, found in the encoding that is decoded anyway where it has none."""
        unknown = [row for row, piece in enumerate(chunk) if piece.language is None]
        ranked = dict(zip(unknown, self._ranked(encoded, unknown), strict=True)) if unknown else {}
        return [
            Language(piece.language)
            if piece.language is not None
            else Language(ranked[row][0][0][2:-2], float(ranked[row][0][1]))
            for row, piece in enumerate(chunk)
        ]

    def _align(
        self,
        chunk: Sequence[Piece],
        encoded: Encoded,
        languages: Sequence[Language],
        best: Sequence[Candidate],
        kept: Sequence[int],
        task: str,
    ) -> dict[int, tuple[Word, ...]]:
        """Place the words of the kept rows, one call per language, as it is part of the prompt."""
        words = {}
        for code in sorted({languages[row].code for row in kept}):
            tokenizer = self._generator.tokenizer(code, task)
            text = {
                row: [token for token in best[row].tokens if token < tokenizer.eot]
                for row in kept
                if languages[row].code == code
            }
            rows = [row for row, tokens in text.items() if tokens]
            if not rows:
                continue
            aligned = self._model.find_alignment(
                tokenizer,
                [text[row] for row in rows],
                encoded.rows(rows),
                [min(chunk[row].frames, encoded.frames) for row in rows],
            )
            for row, found in zip(rows, aligned, strict=True):
                piece = chunk[row]
                words[row] = place_words(found, piece.duration_ms or piece.frames * FRAME_MS, piece.levels)
        return words

    def _heard(self, piece: Piece, decoded: _Decoded, options: DecodingOptions) -> Heard:
        candidate = decoded.candidate
        flags = guard.flags_of(
            candidate, piece, options, lambda samples: vad.voiced_ms(vad.speech_probabilities(samples))
        )
        signals = Signals(
            avg_logprob=candidate.avg_logprob,
            no_speech_prob=candidate.no_speech_prob,
            compression_ratio=candidate.compression_ratio,
            temperature=candidate.temperature,
            language=decoded.language.code,
            language_probability=decoded.language.probability,
            tokens=len(candidate.tokens),
            context=candidate.context,
        )
        if "no_speech" in flags or not candidate.text:
            return Heard("", (), signals, tuple(flags))
        return Heard(candidate.text, decoded.words, signals, tuple(flags))

    def _try_device(self, device_index: int) -> int:
        """Measure how many frames one call may have: see `budget.largest`."""
        model = self._model.model
        noise = np.random.default_rng(0).normal(0, 0.3, (1, model.n_mels, FULL_FRAMES)).astype(np.float32)
        tokenizer = self._generator.tokenizer("en", "transcribe")
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]

        def step(rows: int) -> float:
            def call() -> object:
                encoded = self._model.encode(np.repeat(noise, rows, axis=0))
                return model.generate(encoded, [prompt] * rows, beam_size=5, max_length=2 * _TRIAL_TOKENS)

            return budget.timed(call)

        return budget.largest(step, lambda: budget.cuda_memory_share(device_index))


def _code_of(error: BaseException) -> EngineCode:
    if _is_out_of_memory(error):
        return "out_of_memory"
    return "device_unavailable" if is_lost(error) else "decode_failed"


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()
