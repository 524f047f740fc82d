"""Speech from text through the espeak-ng C library, with the time of every word and phoneme.

The library is driven in its synchronous mode: it calls back with pieces of audio and lists of events. Only
the functions and constants of its public header `speak_lib.h` that are needed here are declared.
"""

import ctypes
import functools
import itertools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

SAMPLE_RATE = 16_000
Samples = npt.NDArray[np.float32]

ACCENTS = ("en-us", "en", "en-gb-x-rp")
VARIANTS = (
    "",
    *(f"m{n}" for n in range(1, 9)),
    *(f"f{n}" for n in range(1, 6)),
    *(
        "Andy",
        "Annie",
        "linda",
        "steph",
        "Alex",
        "Diogo",
        "Gene",
        "Jacky",
        "Lee",
        "Mario",
        "Michael",
        "edward",
    ),
)

_SYNCHRONOUS = 2
_PHONEME_EVENTS = 1
_CHARS_UTF8 = 1
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_RATE, _PITCH, _RANGE = 1, 3, 4
_SILENCE = 0.003
_EDGE = SAMPLE_RATE // 50
_RMS = 0.05


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Voice:
    """One way of speaking: an espeak-ng voice name, words a minute, pitch and pitch range (both 0 to 100)."""

    name: str
    rate: int
    pitch: int
    pitch_range: int


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence, trimmed to its speech: samples at 16 kHz, times in seconds from its first sample.

    `words` has one (start, end) for each whitespace-separated word of `text`; `phonemes` one (start, name)
    each.
    """

    text: str
    samples: Samples
    words: list[tuple[float, float]]
    phonemes: list[tuple[float, str]]


def draw_voice(rng: random.Random) -> Voice:
    """Draw a voice from the training range: 3 accents, 26 variants, 130 to 205 words a minute."""
    variant = rng.choice(VARIANTS)
    name = rng.choice(ACCENTS) + (f"+{variant}" if variant else "")
    return Voice(name, rng.randint(130, 205), rng.randint(25, 75), rng.randint(30, 70))


class _Espeak:
    """The library, initialised once per process; it keeps global state, so one sentence at a time."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        if self.rate <= 0:
            raise RuntimeError("espeak-ng did not start: is its data directory (espeak-ng-data) installed?")
        self._audio: list[npt.NDArray[np.int16]] = []
        self._events: list[tuple[int, int, float, str]] = []
        self._callback = _Callback(self._receive)  # kept: the library holds no reference of its own
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(
        self, audio: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]"
    ) -> int:
        if count > 0:  # at the end it is called once more with no audio and a count of nought
            self._audio.append(np.ctypeslib.as_array(audio, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            event = events[index]
            name = event.id.string.decode("utf-8", "replace") if event.type == _EVENT_PHONEME else ""
            self._events.append((event.type, event.text_position, event.audio_position / 1000, name))
            index += 1
        return 0

    def speak(self, text: str, voice: Voice) -> tuple[Samples, list[tuple[int, int, float, str]]]:
        """Return samples at the library's rate and events (type, 1-based text position, seconds, phoneme)."""
        self._audio, self._events = [], []
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice.name!r}")
        for parameter, value in ((_RATE, voice.rate), (_PITCH, voice.pitch), (_RANGE, voice.pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode() + b"\0"
        self._library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _CHARS_UTF8, None, None)
        return np.concatenate(self._audio).astype(np.float32) / np.float32(32_768), self._events


@functools.cache
def _espeak() -> _Espeak:
    return _Espeak()


def speak(text: str, voice: Voice) -> Utterance:
    """Speak one sentence: resampled to 16 kHz, trimmed to 20 ms around the speech, at a fixed loudness."""
    espeak = _espeak()
    native, events = espeak.speak(text, voice)
    samples = soxr.resample(native, espeak.rate, SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(samples) > _SILENCE)
    first, last = max(0, int(loud[0]) - _EDGE), min(len(samples), int(loud[-1]) + _EDGE)
    samples = samples[first:last]
    samples = samples * (_RMS / float(np.sqrt(np.mean(samples**2)) + 1e-6))
    duration, shift = len(samples) / SAMPLE_RATE, first / SAMPLE_RATE

    def heard(kind: int) -> list[tuple[int, float, str]]:
        return [
            (position - 1, max(0.0, at - shift), name) for what, position, at, name in events if what == kind
        ]

    starts = {position: at for position, at, _ in heard(_EVENT_WORD)}
    phonemes = [(round(at, 3), name) for _, at, name in heard(_EVENT_PHONEME)]
    return Utterance(text, samples.astype(np.float32), _word_times(text, starts, duration), phonemes)


def _word_times(text: str, starts: dict[int, float], duration: float) -> list[tuple[float, float]]:
    """Give every word a time; espeak-ng reports runs such as "of the" as one word, so the rest is
    interpolated.
    """
    begins = [match.start() for match in re.finditer(r"\S+", text)]
    known = [begin for begin in begins if begin in starts]
    anchors = [*known, len(text) + 1]
    times = [*(starts[begin] for begin in known), duration]
    edges = [*(float(value) for value in np.interp(begins, anchors, times)), duration]
    return [(round(a, 3), round(max(b, a + 0.02), 3)) for a, b in itertools.pairwise(edges)]


def render(
    utterances: list[Utterance], gaps: list[float], noise: Callable[[int], Samples], snr_db: float
) -> tuple[Samples, list[tuple[float, float]]]:
    """Join utterances with `gaps` seconds of pause before, between and after them, over a bed of noise.

    Returns the samples (peak 0.6) and the (start, end) seconds of each utterance. `noise(count)` gives unit-
    power noise; `snr_db` is the speech-to-noise ratio in dB.
    """
    parts: list[Samples] = []
    times: list[tuple[float, float]] = []
    position = 0
    for gap, utterance in zip(gaps, [*utterances, None], strict=True):
        parts.append(np.zeros(round(gap * SAMPLE_RATE), np.float32))
        position += len(parts[-1])
        if utterance is not None:
            times.append((position / SAMPLE_RATE, (position + len(utterance.samples)) / SAMPLE_RATE))
            parts.append(utterance.samples)
            position += len(utterance.samples)
    clean = np.concatenate(parts)
    mixed = clean + noise(len(clean)) * (_RMS * 10 ** (-snr_db / 20))
    return (mixed * (0.6 / np.abs(mixed).max())).astype(np.float32), times
