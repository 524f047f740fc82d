"""Write a transcript as plain text, SRT, WebVTT or JSON from its segments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transcription.types import Span, Word


@dataclass(frozen=True, slots=True)
class Line:
    """One segment of a transcript. Words are in milliseconds from the start of the recording."""

    span: Span
    text: str
    words: tuple[Word, ...] = ()


def to_txt(lines: Sequence[Line]) -> str:
    """Write one line of text per segment that has any, ended by a newline."""
    return "".join(f"{_one_line(line.text)}\n" for line in lines if line.text.strip())


def to_srt(lines: Sequence[Line]) -> str:
    """Write SubRip: numbered cues, a comma before the milliseconds. Segments without text are left out."""
    spoken = [line for line in lines if line.text.strip()]
    return "\n".join(
        f"{number}\n{_times(line.span, ',')}\n{_cue(line.text)}\n" for number, line in enumerate(spoken, 1)
    )


def to_vtt(lines: Sequence[Line]) -> str:
    """Write WebVTT; `&`, `<` and `>` of the text are escaped, as its cues are markup."""
    cues = []
    for line in lines:
        if line.text.strip():
            text = _cue(line.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            cues.append(f"{_times(line.span, '.')}\n{text}\n")
    return "WEBVTT\n\n" + "\n".join(cues)


def to_json(lines: Sequence[Line], **facts: Any) -> str:
    """Write one JSON object: `facts`, the joined text, and all segments with their words; times in ms."""
    segments = [
        {
            "start_ms": line.span.start_ms,
            "end_ms": line.span.end_ms,
            "text": line.text,
            "words": [
                {
                    "start_ms": word.start_ms,
                    "end_ms": word.end_ms,
                    "text": word.text.strip(),
                    "probability": round(word.probability, 4),
                }
                for word in line.words
            ],
        }
        for line in lines
    ]
    text = " ".join(line.text for line in lines if line.text)
    return json.dumps({**facts, "text": text, "segments": segments}, ensure_ascii=False, indent=2) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cue(text: str) -> str:
    # A blank line would end the cue, and `-->` would begin another.
    return "\n".join(part.strip() for part in text.splitlines() if part.strip()).replace("-->", "->")


def _times(span: Span, mark: str) -> str:
    return f"{_clock(span.start_ms, mark)} --> {_clock(span.end_ms, mark)}"


def _clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{rest:03}"
