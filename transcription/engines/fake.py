"""An engine without a model, for tests of everything around it: its text is a function of the samples alone.

It is as strict as a real one about its input, so a caller's mistake shows here first. Two windows with the
same samples give the same text in any process and any batch, so a test can say what must be in the database.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import Final

from transcription.engines import parts
from transcription.engines.base import EngineInfo, Ready, WindowAudio
from transcription.types import SAMPLE_RATE, DecodingOptions, Heard, Signals, Word

_SYLLABLES: Final = (
    "ba",
    "de",
    "gi",
    "ko",
    "lu",
    "ma",
    "ne",
    "pi",
    "ro",
    "su",
    "ta",
    "ve",
    "wi",
    "xo",
    "yu",
    "za",
)
_MS_PER_WORD: Final = 400


class FakeEngine:
    """Gives one made-up word per 400 ms of audio. `sleep_s` is waited for each window, before anything is
    given.
    """

    def __init__(self, *, sleep_s: float = 0.0, name: str = "fake", window_ms: int = 30_000) -> None:
        self._sleep_s = sleep_s
        self._info = EngineInfo(
            name=name,
            model_sha256=hashlib.sha256(name.encode()).hexdigest(),
            device="cpu",
            compute_type="none",
            version="fake 1",
            multilingual=True,
            window_ms=window_ms,
        )

    @property
    def info(self) -> EngineInfo:
        """Give what is stored with each result."""
        return self._info

    def ready(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> Ready:
        """Check the windows as a real engine does."""
        for index, window in enumerate(batch):
            parts.check_window(window, index)
        return Ready(tuple(batch), options)

    def decode_ready(self, ready: Ready) -> list[Heard]:
        """Give for each window the words of `fake_words`, evenly spread; silence and scraps as a real engine
        does.
        """
        return [self._hear(window, ready.options) for window in ready.windows]

    def decode(self, batch: Sequence[WindowAudio], options: DecodingOptions) -> list[Heard]:
        """Decode windows: `ready` and `decode_ready` in turn."""
        return self.decode_ready(self.ready(batch, options))

    def detect_language(self, windows: Sequence[WindowAudio]) -> tuple[str, float]:
        """Say English of any sound."""
        heard = [window for window in windows if parts.unheard(window) is None]
        return "en", 1.0 if heard else 0.0

    def _hear(self, window: WindowAudio, options: DecodingOptions) -> Heard:
        if self._sleep_s:
            time.sleep(self._sleep_s)
        language = window.language or options.language or "en"
        if flag := parts.unheard(window):
            return parts.nothing(flag, language)
        spoken = fake_words(window)
        step = window.duration_ms // len(spoken)
        words = tuple(
            Word(index * step, (index + 1) * step, f" {word}", 0.9) for index, word in enumerate(spoken)
        )
        signals = Signals(-0.2, 0.01, 1.0, 0.0, language, 1.0, len(spoken))
        return Heard(" ".join(spoken), words if options.word_timestamps else (), signals)


def fake_words(window: WindowAudio) -> list[str]:
    """Give the words FakeEngine hears in a window: at least one, by the SHA-256 of its 16-bit samples."""
    samples = (window.samples * 32768).round().clip(-32768, 32767).astype("<i2")
    digest = hashlib.sha256(samples.tobytes()).digest()
    count = max(1, len(samples) * 1000 // SAMPLE_RATE // _MS_PER_WORD)
    return [
        _SYLLABLES[digest[index % 32] >> 4] + _SYLLABLES[(digest[index % 32] + index // 32) & 15]
        for index in range(count)
    ]
