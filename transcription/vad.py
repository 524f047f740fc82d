"""Where somebody speaks: Silero's voice activity detector, as it comes with faster-whisper.

For workers: it needs numpy and onnxruntime, which are loaded when it is first asked. An hour costs about 7
CPU seconds; memory is that of a block.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from transcription.types import SAMPLE_RATE, SAMPLES_PER_MS, Span

if TYPE_CHECKING:
    from transcription.engines.base import Samples

FRAME: Final = 512
"""Samples that one probability stands for: 32 ms, which is what the model was trained on."""
FRAME_MS: Final = FRAME / SAMPLES_PER_MS
VOICE: Final = 0.5
"""The probability from which a frame counts as speech; Silero's own choice."""
_CONTEXT: Final = 64
_BLOCK: Final = 60 * SAMPLE_RATE // FRAME
_STATE: Final = (1, 1, 128)

Probabilities = NDArray[np.float32]


class VoiceStream:
    """Gives speech probabilities of audio that comes in blocks of any size, as if it had come at once.

    One stream belongs to one recording and one thread; the model behind is shared by all streams.
    """

    def __init__(self) -> None:
        self._h = np.zeros(_STATE, dtype=np.float32)
        self._c = np.zeros(_STATE, dtype=np.float32)
        self._context = np.zeros(_CONTEXT, dtype=np.float32)
        self._rest = np.zeros(0, dtype=np.float32)

    def feed(self, samples: Samples) -> Probabilities:
        """Give the probabilities of all frames that are complete; what is left waits for more."""
        sound = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        frames = len(sound) // FRAME
        found = [
            self._run(sound[at * FRAME : min(at + _BLOCK, frames) * FRAME]) for at in range(0, frames, _BLOCK)
        ]
        self._rest = sound[frames * FRAME :].copy()
        return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)

    def end(self) -> Probabilities:
        """Give the probability of the last, incomplete frame, if there is one, as if silence followed."""
        if not len(self._rest):
            return np.zeros(0, dtype=np.float32)
        last = np.zeros(FRAME, dtype=np.float32)
        last[: len(self._rest)] = self._rest
        self._rest = self._rest[:0]
        return self._run(last)

    def _run(self, sound: Samples) -> Probabilities:
        frames = sound.reshape(-1, FRAME)
        # Each frame is given with the last samples of the one before it.
        before = np.concatenate((self._context[None, :], frames[:-1, -_CONTEXT:]))
        inputs = {"input": np.concatenate((before, frames), axis=1), "h": self._h, "c": self._c}
        output, self._h, self._c = _session().run(None, inputs)
        self._context = frames[-1, -_CONTEXT:].copy()
        result: Probabilities = np.asarray(output, dtype=np.float32).reshape(-1)
        return result


def speech_probabilities(samples: Samples) -> Probabilities:
    """Give the probability of speech, 0..1, for each 32 ms of mono float32 at 16 kHz, shape `(frames,)`.

    The last frame may be incomplete; it is heard as if silence followed.
    """
    stream = VoiceStream()
    return np.concatenate((stream.feed(samples), stream.end()))


def voiced_ms(probabilities: Probabilities, *, threshold: float = VOICE) -> int:
    """Give how much of the sound is speech, in ms."""
    return round(int((probabilities >= threshold).sum()) * FRAME_MS)


def spans(
    probabilities: Probabilities,
    duration_ms: int,
    *,
    threshold: float = VOICE,
    min_pause_ms: int = 250,
    min_speech_ms: int = 100,
    pad_ms: int = 120,
) -> list[Span]:
    """Give the stretches of speech, in order and apart, within `[0, duration_ms)`.

    Speech begins at `threshold` and goes on until the probability has been 0.15 below it for `min_pause_ms`.
    Stretches under `min_speech_ms` are clicks. Each is widened by `pad_ms`, and shares a short pause evenly.
    """
    found = [
        (start, end)
        for start, end in _runs(probabilities, threshold, max(0.01, threshold - 0.15), min_pause_ms)
        if end - start >= min_speech_ms
    ]
    made: list[Span] = []
    for index, (start, end) in enumerate(found):
        before = (found[index - 1][1] + start) // 2 if index else 0
        after = (end + found[index + 1][0]) // 2 if index + 1 < len(found) else duration_ms
        start, end = max(start - pad_ms, before), min(end + pad_ms, after, duration_ms)
        if start < end:
            made.append(Span(start, end))
    return made


def _runs(found: Probabilities, begin: float, stop: float, pause_ms: int) -> Iterator[tuple[int, int]]:
    since: int | None = None
    quiet: int | None = None
    for index, probability in enumerate(found.tolist()):
        if since is None:
            if probability >= begin:
                since = index
        elif probability >= stop:
            quiet = None
        else:
            quiet = index if quiet is None else quiet
            if (index + 1 - quiet) * FRAME_MS >= pause_ms:
                yield round(since * FRAME_MS), round(quiet * FRAME_MS)
                since = quiet = None
    if since is not None:
        yield round(since * FRAME_MS), round((len(found) if quiet is None else quiet) * FRAME_MS)


@functools.cache
def _session() -> Any:
    """Load the model: one session for the process, with one thread. onnxruntime lets threads share it."""
    from faster_whisper.vad import get_vad_model

    return get_vad_model().session
