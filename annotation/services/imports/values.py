"""What the cells of a table mean: times, yes and no, moments, languages, text that can be kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, Literal

from annotation.errors import Invalid
from annotation.services.segments import clean_text
from transcription.formats.cells import unescape
from transcription.formats.clocks import clock

Unit = Literal["", "s", "ms"]
TimeKind = Literal["", "clock", "number", "other"]

CLOCK: Final = re.compile(r"(-)?(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,6}))?$")
NUMBER: Final = re.compile(r"[+-]?(?:\d{1,15}(?:[.,]\d{0,12})?|[.,]\d{1,12})(?:[eE][+-]?\d{1,2})?$")
GROUPED: Final = re.compile(r"\+?[1-9]\d{0,2}[.,]\d{3}$")
"""What is thousands to some and a fraction to others."""
MAX_MS: Final = 1_000 * 3600 * 1000
LANGUAGE: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?$")
YES: Final = frozenset(["1", "true", "yes", "y", "x", "t", "locked", "ja", "oui", "si", "sí"])
NO: Final = frozenset(["0", "false", "no", "n", "f", "unlocked", "nein", "non", "open"])


class BadValue(Exception):
    """Say what is wrong with a cell; `code` is one of `faults.CODES`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def time_kind(cell: str) -> TimeKind:
    """Tell how a cell writes a time."""
    text = cell.strip()
    if not text:
        return ""
    if CLOCK.match(text):
        return "clock"
    return "number" if NUMBER.match(text) else "other"


def milliseconds(cell: str, unit: Unit) -> int | None:
    """Return a time in milliseconds; None for an empty cell. `unit` is that of plain numbers.

    Raises BadValue.
    """
    text = cell.strip()
    if not text:
        return None
    clock = CLOCK.match(text)
    if clock:
        sign, hours, mins, secs, fraction = clock.groups()
        if int(secs) > 59 or (hours and int(mins) > 59):
            raise BadValue("bad_time", f"“{text[:40]}” is no time: there are 60 seconds and 60 minutes.")
        total = (int(hours or 0) * 60 + int(mins)) * 60_000 + int(secs) * 1000
        total += round(int((fraction or "0").ljust(6, "0")) / 1000)
        return _bounded(-total if sign else total, text)
    if not NUMBER.match(text):
        raise BadValue("bad_time", f"“{text[:40]}” is no time. Write 1:02:03.456, 62.5 or 62500.")
    if not unit:
        raise BadValue("bad_time", f"“{text[:40]}” is a bare number; the other rows have clock times.")
    if unit == "ms" and GROUPED.match(text):
        raise BadValue(
            "bad_time",
            f"“{text}” may be {int(re.sub('[.,]', '', text))} ms, with its thousands apart, or a fraction of"
            " a few. Write the digits alone.",
        )
    value = float(text.replace(",", "."))
    return _bounded(round(value * (1000 if unit == "s" else 1)), text)


def as_minutes(cell: str) -> str:
    """Return a time of day as minutes and seconds: `01:30:00` becomes `00:01:30.000`; all else as it is."""
    try:
        value = milliseconds(cell, "")
    except BadValue:
        return cell
    return cell if value is None else clock(value // 60)


def _bounded(value: int, text: str) -> int:
    if value < 0:
        raise BadValue("negative_time", f"“{text[:40]}” lies before the beginning of the recording.")
    if value > MAX_MS:
        raise BadValue("bad_time", f"“{text[:40]}” is more than 1,000 hours. Is the unit right?")
    return value


def yes_or_no(cell: str, header: str) -> bool | None:
    """Return what a cell says; None for an empty one. Raises BadValue."""
    text = cell.strip().casefold()
    if not text:
        return None
    if text in YES:
        return True
    if text in NO:
        return False
    raise BadValue("bad_value", f"“{cell.strip()[:40]}” in {header} is neither yes nor no.")


def moment(cell: str, header: str) -> datetime | None:
    """Return a moment, in UTC where the cell names no zone; None for an empty cell. Raises BadValue."""
    text = cell.strip()
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise BadValue(
            "bad_value", f"“{text[:40]}” in {header} is no date. Write 2026-01-31 or 2026-01-31 12:30."
        ) from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def language(cell: str, header: str) -> str:
    """Return a language's code, such as `de` of `de-AT`; empty for an empty cell. Raises BadValue."""
    text = cell.strip()
    if not text:
        return ""
    match = LANGUAGE.match(text)
    if match is None or len(text) > 35:
        raise BadValue("bad_value", f"“{text[:40]}” in {header} is no code of a language. Write de or en-GB.")
    return match[1].lower()


def cleaned(cell: str, header: str, longest: int) -> str:
    """Return text that can be kept: form C, trimmed. Raises BadValue."""
    try:
        return clean_text(cell, field="text", longest=longest)
    except Invalid as error:
        if len(cell) > longest:
            raise BadValue(
                "text_too_long", f"{header} has {len(cell):,} characters; at most {longest:,} are kept."
            ) from None
        reason = error.message.removeprefix("The text holds ").rstrip(".")
        raise BadValue("bad_characters", f"{header} holds {reason}.") from None


def unescaped(cell: str) -> str:
    """Take back the apostrophe that keeps a cell of CSV from being a formula."""
    return unescape(cell)
