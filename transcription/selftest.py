"""Decode a clip whose text is known, before a model's texts are believed.

A CUDA library that does not match its driver gives empty texts and no error (seen with CTranslate2 4.7 on
driver 550), a damaged device gives noise. Both look like work done. A model that does not pass is not used.
"""

from __future__ import annotations

import time
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from transcription.catalog import file_sha256
from transcription.errors import EngineError
from transcription.text.metrics import count_errors
from transcription.types import SAMPLE_RATE, Heard

if TYPE_CHECKING:
    from transcription.cards import ModelCard, SelfTest
    from transcription.engines.base import Engine, WindowAudio

_REPETITIVE: Final = 2.4
"""Compression ratio from which on a text repeats itself, as in DecodingOptions."""
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model wrote of its clip, how far from the text that is known (None: none is), in what time."""

    text: str
    cer: float | None
    took_ms: int


def run(engine: Engine, card: ModelCard) -> Outcome | None:
    """Decode the clip of a model's card; None where the card opts out.

    Raises EngineError `self_test_failed` where the text is empty or wrong, and whatever decoding raises.
    """
    test = card.self_test
    if test is None:
        return None
    audio = _read(test)
    began = time.monotonic()
    heard = engine.decode([audio], card.options(
        language=test.language, beam_size=1, temperatures=[0.0], word_timestamps=False,
    ))[0]  # fmt: skip
    took_ms = round((time.monotonic() - began) * 1000)
    return Outcome(heard.text, _judge(engine.info.name, test, heard), took_ms)


def _judge(model: str, test: SelfTest, heard: Heard) -> float | None:
    if not heard.text.strip():
        raise _refused(model, "heard nothing in")
    if test.text is None:
        if heard.signals.compression_ratio > _REPETITIVE:
            raise _refused(model, f"repeats itself (“{heard.text[:_SHOWN]}”) on")
        return None
    cer = count_errors(test.text, heard.text, unit="character").rate or 0.0
    if cer > test.max_cer:
        raise _refused(model, f"wrote “{heard.text[:_SHOWN]}” instead of “{test.text[:_SHOWN]}” for")
    return cer


def _refused(model: str, what: str) -> EngineError:
    return EngineError(
        "self_test_failed",
        f"{model} {what} the self-test's clip, so its texts can't be believed here. "
        "Compare the CUDA driver with the libraries, and the model with its source.",
    )


def _read(test: SelfTest) -> WindowAudio:
    """Read the clip. Raises EngineError `self_test_failed` where it isn't what the card says."""
    import numpy as np

    from transcription.engines.base import WindowAudio

    try:
        if test.sha256 and file_sha256(test.clip) != test.sha256:
            raise EngineError("self_test_failed", f"The self-test's clip {test.clip} is not the one it was.")
        with wave.open(str(test.clip)) as clip:
            if (clip.getnchannels(), clip.getsampwidth(), clip.getframerate()) != (1, 2, SAMPLE_RATE):
                raise EngineError(
                    "self_test_failed", f"The self-test's clip {test.clip} must be 16 kHz, mono, 16 bit."
                )
            data = clip.readframes(clip.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise EngineError(
            "self_test_failed", f"The self-test's clip {test.clip} can't be read: {error}."
        ) from error
    return WindowAudio(np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768))
