"""The row that every transcript format is read into and written from, and what may be wrong with a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from transcription.errors import TranscriptionError
from transcription.types import Word

MAX_ROWS: Final = 1_000_000
"""Utterances in one file; 1,000 hours of speech have fewer."""
MAX_MS: Final = 1_000 * 3600 * 1000
"""No recording is longer than 1,000 hours; a larger time is a mistake of units."""


@dataclass(frozen=True, slots=True)
class Row:
    """Stand for one utterance of a transcript file.

    Times are integer milliseconds from the start of the recording, those of words too. `start_ms` and
    `end_ms` are None together: the file speaks of the whole recording.
    """

    audio: str = ""
    """The recording as the file names it: a file name or path; empty where the format names none."""
    start_ms: int | None = None
    end_ms: int | None = None
    text: str = ""
    """What a machine heard, or the only text the file has."""
    correction: str | None = None
    """What a person made of it, where the format tells the two apart; None = it does not."""
    speaker: str = ""
    language: str = ""
    id: str = ""
    words: tuple[Word, ...] = ()
    locked: bool = False
    """Whether it is finished, where the format says so, as `locked_at` (ISO 8601)."""
    locked_at: str = ""
    version: int | None = None
    """Number of the revision that was written, where the file is an export of ours."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the format says beyond that, by its own names; written back by the same format."""
    line: int = field(default=0, compare=False)
    """Where in the file it stands: a line of text formats, an element of the others, from 1."""

    @property
    def final(self) -> str:
        """Give the best text there is: the person's where there is one."""
        return self.text if self.correction is None else self.correction


FormatCode = Literal[
    "unknown_format",
    "too_large",
    "too_many_rows",
    "encoding",
    "malformed",
    "bad_time",
    "not_safe",
    "library_missing",
]


class FormatError(TranscriptionError):
    """Say that a transcript file can't be read or written, where, and what to do about it.

    `line` counts from 1; 0 means the file as a whole.
    """

    code: FormatCode

    def __init__(self, code: FormatCode, message: str, line: int = 0) -> None:
        super().__init__(f"Line {line}: {message}" if line else message)
        self.code = code
        self.message = str(self)
        self.line = line

    def __reduce__(self) -> tuple[type[FormatError], tuple[FormatCode, str, int]]:
        plain = self.message.removeprefix(f"Line {self.line}: ") if self.line else self.message
        return (type(self), (self.code, plain, self.line))


Part = TypeVar("Part")
Found = Row | FormatError
"""What readers yield: an utterance, or what is wrong with one, in its place; those behind it are read."""


def each(parts: Iterable[tuple[int, Part]], understand: Callable[[Part, int], Row]) -> Iterator[Found]:
    """Yield the row of each part of a file, given with its line, or what is wrong with that part.

    What is wrong with the file as a whole is raised by `parts` and ends the reading.
    """
    found: Found
    for line, part in parts:
        try:
            found = understand(part, line)
        except FormatError as error:
            found = error
        yield found


def milliseconds(seconds: object, line: int, what: str = "time") -> int:
    """Give seconds, as a number or as digits, in whole milliseconds.

    Raises FormatError where it is no finite number from 0 to 1,000 hours.
    """
    try:
        value = float(seconds) if isinstance(seconds, int | float | str) else math.nan
    except (ValueError, OverflowError):
        value = math.nan
    if isinstance(seconds, bool) or not math.isfinite(value) or not 0 <= value * 1000 <= MAX_MS:
        shown = str(seconds)[:40]
        raise FormatError("bad_time", f"“{shown}” is no {what} in seconds from 0 to 1,000 hours.", line)
    return round(value * 1000)


def span(start_ms: int, end_ms: int, line: int) -> tuple[int, int]:
    """Give both back; raises FormatError unless the end lies behind the start."""
    if end_ms <= start_ms:
        raise FormatError(
            "bad_time",
            f"It ends at {end_ms} ms, which is not after its start at {start_ms} ms.",
            line,
        )
    return start_ms, end_ms
