"""NeMo's manifest: one JSON object a line, for an audio file or a stretch of one.

`text` is the reference; `pred_text` is what a model heard, where both are there. What else a line says
(Canary's `taskname`, `target_lang`, `pnc`; anybody's own) is kept as metadata and written back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from transcription.formats.json_files import dump, mapping, parse, words_of
from transcription.formats.rows import FormatError, Found, Row, each, milliseconds
from transcription.formats.texts import lines_of

OWN: Final = frozenset(
    ("audio_filepath", "offset", "duration", "text", "pred_text", "speaker", "lang", "source_lang", "id")
)


def read_nemo(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the lines of a manifest as rows. Without a duration a line is about the whole file.

    A line that is no JSON object, or names no audio, is a fault of its own.
    """
    lines = lines_of(stream, encoding)
    return each(((number, line) for number, line in lines if line.strip("\ufeff \t")), _row)


def _row(line: str, number: int) -> Row:
    item = mapping(parse(line, number), number, "The line")
    audio = words_of(item.get("audio_filepath"))
    if not audio:
        raise FormatError("malformed", "The line names no audio: “audio_filepath” is missing.", number)
    start: int | None = None
    end: int | None = None
    if item.get("duration") is not None or item.get("offset"):
        start = milliseconds(item.get("offset") or 0, number, "offset")
        end = start + milliseconds(item.get("duration"), number, "duration")
        if end <= start:
            raise FormatError("bad_time", "The duration is 0: there is nothing to hear.", number)
    heard, text = item.get("pred_text"), words_of(item.get("text"))
    return Row(
        audio=audio,
        start_ms=start,
        end_ms=end,
        text=text if heard is None else words_of(heard),
        correction=None if heard is None else text,
        speaker=words_of(item.get("speaker")),
        language=words_of(item.get("lang")) or words_of(item.get("source_lang")),
        id=words_of(item.get("id")),
        metadata={name: value for name, value in item.items() if name not in OWN},
        line=number,
    )


def hold_nemo(row: Row) -> Row:
    """Give the row as a manifest holds it: all but its words."""
    return Row(
        audio=row.audio,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=row.text,
        correction=row.correction,
        speaker=row.speaker,
        language=row.language,
        id=row.id,
        metadata={name: value for name, value in row.metadata.items() if name not in OWN},
    )


def nemo_line(row: Row) -> str:
    """Write one line of a manifest, ended by a newline. A row that begins at 0 has no offset."""
    item: dict[str, Any] = {"audio_filepath": row.audio}
    if row.start_ms is not None and row.end_ms is not None:
        item["duration"] = (row.end_ms - row.start_ms) / 1000
        if row.start_ms:
            item["offset"] = row.start_ms / 1000
    item["text"] = row.final
    if row.correction is not None:
        item["pred_text"] = row.text
    known = {"speaker": row.speaker, "lang": row.language, "id": row.id}
    item |= {name: value for name, value in known.items() if value}
    return dump(item | {name: value for name, value in row.metadata.items() if name not in OWN}) + "\n"
