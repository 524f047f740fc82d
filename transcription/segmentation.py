"""Cut recordings into segments and plan the windows that are decoded. Pure functions of integers.

Segments never overlap, are in order and lie within the recording. What no segment covers is silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from transcription.types import Span

Kind = Literal["pauses", "voice", "fixed"]
Quietest = Callable[[int, int], int]
"""Gives the best place in ms to cut within [start, end) where there is no pause, for example
`peaks.quietest_ms`.
"""

MAX_WINDOW_MS: Final = 29_900
"""The most one window may last. Whisper takes 30 s; a cut of 30.016 s would cost a second window (measured).
"""
_LONG_PAUSE_MS: Final = 1_000
"""A pause from which on longer is no better as a place to cut."""
_SHORTEST_PAUSE_COST: Final = 1.0
_TOO_SHORT_COST: Final = 20.0
_HORIZON: Final = 6
"""Times the longest segment that the search looks ahead. Nearly always the best cuts are certain much sooner,
because all that can still follow agrees on them."""
_LONG_SOUND: Final = 3
"""Times the longest segment from which on the end of a sound has no say in where it is cut first."""
_LOOK_EVERY_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a recording is cut: at its pauses, found by loudness or by a voice detector, or at a fixed length.

    `pause_ms` and more always separates; see `cut_at_pauses` for it and the lengths.
    """

    kind: Kind = "pauses"
    target_ms: int = 8_000
    max_ms: int = 25_000
    min_ms: int = 1_000
    pause_ms: int | None = 2_000
    pad_ms: int = 120
    fixed_ms: int = 30_000

    def __post_init__(self) -> None:
        if not 0 < self.min_ms <= self.target_ms <= self.max_ms:
            raise ValueError("segment lengths need 0 < min_ms <= target_ms <= max_ms")
        if self.fixed_ms <= 0:
            raise ValueError("fixed_ms must be positive")

    def cutter(self, quietest: Quietest | None = None) -> Cutter | FixedCutter:
        """Make the cutter for one channel of one recording."""
        if self.kind == "fixed":
            return FixedCutter(self.fixed_ms)
        return Cutter(
            target_ms=self.target_ms,
            max_ms=self.max_ms,
            min_ms=self.min_ms,
            pause_ms=self.pause_ms,
            pad_ms=self.pad_ms,
            quietest=quietest,
        )


@dataclass(frozen=True, slots=True)
class _Cut:
    """A place where one segment may end and the next begin, with what choosing it costs."""

    end_ms: int
    start_ms: int
    cost: float
    forced: bool


def cut_at_pauses(
    duration_ms: int,
    silences: Sequence[Span],
    *,
    target_ms: int = 8_000,
    max_ms: int = 25_000,
    min_ms: int = 1_000,
    pause_ms: int | None = 2_000,
    pad_ms: int = 120,
    quietest: Quietest | None = None,
) -> list[Span]:
    """Cut `[0, duration_ms)` into segments at its pauses, none longer than `max_ms`.

    Which pauses are used is found by least total cost: a segment costs the square of its distance from
    `target_ms`, a cut costs more the shorter its pause is. Segments under `min_ms` are made only where there
    is no other way. A pause of `pause_ms` or more always separates segments, however short
    they are (None: never); models that take one sentence at a time want about 250.

    A cut lies in the middle of its pause. Where that leaves a segment more than `pad_ms` of silence at an
    end, the rest of the silence belongs to no segment. A stretch of sound longer than `max_ms` without a
    pause is cut where `quietest` says, else at even lengths.

    A recording that is all silence gives one segment, of at most `max_ms` from its start, so that it is seen
    and not lost. Raises ValueError where 0 < min_ms <= target_ms <= max_ms does not hold, or where silences
    overlap, are out of order or end after `duration_ms`.
    """
    if duration_ms <= 0:
        return []
    _check(silences, duration_ms)
    cutter = Cutter(
        target_ms=target_ms,
        max_ms=max_ms,
        min_ms=min_ms,
        pause_ms=pause_ms,
        pad_ms=pad_ms,
        quietest=quietest,
    )
    return [*cutter.feed(silences), *cutter.finish(duration_ms)]


def cut_fixed(duration_ms: int, length_ms: int = 30_000) -> list[Span]:
    """Cut every `length_ms` whatever is said there; the last segment takes what is left.

    Spans are exact to the sample because audio is sliced from PCM: 30 s is 480,000 samples, never more.
    Raises ValueError where `length_ms` is not positive.
    """
    if length_ms <= 0:
        raise ValueError("length_ms must be positive")
    return FixedCutter(length_ms).finish(max(0, duration_ms))


def _check(silences: Sequence[Span], duration_ms: int) -> None:
    at = 0
    for silence in silences:
        if silence.start_ms < at or silence.end_ms > duration_ms:
            raise ValueError("silences must be in order, apart and within the recording")
        at = silence.end_ms


class FixedCutter:
    """Cuts every so many milliseconds while the recording still arrives."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self.settled_ms = 0

    def feed(self, silences: Sequence[Span], settled_ms: int = 0) -> list[Span]:
        """Take how far the recording is known; give the segments that are whole."""
        made = []
        while self.settled_ms + self._length_ms <= settled_ms:
            made.append(Span(self.settled_ms, self.settled_ms + self._length_ms))
            self.settled_ms += self._length_ms
        return made

    def finish(self, duration_ms: int) -> list[Span]:
        """Say that the recording ends here; give what is left."""
        made = self.feed((), duration_ms)
        if self.settled_ms < duration_ms:
            made.append(Span(self.settled_ms, duration_ms))
        self.settled_ms = duration_ms
        return made


class Cutter:
    """Cuts at pauses while the recording still arrives: the same segments whatever the pieces it comes in.

    A search for the least cost over the places to cut, as `cut_at_pauses` describes. A segment is given when
    nothing later can change it: a forced cut follows, or all that can still follow agrees on it. Where that
    takes longer than six times the longest segment, the best is taken that is known then. So memory and time
    are bounded, and what is decided depends on the pauses alone, never on when they became known.
    """

    def __init__(
        self,
        *,
        target_ms: int,
        max_ms: int,
        min_ms: int,
        pause_ms: int | None,
        pad_ms: int,
        quietest: Quietest | None = None,
    ) -> None:
        if not 0 < min_ms <= target_ms <= max_ms:
            raise ValueError("segment lengths need 0 < min_ms <= target_ms <= max_ms")
        self._target_ms, self._max_ms, self._min_ms = target_ms, max_ms, min_ms
        self._pause_ms, self._pad_ms, self._quietest = pause_ms, pad_ms, quietest
        self._pause: Span | None = None
        """The last pause, while it is not known that a sound follows it."""
        self._cuts: list[_Cut] = []
        """Places to cut, from the last one that is certain; none before the first sound."""
        self._best: list[float] = []
        """What it costs at least to come to each of them, and from which one of them."""
        self._came_from: list[int] = []
        self._looked_ms = 0

    @property
    def settled_ms(self) -> int:
        """Give the time up to which all is certain: later segments start there or after it."""
        return self._cuts[0].start_ms if self._cuts else 0

    def feed(self, silences: Sequence[Span], settled_ms: int = 0) -> list[Span]:
        """Take the next pauses, in order; give the segments that are certain now.

        Every pause that starts before `settled_ms` has been given by now. `quietest` is asked only about
        times from this object's `settled_ms` to that one, or to the last pause.
        """
        made: list[Span] = []
        for silence in silences:
            if self._pause is not None and silence.start_ms <= self._pause.end_ms:
                self._pause = Span(self._pause.start_ms, silence.end_ms)
                continue
            made += self._take_pause()
            self._pause = silence
        if self._pause is not None and settled_ms > self._pause.end_ms:
            made += self._take_pause()
            self._pause = None
        if self._pause is None and settled_ms > 0:
            self._begin(0)
            made += self._cut_long_sound(settled_ms, ended=False)
        return made

    def finish(self, duration_ms: int) -> list[Span]:
        """Say that the recording ends here; give the segments that are left: of one without a sound, none."""
        if duration_ms <= 0:
            return []
        made: list[Span] = []
        if self._pause is not None and self._pause.end_ms < duration_ms:
            made = self._take_pause()
            self._pause = None
        if self._pause is not None and self._pause.start_ms == 0:
            return [Span(0, min(duration_ms, self._max_ms))]
        self._begin(0)
        sound_end = duration_ms if self._pause is None else self._pause.start_ms
        end = min(duration_ms, sound_end + self._pad_ms)
        made += self._cut_long_sound(end, ended=True)
        return made + self._add(_Cut(end, duration_ms, 0.0, forced=True))

    def _begin(self, start_ms: int) -> None:
        """Note where the first segment begins, unless that is known."""
        if not self._cuts:
            self._cuts, self._best, self._came_from = [_Cut(start_ms, start_ms, 0.0, forced=True)], [0.0], [0]

    def _take_pause(self) -> list[Span]:
        """Make the pause, which a sound follows, a place to cut: in its middle, with a pad to each side."""
        pause = self._pause
        if pause is None:
            return []
        if pause.start_ms == 0:
            self._begin(max(0, pause.end_ms - self._pad_ms))
            return []
        self._begin(0)
        middle = pause.start_ms + pause.duration_ms // 2
        shortness = 1 - min(pause.duration_ms, _LONG_PAUSE_MS) / _LONG_PAUSE_MS
        cut = _Cut(
            end_ms=min(middle, pause.start_ms + self._pad_ms),
            start_ms=max(middle, pause.end_ms - self._pad_ms),
            cost=_SHORTEST_PAUSE_COST * shortness,
            forced=self._pause_ms is not None and pause.duration_ms >= self._pause_ms,
        )
        return self._cut_long_sound(cut.end_ms, ended=True) + self._add(cut)

    def _cut_long_sound(self, end_ms: int, *, ended: bool) -> list[Span]:
        """Add cuts inside a sound that is longer than a segment may be. They cost more than any pause does.

        Its last parts are placed so that they are as few as can be. Far from its end, which may not be known
        yet (`ended` is false, and it lasts to `end_ms` at least), it is cut without looking there.
        """
        made: list[Span] = []
        longest = self._max_ms
        while True:
            at = self._cuts[-1].start_ms
            left = end_ms - at
            if left > _LONG_SOUND * longest:
                low, high, even = at + longest // 2, at + longest, at + longest
            elif ended and left > longest:
                parts = -(-left // longest)
                low, high = max(at + longest // 2, end_ms - (parts - 1) * longest), at + longest
                even = at + left // parts
            else:
                return made
            if self._quietest is not None and low < high:
                at = min(high, max(low, self._quietest(low, high)))
            else:
                at = even
            made += self._add(_Cut(at, at, 4 * _SHORTEST_PAUSE_COST, forced=False))

    def _add(self, cut: _Cut) -> list[Span]:
        """Take the next place to cut and find the cheapest way to it; give the segments that are certain."""
        cuts, best = self._cuts, self._best
        right = len(cuts)
        least, came_from = float("inf"), right - 1
        for left in range(right - 1, -1, -1):
            length = cut.end_ms - cuts[left].start_ms
            if length > self._max_ms and left < right - 1:
                break
            off = (length - self._target_ms) / self._target_ms
            total = best[left] + off * off + (_TOO_SHORT_COST if length < self._min_ms else 0.0)
            if total < least:
                least, came_from = total, left
        cuts.append(cut)
        best.append(least + cut.cost)
        self._came_from.append(came_from)
        if cut.forced:
            return self._settle(right)
        if cut.end_ms - self._looked_ms < _LOOK_EVERY_MS:
            return []
        self._looked_ms = cut.end_ms
        made = self._settle(self._agreed())
        while cut.end_ms - self._cuts[0].start_ms > _HORIZON * self._max_ms:
            made += self._settle(self._path(len(self._cuts) - 1)[1])
        return made

    def _agreed(self) -> int:
        """Find the last place through which every way leads that may still be gone on with."""
        last = len(self._cuts) - 1
        end = self._cuts[last].end_ms
        ways = {last}
        for index in range(last - 1, -1, -1):
            if end - self._cuts[index].start_ms >= self._max_ms:
                break
            if self._best[index] < float("inf"):
                ways.add(index)
        while len(ways) > 1:
            furthest = max(ways)
            ways.remove(furthest)
            ways.add(self._came_from[furthest])
        return ways.pop()

    def _path(self, to: int) -> list[int]:
        """List the places on the cheapest way to one of them, from the first."""
        path = [to]
        while path[-1] > 0:
            path.append(self._came_from[path[-1]])
        return path[::-1]

    def _settle(self, at: int) -> list[Span]:
        """Take the way to `at` as certain; what does not lead through there is out of the question now."""
        path = self._path(at)
        made = [Span(self._cuts[a].start_ms, self._cuts[b].end_ms) for a, b in pairwise(path)]
        if at == 0:
            return made
        kept = range(at, len(self._cuts))
        through = {at}
        came_from = [0]
        for index in kept[1:]:
            from_ = self._came_from[index]
            if from_ in through:
                through.add(index)
            came_from.append(max(0, from_ - at))
        self._best = [self._best[index] if index in through else float("inf") for index in kept]
        self._cuts = self._cuts[at:]
        self._came_from = came_from
        return made
