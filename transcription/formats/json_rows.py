"""JSON lines of a recording's name, times in milliseconds, any further columns: the exact form of a table.

Also the `metadata.jsonl` of a Hugging Face audiofolder, whose audio is a file of its own for each row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from transcription.formats.exported import beside, told_apart
from transcription.formats.json_files import dump, mapping, parse, words_of
from transcription.formats.rows import MAX_MS, FormatError, Found, Row, each, span
from transcription.formats.texts import lines_of

PLACE: Final = ("file_name", "start_ms", "end_ms", "speaker", "language", "id", "segment_id")
TEXTS: Final = ("asr_text", "correct_transcripts", "transcription")
OWN: Final = frozenset((*PLACE, *TEXTS))
SIGNS: Final = ("version", "status")
"""A line with both is one of an export of ours."""


def read_json_rows(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the lines as rows; keys that are none of ours are metadata.

    A line that is no JSON object, or names no file, is a fault of its own.
    """
    lines = ((number, line) for number, line in lines_of(stream, encoding) if line.strip("\ufeff \t"))
    return each(lines, lambda line, number: _row(mapping(parse(line, number), number, "The line"), number))


def _row(line: Mapping[str, Any], number: int) -> Row:
    ours = told_apart(line, SIGNS) or {name: name for name in line if name in OWN}
    item = {name: line[header] for header, name in ours.items()}
    audio = words_of(item.get("file_name"))
    if not audio:
        raise FormatError("malformed", "The line names no audio: “file_name” is missing.", number)
    start: int | None = None
    end: int | None = None
    if item.get("start_ms") is not None or item.get("end_ms") is not None:
        start, end = span(_ms(item.get("start_ms"), number), _ms(item.get("end_ms"), number), number)
    correction = item.get("correct_transcripts", item.get("transcription"))
    return Row(
        audio=audio,
        start_ms=start,
        end_ms=end,
        text=words_of(item.get("asr_text")),
        correction=None if correction is None else words_of(correction),
        speaker=words_of(item.get("speaker")),
        language=words_of(item.get("language")),
        id=words_of(item.get("id", item.get("segment_id"))),
        locked=item.get("locked") is True,
        locked_at=words_of(item.get("locked_at")),
        version=_number(item.get("version")),
        metadata={name: value for name, value in line.items() if name not in ours},
        line=number,
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _ms(value: object, number: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_MS:
        raise FormatError("bad_time", f"“{str(value)[:40]}” is no time in whole milliseconds.", number)
    return value


def table_line(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """Write one line of a table of ours, ended by a newline: our columns, and what the row brought along."""
    return dump(beside(theirs, ours)) + "\n"
