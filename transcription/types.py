"""The words of the library as values: spans, words, signals, what was heard, options and limits.

Everything here is frozen, slotted and free of numpy. Milliseconds are integers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, Self

from transcription.errors import EngineError

SAMPLE_RATE: Final = 16_000
"""Hertz of every prepared WAV; Whisper's feature extractor takes nothing else."""
SAMPLES_PER_MS: Final = SAMPLE_RATE // 1000
BYTES_PER_SAMPLE: Final = 2
MAX_HYPOTHESES: Final = 20
"""Beams or candidates of one window. Each costs memory and time, and more than 10 have helped nobody."""
BYTES_PER_MS: Final = SAMPLES_PER_MS * BYTES_PER_SAMPLE


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open stretch of a recording, `[start_ms, end_ms)`, in milliseconds from its start."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms < self.end_ms:
            raise ValueError(f"a span needs 0 <= start < end, got [{self.start_ms}, {self.end_ms})")

    @property
    def duration_ms(self) -> int:
        """Give the length in milliseconds, always positive."""
        return self.end_ms - self.start_ms

    def shifted(self, by_ms: int) -> Span:
        """Give the same span moved later by `by_ms` (earlier when negative)."""
        return Span(self.start_ms + by_ms, self.end_ms + by_ms)


@dataclass(frozen=True, slots=True, order=True)
class ChannelSpan:
    """A stretch of one channel: 0 is the mix of all, 1 and 2 are left and right heard apart."""

    channel: int
    span: Span


@dataclass(frozen=True, slots=True)
class Word:
    """One word as an engine placed it: milliseconds from the start of its window, probability 0..1.

    `text` keeps the engine's own spacing (Whisper's words begin with a space), so joining gives the text.
    Whisper places some words with no length: `start_ms <= end_ms`.
    """

    start_ms: int
    end_ms: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Signals:
    """What an engine measured while decoding one window: the raw material of the risk score.

    `avg_logprob`: mean natural-log probability per token. `no_speech_prob`: 0..1, of the token that says so.
    `compression_ratio`: bytes of the text over bytes after zlib, above about 2.4 means repetition.
    `temperature`: the one that was accepted. `language_probability`: 1.0 where the language was given.
    `context`: how the accepted decoding was made: `full` (30 s), `fit` (its own length and a margin) or
    `pack` (one window with other clips; the log-probability is then the mean over this clip's words). With
    `fit` in the options, `full` here says that the fitted decoding was doubtful and was made again.
    """

    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    language: str
    language_probability: float
    tokens: int
    context: Literal["full", "fit", "pack"] = "full"

    def to_json(self) -> dict[str, Any]:
        """Give plain values for storing."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild from `to_json`; unknown keys are ignored, keys an earlier version lacked are filled."""
        return cls(**{f.name: data[f.name] for f in fields(cls) if f.name in data})


Flag = Literal[
    "too_short",
    "silence",
    "no_speech",
    "no_voice",
    "repetition",
    "stock_phrase",
    "low_logprob",
    "token_limit",
    "split",
]
"""Why a text is empty or doubtful. Nothing is dropped without one.

too_short: under 100 ms, not decoded. silence: no sample above the floor, not decoded. no_speech: the model
heard no speech and was unsure of its words, so its text was discarded. no_voice: there is a text, but Silero
finds no voice in the sound. repetition: over the compression threshold at every temperature, or the same
words again and again. stock_phrase: one of the sentences that Whisper makes of silence and music ("Thanks for
watching!"), and weakly supported. low_logprob: every temperature was tried and the best is still under the
threshold. token_limit: the model ran to its length limit. split: longer than the model's window, decoded in
parts.
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine heard in one window: trimmed text, words (empty unless asked for), signals and flags."""

    text: str
    words: tuple[Word, ...]
    signals: Signals
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """Every option that decides what text comes out, stated once and stored with the result.

    The defaults are those of openai-whisper and faster-whisper 1.2, except `condition_on_previous_text`,
    which is off because windows are decoded apart (and because it carries one window's hallucination to the
    next), and `timestamps`, which is off because a window is one segment or is dealt out by word times.

    `context`: `full` pads every window to the 30 s Whisper was trained on. `fit` pads it to its own length
    plus `margin_ms`: several times cheaper on a CPU, and only for models whose card says they were trained
    for it or where a project's own references show no loss. A fitted window that comes out doubtful is
    decoded again in full context before any higher temperature is tried.

    `pack`: short clips that the caller marked as belonging together (`WindowAudio.pack`) share one window of
    30 s in full context and are decoded once. The text of a clip then depends on the clips packed with it:
    the caller sees to it that they are always the same ones. Without it, and in `fit` context, marks are
    ignored.
    """

    language: str | None = None
    """A code such as `en`; None detects it."""
    task: Literal["transcribe", "translate"] = "transcribe"
    beam_size: int = 5
    best_of: int = 5
    """Candidates where the temperature is above 0."""
    patience: float = 1.0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    compression_ratio_threshold: float | None = 2.4
    log_prob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    word_timestamps: bool = True
    timestamps: bool = False
    initial_prompt: str | None = None
    hotwords: str | None = None
    condition_on_previous_text: bool = False
    suppress_blank: bool = True
    suppress_tokens: tuple[int, ...] = (-1,)
    """-1 stands for the model's own list of non-speech symbols."""
    max_tokens_per_second: float = 30.0
    """Bound on a looping decoder: so many per second of the padded window, plus 32, and never over 224."""
    context: Literal["full", "fit"] = "full"
    margin_ms: int = 3_000
    pack: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperatures or any(not 0.0 <= t <= 2.0 for t in self.temperatures):
            raise EngineError("bad_option", "temperatures must be one or more values from 0 to 2.")
        if not 1 <= self.beam_size <= MAX_HYPOTHESES or not 1 <= self.best_of <= MAX_HYPOTHESES:
            raise EngineError("bad_option", f"beam_size and best_of must be from 1 to {MAX_HYPOTHESES}.")
        if self.condition_on_previous_text:
            raise EngineError(
                "bad_option",
                "condition_on_previous_text must stay off: windows are decoded apart from each other.",
            )

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values; `from_json` takes them back without change."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild from `to_json`. Raises EngineError `bad_option` on a name this version does not know."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise EngineError("bad_option", f"Unknown decoding option: {', '.join(unknown)}.")
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        return cls(**values)

    def digest(self) -> str:
        """Give 64 hex digits that are equal for equal options, whatever the process or Python version."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Bounds of one preparation. The defaults let 24 hours of audio pass.

    A run ends at the first bound reached. `idle_timeout_s` grows with the size of the file (an index at the
    end of a large file is read before the first sample), and the wall clock is bounded by `min_speed`: on
    average the decoder must be that many times faster than the audio it has produced, after `startup_s`.
    """

    max_duration_ms: int = 26 * 3_600_000
    max_expansion: int = 1000
    """Output bytes per input byte, beyond `free_output_bytes`. 10 h of silence in FLAC is 297 (measured)."""
    free_output_bytes: int = 3600 * SAMPLE_RATE * BYTES_PER_SAMPLE
    idle_timeout_s: float = 8.0
    startup_s: float = 30.0
    min_speed: float = 4.0
    memory_bytes: int = 1_200_000_000
    """Address space of the decoder; 0.7 GB decodes everything in the test corpus."""
    cpu_seconds: int = 6 * 3600


@dataclass(frozen=True, slots=True)
class MediaWarning:
    """Something a person should know about an accepted file: a stable code and a sentence."""

    code: Literal[
        "duration_mismatch",
        "corrupt_audio",
        "cut_off",
        "ended_early",
        "silent",
        "extra_audio_tracks",
        "opposite_channels",
    ]
    message: str


@dataclass(frozen=True, slots=True)
class Source:
    """What the decoder found in the file: its container and codec by FFmpeg's names, Hz, channels.

    `claimed_ms` is what the header says, or None; headers lie, so never use it for anything but comparing.
    """

    container: str
    codec: str
    sample_rate: int
    channels: int
    claimed_ms: int | None
    audio_tracks: int = 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """The outcome of one preparation: facts about the source and about the 16 kHz mono WAV made of it."""

    source: Source
    duration_ms: int
    samples: int
    wav_bytes: int
    wav_sha256: str
    silences: tuple[Span, ...]
    """Of the mix. Those of channels that are heard apart are in `channel_silences`."""
    peak_levels_ms: tuple[int, ...]
    warnings: tuple[MediaWarning, ...] = field(default=())
    engine: str = ""
    """Version of the FFmpeg that did it."""
    layout: Literal["mixed", "apart"] = "mixed"
    channel_silences: tuple[ChannelSpan, ...] = ()
    segments: tuple[ChannelSpan, ...] = ()
    """By channel and time; empty unless preparing was told how to cut."""
