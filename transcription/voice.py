"""Find pauses by a voice detector, in samples that arrive in pieces: what loudness cannot tell apart.

Silero says how likely there is a voice in each 32 ms. It costs 150 times what the loudness map does, so where
pauses are asked for it is only given stretches in which the map found none: music, steady noise, speech over
either. There it gives places to cut and nothing is called silent: what is not speech stays in a segment, for
the engine to flag and a person to see. Where a voice is asked for, what has none belongs to no segment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from transcription.silence import MIN_SILENCE_MS, LevelMeter, PauseFinder
from transcription.types import Span

if TYPE_CHECKING:
    from transcription.vad import Probabilities

_CHUNK_FRAMES: Final = 64
"""Frames given to the model at once, always: its sums, and so its answers, could differ with the size."""
_EDGE_MS: Final = 32
"""Taken from both ends of a pause: the model hears the beginning and the end of words a little late."""
BLIND_AFTER_MS: Final = 25_000
"""Unless told otherwise, a sound without a pause that lasts longer is given to the voice detector."""
NEVER_MS: Final = 1 << 40
_PLACE_MS: Final = 240
"""Length of a place to cut: the pads of the segments beside it cover it whole."""
_ASIDE_MS: Final = 2_000
"""What is without a voice for longer becomes a segment of its own."""

ReadSamples = Callable[[int, int], NDArray[np.int16]]
"""Gives the samples of `[start_ms, end_ms)` of what was fed so far."""


class VoicePauses:
    """Finds pauses in speech: the same pauses whatever the pieces the samples come in. Memory is constant."""

    def __init__(self, start_ms: int = 0) -> None:
        # Here, because onnxruntime is loaded for it, and most recordings never need it.
        from transcription.vad import FRAME, FRAME_MS, VOICE, VoiceStream

        self._stream = VoiceStream()
        self._frame, self._frame_ms = FRAME, FRAME_MS
        self._begin, self._stop = VOICE, VOICE - 0.15
        self._start_ms = start_ms
        self._rest: NDArray[np.int16] = np.empty(0, dtype=np.int16)
        self._frames = 0
        self._quiet_from: int | None = 0
        """The frame where the open pause began."""

    @property
    def settled_ms(self) -> int:
        """Give the time up to which all is known: every pause that starts before it was given."""
        frames = self._frames if self._quiet_from is None else self._quiet_from
        return self._start_ms + (0 if frames == 0 else self._ms(frames))

    @property
    def open_pause(self) -> Span | None:
        """Give the pause that has begun and not ended, as far as it surely goes; None where there is none."""
        if self._quiet_from is None:
            return None
        begun = self._start_of(self._quiet_from)
        least = self._start_ms + self._ms(self._frames) - _EDGE_MS
        return Span(begun, least) if begun < least else None

    def feed(self, samples: NDArray[np.int16]) -> list[Span]:
        """Take the next samples; give the pauses that are certain now, in order."""
        self._rest = np.concatenate((self._rest, samples))
        size = _CHUNK_FRAMES * self._frame
        found: list[Span] = []
        while len(self._rest) >= size:
            found += self._hear(self._stream.feed(_as_float(self._rest[:size])))
            self._rest = self._rest[size:]
        return found

    def finish(self, end_ms: int) -> list[Span]:
        """Say that it ends here; give the pauses that are left, the last up to `end_ms`."""
        found = self._hear(self._stream.feed(_as_float(self._rest)))
        found += self._hear(self._stream.end())
        self._rest = self._rest[:0]
        if self._quiet_from is not None:
            found += self._pause(self._quiet_from, end_ms)
        return found

    def _hear(self, probabilities: Probabilities) -> list[Span]:
        found: list[Span] = []
        for probability in probabilities.tolist():
            if self._quiet_from is None:
                if probability < self._stop:
                    self._quiet_from = self._frames
            elif probability >= self._begin:
                found += self._pause(self._quiet_from, self._ms(self._frames) + self._start_ms - _EDGE_MS)
                self._quiet_from = None
            self._frames += 1
        return found

    def _pause(self, from_frame: int, end_ms: int) -> list[Span]:
        start_ms = self._start_of(from_frame)
        return [Span(start_ms, end_ms)] if end_ms - start_ms >= MIN_SILENCE_MS else []

    def _start_of(self, frame: int) -> int:
        return self._start_ms + (self._ms(frame) + _EDGE_MS if frame else 0)

    def _ms(self, frames: int) -> int:
        return round(frames * self._frame_ms)


class ByLoudness:
    """Finds the pauses of a recording by loudness, and by voices where that finds none for long."""

    def __init__(self, read: ReadSamples, blind_after_ms: int = BLIND_AFTER_MS) -> None:
        self._read, self._blind_after_ms = read, blind_after_ms
        self._meter = LevelMeter()
        self._finder = PauseFinder()
        self._sound_from = 0
        """Where the sound began that is open: the end of the last pause."""
        self._voices: VoicePauses | None = None
        self._heard_to = 0
        self._aside_from: int | None = None
        """Where a long stretch without a voice began, whose first place was given before its end is known."""

    @property
    def settled_ms(self) -> int:
        """Give the time up to which all is known: every pause that starts before it was given."""
        if self._voices is not None:
            pause = self._voices.open_pause
            if pause is not None and pause.start_ms == self._aside_from:
                return pause.end_ms - _PLACE_MS
            return self._voices.settled_ms
        # A sound is open: whether the voice detector has a say in it is not known yet.
        return min(self._sound_from + 1, self._finder.settled_ms)

    def feed(self, samples: NDArray[np.int16]) -> list[Span]:
        """Take the next samples; give the pauses that are certain now, in order."""
        found = self._around(self._finder.feed(self._meter.feed(samples)))
        if self._finder.settled_ms - self._sound_from > self._blind_after_ms:
            found += self._listen(self._finder.settled_ms)
        return found

    def finish(self, duration_ms: int) -> list[Span]:
        """Say that the recording ends here; give the pauses that are left."""
        found = self._around(self._finder.finish(duration_ms))
        if self._sound_from < duration_ms:
            found += self._end_of_sound(duration_ms)
        return found

    def _around(self, pauses: list[Span]) -> list[Span]:
        """Give pauses of the map, and what is heard in the sounds before each of them."""
        found: list[Span] = []
        for pause in pauses:
            found += self._end_of_sound(pause.start_ms)
            found.append(pause)
            self._sound_from = pause.end_ms
        return found

    def _end_of_sound(self, end_ms: int) -> list[Span]:
        if end_ms - self._sound_from <= self._blind_after_ms:
            return []
        found = self._listen(end_ms)
        if self._voices is not None:
            found += self._places(self._voices.finish(end_ms), end_ms)
            self._voices = None
        return found

    def _listen(self, to_ms: int) -> list[Span]:
        if self._voices is None:
            self._voices = VoicePauses(self._sound_from)
            self._heard_to = self._sound_from
        found: list[Span] = []
        while self._heard_to < to_ms:
            # A minute at a time: a sound may be as long as the recording.
            until = min(to_ms, self._heard_to + 60_000)
            found += self._voices.feed(self._read(self._heard_to, until))
            self._heard_to = until
        places = self._places(found, None)
        pause = self._voices.open_pause
        if pause is not None and pause.duration_ms >= _ASIDE_MS and pause.start_ms != self._aside_from:
            self._aside_from = pause.start_ms
            places += self._inside(_place(pause.start_ms))
        return places

    def _places(self, pauses: list[Span], end_ms: int | None) -> list[Span]:
        """Turn pauses in speech into places to cut: narrow enough that no sound is left out.

        A short one gives one in its middle; a long one gives one near each end, so that what is between
        speech has segments of its own. None lies at the edge of the sound, where there is a pause already.
        """
        found: list[Span] = []
        for pause in pauses:
            last = pause.end_ms - _PLACE_MS
            if pause.duration_ms < _PLACE_MS:
                found += self._inside(pause)
            elif pause.duration_ms < _ASIDE_MS:
                found += self._inside(_place((pause.start_ms + last) // 2))
            else:
                if pause.start_ms != self._aside_from:
                    found += self._inside(_place(pause.start_ms))
                if end_ms is None or pause.end_ms < end_ms:
                    found += self._inside(_place(last))
            self._aside_from = None
        return found

    def _inside(self, place: Span) -> list[Span]:
        return [place] if place.start_ms > self._sound_from else []


def _place(start_ms: int) -> Span:
    return Span(start_ms, start_ms + _PLACE_MS)


def _as_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return samples.astype(np.float32) / np.float32(32768)
