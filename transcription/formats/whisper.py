"""What Whisper and WhisperX write: JSON of segments and words in seconds, and TSV in milliseconds.

Whisper's words have a `probability`, those of WhisperX a `score`, a `speaker`, and a list of all words
beside the segments; one reader takes both. A word that WhisperX could not place (digits, mostly) has no
times: it gets the gap between its neighbours and the score 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final

from transcription.formats.json_files import array, dump, mapping, parse, words_of
from transcription.formats.rows import FormatError, Found, Row, each, milliseconds, span
from transcription.formats.texts import lines_of, one_line, text_of
from transcription.types import Word

SIGNALS: Final = ("avg_logprob", "no_speech_prob", "compression_ratio", "temperature")
"""What Whisper measured in a segment; kept as metadata and written back."""
TSV_HEADER: Final = ("start", "end", "text")


def read_json(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the segments of a Whisper or WhisperX result as rows. `line` counts segments from 1."""
    yield from rows_of(mapping(parse(text_of(stream, encoding)), 0, "The file"))


def rows_of(result: Mapping[str, Any]) -> Iterator[Found]:
    """Yield the rows of a result that was parsed already; a segment that is none is a fault of its own."""
    language = words_of(result.get("language"))

    def row(item: object, number: int) -> Row:
        segment = mapping(item, number, "A segment")
        start, end = span(
            milliseconds(segment.get("start"), number, "start"),
            milliseconds(segment.get("end"), number, "end"),
            number,
        )
        return Row(
            start_ms=start,
            end_ms=end,
            text=words_of(segment.get("text")).strip(),
            speaker=words_of(segment.get("speaker")),
            language=words_of(segment.get("language")) or language,
            words=_words(segment, start, end, number),
            metadata={name: segment[name] for name in SIGNALS if _measured(segment.get(name))},
            line=number,
        )

    return each(enumerate(array(result.get("segments"), 0, "“segments”"), 1), row)


def _measured(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(segment: Mapping[str, Any], start: int, end: int, number: int) -> tuple[Word, ...]:
    items = [mapping(item, number, "A word") for item in array(segment.get("words") or [], number, "“words”")]
    begins = [_at(item.get("start"), number) for item in items]
    ends = [_at(item.get("end"), number) for item in items]
    words: list[Word] = []
    for index, item in enumerate(items):
        begin, finish = begins[index], ends[index]
        placed = begin is not None and finish is not None
        if begin is None:
            begin = words[-1].end_ms if words else start
        if finish is None:
            later = (at for at in begins[index + 1 :] if at is not None)
            finish = next(later, end)
        score = item.get("probability", item.get("score"))
        probability = float(score) if placed and isinstance(score, int | float) else 0.0
        words.append(
            Word(begin, max(begin, finish), words_of(item.get("word")), min(1.0, max(0.0, probability)))
        )
    return tuple(words)


def _at(seconds: object, number: int) -> int | None:
    return None if seconds is None else milliseconds(seconds, number, "time of a word")


def hold_json(row: Row) -> Row:
    """Give the row as both kinds of JSON hold it: all but its recording and id."""
    return Row(
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=row.final.strip(),
        speaker=row.speaker,
        language=row.language,
        words=row.words,
        metadata={name: row.metadata[name] for name in SIGNALS if name in row.metadata},
    )


def write_json(rows: Iterable[Row]) -> str:
    """Write the rows of one recording as Whisper does."""
    held = [hold_json(row) for row in rows]
    segments = [_segment(row, index, "probability") for index, row in enumerate(held)]
    return dump(_result(held, segments), indent=1) + "\n"


def write_whisperx(rows: Iterable[Row]) -> str:
    """Write the rows of one recording as WhisperX does: words with a score, and all of them once more."""
    held = [hold_json(row) for row in rows]
    segments = [_segment(row, index, "score") for index, row in enumerate(held)]
    words = [word for segment in segments for word in segment.get("words", ())]
    return dump(_result(held, segments) | {"word_segments": words}, indent=1) + "\n"


def _result(rows: Sequence[Row], segments: list[dict[str, Any]]) -> dict[str, Any]:
    text = " ".join(row.text for row in rows if row.text)
    language = rows[0].language if rows else ""
    # Whisper names one language; where the rows have several, all name their own.
    if any(row.language != language for row in rows):
        language = ""
        for row, segment in zip(rows, segments, strict=True):
            segment["language"] = row.language
    return {"text": text, "segments": segments, "language": language}


def _segment(row: Row, index: int, score: str) -> dict[str, Any]:
    segment: dict[str, Any] = {
        "id": index,
        "start": (row.start_ms or 0) / 1000,
        "end": (row.end_ms or 0) / 1000,
        "text": row.text,
        **row.metadata,
    }
    if row.speaker:
        segment["speaker"] = row.speaker
    if row.words:
        segment["words"] = [
            {
                "word": word.text,
                "start": word.start_ms / 1000,
                "end": word.end_ms / 1000,
                score: word.probability,
            }
            for word in row.words
        ]
    return segment


def read_tsv(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the rows of Whisper's TSV: `start`, `end` in integer milliseconds, and `text`."""
    lines = lines_of(stream, encoding)
    _, header = next(lines, (1, ""))
    if tuple(header.lstrip("\ufeff").split("\t")) != TSV_HEADER:
        raise FormatError("malformed", "Whisper's TSV begins with the line: start, end, text.", 1)
    yield from each(((number, line) for number, line in lines if line.strip()), _line)


def _line(line: str, number: int) -> Row:
    cells = line.split("\t", 2)
    if len(cells) < 3 or not (cells[0].isdecimal() and cells[1].isdecimal()):
        raise FormatError(
            "malformed", "A line needs a start and an end in whole milliseconds, and a text.", number
        )
    start, end = (milliseconds(int(cell[:15]) / 1000, number) for cell in cells[:2])
    start, end = span(start, end, number)
    return Row(start_ms=start, end_ms=end, text=one_line(cells[2]), line=number)


def hold_tsv(row: Row) -> Row:
    """Give the row as Whisper's TSV holds it: times, and the text on one line."""
    return Row(start_ms=row.start_ms, end_ms=row.end_ms, text=one_line(row.final))


def write_tsv(rows: Iterable[Row]) -> str:
    """Write the rows of one recording as Whisper's TSV does."""
    lines = [f"{row.start_ms or 0}\t{row.end_ms or 0}\t{one_line(row.final)}\n" for row in rows]
    return "\t".join(TSV_HEADER) + "\n" + "".join(lines)
