"""Waveform peaks on disk: minimum and maximum of each step at several zoom levels, as int8. No numpy here.

One file holds every level, so that a viewer reads a few kilobytes whatever the length of the recording: the
overview of 10 hours at the coarsest level is 7 kB, ten seconds at the finest 2 kB.

Layout, little-endian:

    offset 0   magic `EMPK`, u16 version, u16 number of levels, u64 samples of audio (16 kHz)
    then       for each level: u32 step in ms, u32 zero, u64 offset of its data, u64 number of steps
    then       the levels' data: int8 minimum, int8 maximum, ...

A value is the 16-bit sample divided by 256, rounded away from zero, so that the faintest sound is not drawn
as none.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

LEVELS_MS: Final = (10, 100, 1_000, 10_000)
"""Steps of the zoom levels in milliseconds, each a multiple of the one before."""
VERSION: Final = 1
_MAGIC: Final = b"EMPK"
_HEAD: Final = struct.Struct("<4sHHQ")
_LEVEL: Final = struct.Struct("<IIQQ")
_FACTOR: Final = 10
_MAX_LEVELS: Final = 16


@dataclass(frozen=True, slots=True)
class Level:
    """One zoom level: its step in ms, where its data starts in the file, and how many steps it has."""

    step_ms: int
    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class PeaksInfo:
    """The head of a peaks file: samples of audio at 16 kHz and the levels, finest first."""

    samples: int
    levels: tuple[Level, ...]

    @property
    def duration_ms(self) -> int:
        """Give the length of the audio, rounded up to a whole millisecond."""
        return -(-self.samples // 16)


def read_info(path: Path) -> PeaksInfo:
    """Read the head of a peaks file. Raises ValueError where it is not one, OSError where unreadable."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size + _MAX_LEVELS * _LEVEL.size)
    if len(head) < _HEAD.size:
        raise ValueError("not a peaks file: too short")
    magic, version, count, samples = _HEAD.unpack_from(head)
    if magic != _MAGIC or version != VERSION or not 1 <= count <= _MAX_LEVELS:
        raise ValueError("not a peaks file of version 1")
    if len(head) < _HEAD.size + count * _LEVEL.size:
        raise ValueError("not a peaks file: head cut off")
    levels = []
    for index in range(count):
        step, _, offset, steps = _LEVEL.unpack_from(head, _HEAD.size + index * _LEVEL.size)
        levels.append(Level(step, offset, steps))
    return PeaksInfo(samples, tuple(levels))


def best_level(info: PeaksInfo, span_ms: int, points: int) -> int:
    """Choose the step in ms for drawing `span_ms` in about `points` columns: the coarsest that still fills
    them.
    """
    wanted = span_ms / max(1, points)
    fitting = [level.step_ms for level in info.levels if level.step_ms <= wanted]
    return max(fitting) if fitting else info.levels[0].step_ms


def read_peaks_bytes(path: Path, level_ms: int, start_ms: int = 0, end_ms: int | None = None) -> bytes:
    """Read minimum, maximum, minimum, ... as int8 bytes for the steps that touch `[start_ms, end_ms)`.

    The first step begins at `start_ms` rounded down to the level's step; times past the end are clamped.
    Raises ValueError for a level the file lacks or a span that ends before it starts.
    """
    info = read_info(path)
    level = next((candidate for candidate in info.levels if candidate.step_ms == level_ms), None)
    if level is None:
        known = ", ".join(str(candidate.step_ms) for candidate in info.levels)
        raise ValueError(f"no peaks at {level_ms} ms; there are: {known}")
    if end_ms is None:
        end_ms = info.duration_ms
    if not 0 <= start_ms <= end_ms:
        raise ValueError(f"not a span: [{start_ms}, {end_ms})")
    first = min(start_ms // level_ms, level.count)
    last = max(first, min(-(-end_ms // level_ms), level.count))
    with path.open("rb") as file:
        file.seek(level.offset + 2 * first)
        return file.read(2 * (last - first))


def read_peaks(path: Path, level_ms: int, start_ms: int = 0, end_ms: int | None = None) -> list[int]:
    """Read the same as a list of integers in -128..127: minimum, maximum, minimum, ..."""
    return array("b", read_peaks_bytes(path, level_ms, start_ms, end_ms)).tolist()


def quietest_ms(path: Path, start_ms: int, end_ms: int, *, around_ms: int = 60) -> int:
    """Find the middle of the quietest `around_ms` within `[start_ms, end_ms)`, from the finest level.

    Used to place a cut where there is no pause. The earliest wins between equals, so the answer is stable.
    """
    step = LEVELS_MS[0]
    values = read_peaks(path, step, start_ms, end_ms)
    loudness = [high - low for low, high in zip(values[::2], values[1::2], strict=True)]
    return quietest_of(loudness, start_ms, end_ms, around_ms=around_ms)


def quietest_of(loudness: Sequence[int], start_ms: int, end_ms: int, *, around_ms: int = 60) -> int:
    """Find the same in the loudness (maximum less minimum) of the finest steps that touch the span."""
    step = LEVELS_MS[0]
    width = max(1, around_ms // step)
    if len(loudness) <= width:
        return (start_ms + end_ms) // 2
    total = sum(loudness[:width])
    best, best_index = total, 0
    for index in range(1, len(loudness) - width + 1):
        total += loudness[index + width - 1] - loudness[index - 1]
        if total < best:
            best, best_index = total, index
    first = start_ms // step * step
    return min(end_ms, max(start_ms, first + best_index * step + width * step // 2))


class PeaksWriter:
    """Writes a peaks file from the finest level, fed block by block; the coarser levels are made from it.

    Only the coarser levels are kept in memory: 0.8 MB for 10 hours. Use it as a context manager; the file is
    complete only after `finish`.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._coarse = [array("b") for _ in LEVELS_MS[1:]]
        self._pending = array("b")
        self._steps = 0
        self._data_offset = _HEAD.size + len(LEVELS_MS) * _LEVEL.size
        self._file.write(b"\0" * self._data_offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, fine: bytes, coarse: bytes) -> None:
        """Append steps of 10 ms and the steps of 100 ms made of them, each as int8 pairs.

        `fine` must hold whole steps of the next level except in the last call: the writer has no numpy, so
        the caller, which has, makes both.
        """
        self._file.write(fine)
        self._steps += len(fine) // 2
        self._coarse[0].frombytes(coarse)

    def finish(self, samples: int) -> None:
        """Write the coarser levels and the head, and flush to the disk."""
        for index in range(1, len(self._coarse)):
            self._coarse[index] = _coarser(self._coarse[index - 1])
        counts = [self._steps, *(len(level) // 2 for level in self._coarse)]
        offset = self._data_offset
        head = bytearray(_HEAD.pack(_MAGIC, VERSION, len(LEVELS_MS), samples))
        for step_ms, count in zip(LEVELS_MS, counts, strict=True):
            head += _LEVEL.pack(step_ms, 0, offset, count)
            offset += 2 * count
        for level in self._coarse:
            self._file.write(level.tobytes())
        self._file.seek(0)
        self._file.write(head)
        self._file.flush()

    def fileno(self) -> int:
        """Give the descriptor, for fsync."""
        return self._file.fileno()


def _coarser(pairs: array[int]) -> array[int]:
    lows, highs = pairs[::2], pairs[1::2]
    made = array("b")
    for start in range(0, len(lows), _FACTOR):
        made.append(min(lows[start : start + _FACTOR]))
        made.append(max(highs[start : start + _FACTOR]))
    return made
