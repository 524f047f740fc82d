"""What the tools of scoring read: STM (utterances), CTM (words) and RTTM (turns of speakers).

All three are columns with spaces between: names lose their white space, texts keep single spaces. Their
lines are sorted as the tools want them: by recording, channel, start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from transcription.formats.rows import FormatError, Found, Row, each, milliseconds, span
from transcription.formats.texts import lines_of, token, tokens

LABEL: Final = "<o,f0,unknown>"
LABELS: Final = re.compile(r"<(?:NA|o|[^<>\s]*,[^<>\s]*)>$")
IGNORED: Final = "ignore_time_segment_in_scoring"
"""What STM has for a text that is not to be scored: here, no text."""


def read_stm(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the lines of an STM file as rows; `;;` begins a comment.

    A line with less than five columns is a fault of its own.
    """
    lines = ((number, line.strip("\ufeff \t")) for number, line in lines_of(stream, encoding))
    return each(((number, line) for number, line in lines if line and not line.startswith(";;")), _row)


def _row(line: str, number: int) -> Row:
    parts = line.split(None, 5)
    if len(parts) < 5:
        raise FormatError("malformed", "A line needs: recording, channel, speaker, start, end, text.", number)
    start, end = span(milliseconds(parts[3], number, "start"), milliseconds(parts[4], number, "end"), number)
    said = tokens(parts[5]) if len(parts) == 6 else ""
    label, _, rest = said.partition(" ")
    text = rest if LABELS.match(label) else said
    return Row(
        audio=parts[0],
        start_ms=start,
        end_ms=end,
        text="" if text.lower() == IGNORED else text,
        speaker="" if parts[2] == "unknown" else parts[2],
        line=number,
    )


def hold_stm(row: Row) -> Row:
    """Give the row as STM holds it: names without spaces, the text with single ones."""
    text = tokens(row.final)
    return Row(
        audio=name_of(row),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text="" if text.lower() == IGNORED else text,
        speaker=_unless_unknown(token(row.speaker, "unknown")),
    )


def _unless_unknown(speaker: str) -> str:
    return "" if speaker == "unknown" else speaker


def stm_line(row: Row) -> str:
    """Write one line of an STM file; a row without text is one that is not scored."""
    held = hold_stm(row)
    columns = (held.audio, "1", held.speaker or "unknown", *_times(held), LABEL, held.text or IGNORED)
    return " ".join(columns) + "\n"


def ctm_lines(row: Row) -> list[tuple[int, str]]:
    """Write the words of a row as lines of a CTM file, each with its start in milliseconds to sort by.

    A line has: recording, channel, start, length, word, confidence.
    """
    audio = name_of(row)
    lines = []
    for word in row.words:
        if text := "_".join(word.text.split()):
            times = f"{seconds(word.start_ms)} {seconds(word.end_ms - word.start_ms)}"
            lines.append((word.start_ms, f"{audio} 1 {times} {text} {word.probability:.4f}\n"))
    return lines


def name_of(row: Row) -> str:
    """Give the name of the row's recording as these formats write it."""
    return token(row.audio, "unnamed")


def rttm_line(row: Row) -> str:
    """Write one line of an RTTM file: who spoke when."""
    audio, speaker = name_of(row), token(row.speaker, "unknown")
    start, end = row.start_ms or 0, row.end_ms or 0
    return f"SPEAKER {audio} 1 {seconds(start)} {seconds(end - start)} <NA> <NA> {speaker} <NA> <NA>\n"


def _times(row: Row) -> tuple[str, str]:
    return seconds(row.start_ms or 0), seconds(row.end_ms or 0)


def seconds(milliseconds: int) -> str:
    """Write milliseconds as seconds with three decimals."""
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"
