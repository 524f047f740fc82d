"""Praat's TextGrid: a tier of utterances a speaker, and one of words beside it; written through praatio.

Both its long and its short form are read, in UTF-8 or UTF-16: Praat itself takes only the numbers, quoted
texts and flags that stand free, whatever is around them, and so do we.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, NamedTuple

from transcription.formats.rows import FormatError, Found, Row, milliseconds, span
from transcription.formats.texts import text_of
from transcription.formats.tiers import WORDS, lanes, speaker_of, tier_name
from transcription.types import Word

PART: Final = re.compile(
    r'(?<!\S)(?:"(?P<text>(?:[^"]++|"")*+)"(?!\S)|(?P<open>")|'
    r"(?P<number>-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)|<(?P<flag>\w+)>(?!\S)|!.*)"
)
PAUSE_MS: Final = 500
"""Where a file has words alone, a pause this long ends an utterance."""


class _Interval(NamedTuple):
    start_ms: int
    end_ms: int
    label: str
    line: int


@dataclass(slots=True)
class _Tier:
    name: str
    intervals: list[_Interval]


class _Parts:
    """The free-standing parts of a TextGrid, in order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = PART.finditer(text)
        self._at = 0
        self.line = 1

    def text(self) -> str:
        return self._next("text", "a text in quotes").replace('""', '"')

    def number(self) -> str:
        return self._next("number", "a number")

    def flag(self) -> str:
        return self._next("flag", "<exists>")

    def _next(self, kind: str, what: str) -> str:
        for found in self._found:
            self.line += self._text.count("\n", self._at, found.start())
            self._at = found.start()
            if found.lastgroup == kind:
                return found.group(kind)
            if found.lastgroup is not None:
                break
        raise FormatError("malformed", f"Here {what} is due, and the TextGrid has none.", self.line)


def read_textgrid(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the intervals that have a text in order of time, with their words where a tier has them.

    What is wrong with one, as a length of nothing, comes before them. Tiers of points and of phones are
    passed over. Raises FormatError where the file is no TextGrid.
    """
    tiers = _tiers(_Parts(text_of(stream, encoding)))
    named = {tier.name: tier for tier in tiers}
    rows: list[Row] = []
    for tier in tiers:
        lowered = tier.name.lower()
        if lowered.endswith("phones"):
            continue
        if lowered == "words" or lowered.endswith(WORDS):
            if tier.name[: -len(WORDS)] not in named:
                rows += _joined(tier)
            continue
        for interval in tier.intervals:
            try:
                span(interval.start_ms, interval.end_ms, interval.line)
            except FormatError as error:
                yield error
        rows += _rows(tier, named.get(tier.name + WORDS))
    yield from sorted(rows, key=lambda row: (row.start_ms or 0, row.end_ms or 0))


def _tiers(parts: _Parts) -> list[_Tier]:
    if parts.text() != "ooTextFile" or parts.text() != "TextGrid":
        raise FormatError("malformed", "The file does not begin as a TextGrid does.", 1)
    parts.number(), parts.number()  # of the whole: its beginning and end
    if parts.flag() != "exists":
        return []
    return [_tier(parts) for _ in range(_count(parts))]


def _count(parts: _Parts) -> int:
    number = parts.number()
    if not number.isdecimal() or len(number) > 7:
        raise FormatError("malformed", f"“{number[:20]}” is no number of tiers or intervals.", parts.line)
    return int(number)


def _tier(parts: _Parts) -> _Tier:
    kind, name = parts.text(), parts.text()
    parts.number(), parts.number()
    intervals = []
    for _ in range(_count(parts)):
        start = milliseconds(parts.number(), parts.line)
        end = start if kind != "IntervalTier" else milliseconds(parts.number(), parts.line)
        label = label_of(parts.text())
        if kind == "IntervalTier" and label:
            intervals.append(_Interval(start, end, label, parts.line))
    return _Tier(name, intervals)


def _rows(tier: _Tier, words: _Tier | None) -> Iterator[Row]:
    speaker, waiting = speaker_of(tier.name), _timed(words.intervals) if words else []
    waiting.reverse()
    for start, end, label, _ in tier.intervals:
        own = []
        while waiting and waiting[-1].start_ms + waiting[-1].end_ms < 2 * end:
            word = waiting.pop()
            if word.start_ms + word.end_ms >= 2 * start:
                own.append(word)
        if start < end:
            yield Row(start_ms=start, end_ms=end, text=label, speaker=speaker, words=tuple(own))


def _timed(intervals: Iterable[_Interval]) -> list[Word]:
    return [Word(start, end, label, 1.0) for start, end, label, _ in intervals if start < end]


def _joined(tier: _Tier) -> Iterator[Row]:
    """Make utterances of a tier that has words alone."""
    speaker = "" if tier.name.lower() == "words" else speaker_of(tier.name)
    words: list[_Interval] = []
    for word in tier.intervals:
        if words and word.start_ms - words[-1].end_ms >= PAUSE_MS:
            yield _utterance(words, speaker)
            words = []
        words.append(word)
    if words:
        yield _utterance(words, speaker)


def _utterance(words: Sequence[_Interval], speaker: str) -> Row:
    """Make one of words; one without a length is said in its text, and has no time of its own."""
    text = " ".join(word.label for word in words)
    start, end = words[0].start_ms, words[-1].end_ms
    return Row(start_ms=start, end_ms=end, text=text, speaker=speaker, words=tuple(_timed(words)))


def label_of(text: str) -> str:
    """Give a label as every reader of TextGrids sees it: nothing blank at its ends, `\\n` for a break."""
    return "\n".join(text.splitlines()).strip()


def hold_textgrid(row: Row) -> Row | None:
    """Give the row as a TextGrid holds it; None where it has no text: that is an interval of silence.

    Words are those with a length, cut to the row and to each other, without their probability.
    """
    text = label_of(row.final)
    if not text:
        return None
    return Row(
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=text,
        speaker=speaker_of(tier_name(row)),
        words=_apart(row),
    )


def _apart(row: Row) -> tuple[Word, ...]:
    words: list[Word] = []
    behind = row.start_ms or 0
    for word in row.words:
        start, end = max(behind, word.start_ms), min(word.end_ms, row.end_ms or 0)
        text = label_of(word.text)
        if text and start < end:
            words.append(Word(start, end, text, 1.0))
            behind = end
    return tuple(words)


def write_textgrid(rows: Iterable[Row], duration_ms: int) -> str:
    """Write the rows of one recording of `duration_ms` as a TextGrid in its long form."""
    from praatio.utilities import textgrid_io

    held = [row for one in rows if (row := hold_textgrid(one))]
    tiers: list[dict[str, Any]] = []
    longest = max([duration_ms, *(row.end_ms or 0 for row in held)]) / 1000
    for name, lane in (lanes(held) or {"utterances": []}).items():
        tiers.append(
            _written(name, [(row.start_ms or 0, row.end_ms or 0, row.text) for row in lane], longest)
        )
        words = [(word.start_ms, word.end_ms, word.text) for row in lane for word in row.words]
        if words:
            tiers.append(_written(name + WORDS, words, longest))
    grid = {"xmin": 0.0, "xmax": longest, "tiers": tiers}
    # No interval is too short to be kept.
    written: str = textgrid_io.getTextgridAsStr(grid, "long_textgrid", True, None, None, None)
    return written


def _written(name: str, intervals: Sequence[tuple[int, int, str]], longest: float) -> dict[str, Any]:
    return {
        "class": "IntervalTier",
        "name": name,
        "xmin": 0.0,
        "xmax": longest,
        "entries": [(start / 1000, end / 1000, label) for start, end, label in intervals],
    }
