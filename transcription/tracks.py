"""Follow the channels of a recording while it is decoded: each to its WAV, its pauses and its segments."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from transcription.channels import ChannelJudge, Layout, Verdict
from transcription.peaks import LEVELS_MS, PeaksWriter, quietest_of
from transcription.segmentation import Cutting
from transcription.types import BYTES_PER_SAMPLE, SAMPLES_PER_MS, ChannelSpan, Span
from transcription.voice import NEVER_MS, ByLoudness, ReadSamples, VoicePauses
from transcription.wav import HEADER_BYTES, wav_header

_FINE_MS: Final = LEVELS_MS[0]
_FINE: Final = _FINE_MS * SAMPLES_PER_MS
_RATIO: Final = LEVELS_MS[1] // LEVELS_MS[0]
MIX: Final = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What became certain since the last time: segments, and how far nothing can change any more."""

    segments: tuple[ChannelSpan, ...]
    settled_ms: int
    layout: Layout = "mixed"


class Track:
    """Takes the samples of one channel in pieces; writes them at once, so that they can be read back.

    Memory is constant. Use it as a context manager; the file is a WAV only after `finish`.
    """

    def __init__(self, part: Path, cutting: Cutting | None) -> None:
        self.part = part
        self.silences: list[Span] = []
        self.segments: list[Span] = []
        """Those that were not taken yet."""
        self.samples = 0
        self._file = part.open("x+b", buffering=0)
        self._write(bytes(HEADER_BYTES))
        self._pauses = _pauses_for(cutting, self._read)
        self._cutter = None if cutting is None else cutting.cutter(self._quietest)
        self._by_pauses = cutting is not None and cutting.kind != "fixed"
        self._loudness: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        """Of the finest steps of the waveform that are not cut yet."""
        self._loudness_from = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def settled_ms(self) -> int:
        """Give the time before which no segment can change any more."""
        return 0 if self._cutter is None else self._cutter.settled_ms

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.int8]:
        """Take the next samples, a whole number of 100 ms but in the last call; give their finest peaks."""
        self._write(samples.tobytes())
        self.samples += len(samples)
        fine = extremes(samples, _FINE)
        self._loudness = np.concatenate(
            (self._loudness, (fine[:, 1].astype(np.int16) - fine[:, 0]).astype(np.uint8))
        )
        found = self._pauses.feed(samples)
        self.silences += found
        if self._cutter is not None:
            known = self._pauses.settled_ms if self._by_pauses else self.samples // SAMPLES_PER_MS
            self.segments += self._cutter.feed(found, known)
            self._forget()
        else:
            self._loudness = self._loudness[:0]
        return fine

    def finish(self) -> None:
        """Say that the recording ends here; write the head of the WAV and flush it to the disk."""
        duration_ms = -(-self.samples // SAMPLES_PER_MS)
        found = self._pauses.finish(duration_ms)
        self.silences += found
        if self._cutter is not None:
            self.segments += self._cutter.feed(found)
            self.segments += self._cutter.finish(duration_ms)
        self._file.seek(0)
        self._write(wav_header(self.samples * BYTES_PER_SAMPLE))
        os.fsync(self._file.fileno())

    def take_segments(self) -> list[Span]:
        """Give the segments that became certain since the last time."""
        taken, self.segments = self.segments, []
        return taken

    def _quietest(self, start_ms: int, end_ms: int) -> int:
        first = start_ms // _FINE_MS - self._loudness_from
        last = -(-end_ms // _FINE_MS) - self._loudness_from
        return quietest_of(self._loudness[first:last].tolist(), start_ms, end_ms)

    def _read(self, start_ms: int, end_ms: int) -> NDArray[np.int16]:
        """Read samples back: what the voice detector hears may have been written a minute ago."""
        offset = HEADER_BYTES + start_ms * SAMPLES_PER_MS * BYTES_PER_SAMPLE
        size = (end_ms - start_ms) * SAMPLES_PER_MS * BYTES_PER_SAMPLE
        return np.frombuffer(os.pread(self._file.fileno(), size, offset), dtype="<i2")

    def _forget(self) -> None:
        past = self.settled_ms // _FINE_MS - self._loudness_from
        if past > 0:
            self._loudness = self._loudness[past:]
            self._loudness_from += past

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


class Tracks:
    """Takes the samples of a recording in pieces and follows what is heard in it: its mix, or two channels.

    `part_of` names the unfinished file of a channel. The two channels have files of their own only where
    `apart` allows it; those of a recording that turns out to be one sound are removed. While it is open which
    of the two it is, nothing is settled; what was heard by then is held in memory (at most two minutes).
    """

    def __init__(
        self, part_of: Callable[[int], Path], peaks: PeaksWriter, cutting: Cutting | None, *, apart: bool
    ) -> None:
        self._part_of, self._peaks, self._cutting, self._apart = part_of, peaks, cutting, apart
        self._tracks: dict[int, Track] = {}
        self._judge: ChannelJudge | None = None
        self._held: list[NDArray[np.int16]] = []
        self.verdict: Verdict | None = None
        self.segments: list[ChannelSpan] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for track in self._tracks.values():
            track.__exit__(kind, error, trace)

    @property
    def mix(self) -> Track:
        """Give the track of the mix."""
        return self._tracks[MIX]

    @property
    def heard(self) -> dict[int, Track]:
        """Give the tracks that are cut into segments, by channel."""
        if self.verdict is not None and self.verdict.layout == "apart":
            return {channel: track for channel, track in self._tracks.items() if channel != MIX}
        return {MIX: self.mix}

    def feed(self, samples: NDArray[np.int16], channels: int) -> Settled | None:
        """Take the next samples, interleaved; give what became certain, or None while nothing may be."""
        if not self._tracks:
            self._open(channels)
        if self._judge is None:
            self._take(samples.reshape(-1, channels))
        else:
            self._ask(self._judge, samples.reshape(-1, 2))
        return self._settled() if self.verdict is not None else None

    def finish(self) -> Settled:
        """Say that the recording ends here; give what became certain by that."""
        if not self._tracks:
            self._open(1)
        if self.verdict is None and self._judge is not None:
            self._decide(self._judge.finish())
        for track in self._tracks.values():
            track.finish()
        return self._settled()

    def _open(self, channels: int) -> None:
        apart = channels == 2 and self._apart
        self._tracks[MIX] = Track(self._part_of(MIX), self._cutting)
        if channels == 1:
            self.verdict = Verdict("mixed")
            return
        self._judge = ChannelJudge()
        for channel in (1, 2) if apart else ():
            self._tracks[channel] = Track(self._part_of(channel), self._cutting)

    def _ask(self, judge: ChannelJudge, frames: NDArray[np.int16]) -> None:
        if self.verdict is not None:
            self._take(frames)
            return
        verdict = judge.feed(frames)
        if verdict is None and not judge.heard:
            # Nothing to hear yet: it may go on as it is, and the wait for a sound costs no memory.
            self._take(frames)
            return
        self._held.append(frames.copy())
        if verdict is not None:
            self._decide(verdict)

    def _decide(self, verdict: Verdict) -> None:
        if verdict.layout == "apart" and not self._apart:
            verdict = Verdict("mixed", difference=verdict.difference)
        self.verdict = verdict
        for channel in (1, 2) if verdict.layout == "mixed" else ():
            track = self._tracks.pop(channel, None)
            if track is not None:
                track.__exit__(None, None, None)
                track.part.unlink(missing_ok=True)
        held, self._held = self._held, []
        for frames in held:
            self._take(frames)

    def _take(self, frames: NDArray[np.int16]) -> None:
        mixed = frames[:, 0] if frames.shape[1] == 1 else (self.verdict or Verdict("mixed")).mix(frames)
        fine = self.mix.feed(mixed)
        self._peaks.add(fine.tobytes(), _coarser(fine).tobytes())
        for channel, track in self._tracks.items():
            if channel != MIX:
                track.feed(np.ascontiguousarray(frames[:, channel - 1]))

    def _settled(self) -> Settled:
        new = tuple(
            ChannelSpan(channel, span)
            for channel, track in self.heard.items()
            for span in track.take_segments()
        )
        self.segments += new
        layout: Layout = "mixed" if self.verdict is None else self.verdict.layout
        return Settled(new, min(track.settled_ms for track in self.heard.values()), layout)


def _pauses_for(cutting: Cutting | None, read: ReadSamples) -> ByLoudness | VoicePauses:
    if cutting is None:
        return ByLoudness(read)
    if cutting.kind == "voice":
        return VoicePauses()
    # Cuts at a fixed length ask no voice where they fall.
    return ByLoudness(read, blind_after_ms=cutting.max_ms if cutting.kind == "pauses" else NEVER_MS)


def extremes(samples: NDArray[np.int16], step: int) -> NDArray[np.int8]:
    """Give minimum and maximum of each `step` samples as int8, shape `(n, 2)`; the last step may be short."""
    if len(samples) == 0:
        return np.empty((0, 2), dtype=np.int8)
    whole = len(samples) // step
    body = samples[: whole * step].reshape(whole, step)
    rest = samples[whole * step :]
    pairs = np.empty((whole + (len(rest) > 0), 2), dtype=np.int16)
    pairs[:whole, 0], pairs[:whole, 1] = body.min(axis=1), body.max(axis=1)
    if len(rest):
        pairs[whole] = rest.min(), rest.max()
    # Away from zero, so that the faintest sound is not drawn as none: floor the minimum, ceil the maximum.
    pairs[:, 0] >>= 8
    pairs[:, 1] = np.minimum((pairs[:, 1].astype(np.int32) + 255) >> 8, 127)
    return pairs.astype(np.int8)


def _coarser(fine: NDArray[np.int8]) -> NDArray[np.int8]:
    """Give the next level of peaks: rounding away from zero keeps order, so it is that of the samples."""
    starts = np.arange(0, len(fine), _RATIO)
    if len(starts) == 0:
        return fine
    lows = np.minimum.reduceat(fine[:, 0], starts)
    return np.stack((lows, np.maximum.reduceat(fine[:, 1], starts)), axis=1)
