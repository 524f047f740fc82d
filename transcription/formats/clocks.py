"""Clock times as subtitles write them, to and from integer milliseconds."""

from __future__ import annotations

import re
from typing import Final

from transcription.formats.rows import MAX_MS, FormatError, span

STAMP: Final = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
TIMES: Final = re.compile(rf"[ \t]*{STAMP}[ \t]*-->[ \t]*{STAMP}(?:[ \t].*)?$")
"""The line above a cue; what follows the times (positions, settings) is passed over."""


def times(line: str, number: int) -> tuple[int, int] | None:
    """Give the start and end that a cue's line of times says, or None where it is no such line."""
    found = TIMES.match(line)
    if not found:
        return None
    start, end = _ms(found.groups()[:4], number), _ms(found.groups()[4:], number)
    return span(start, end, number)


def clock(milliseconds: int, mark: str = ".") -> str:
    """Write milliseconds as `hh:mm:ss.mmm`; `mark` stands before the milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{rest:03}"


def _ms(parts: tuple[str | None, ...], number: int) -> int:
    hours, minutes, seconds, fraction = parts
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    total = whole * 1000 + int((fraction or "0").ljust(3, "0"))
    if total > MAX_MS or int(seconds or 0) > 59 or (hours and int(minutes or 0) > 59):
        raise FormatError("bad_time", "There is no such time of day on a clock.", number)
    return total
