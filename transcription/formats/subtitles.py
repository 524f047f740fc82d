"""SubRip (SRT) and WebVTT: read by ourselves, exactly and with line numbers; written by pysubs2.

SRT names neither recording nor speaker nor language; WebVTT names the speaker. What a cue can't hold
(blank lines, `-->`, white space at its ends) is taken out of the text on the way in as on the way out, so
what was read once comes back the same for ever.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO, Final

from transcription.formats.clocks import times
from transcription.formats.rows import FormatError, Found, Row
from transcription.formats.texts import BREAKS, cue, text_of

VOICE: Final = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
TAG: Final = re.compile(r"<[^>]*>")
PRIVATE_USE: Final = range(0xE000, 0xF900)

Times = tuple[int, int] | FormatError


def read_srt(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the cues of an SRT file as rows; a cue without text is a row without text.

    A blank line inside a cue is forgiven: what follows it, up to the next number and times, is its text.
    A cue whose times can't be is a fault of its own. Raises FormatError where text stands before the first
    times, or where there are none.
    """
    lines = text_of(stream, encoding).split("\n")
    found = _timed(lines)
    before = [line for line in lines[: found[0][0] if found else None] if line.strip("\ufeff \t")]
    if before and (len(before) > 1 or not found or not _number(before[0])):
        raise FormatError(
            "malformed",
            "Here a line of times is due: hh:mm:ss,mmm --> hh:mm:ss,mmm.",
            lines.index(before[0]) + 1,
        )
    for at, span, stop in _stretches(found, len(lines)):
        if isinstance(span, FormatError):
            yield span
            continue
        body = lines[at + 1 : stop]
        if stop < len(lines) and body and _number(body[-1]):
            body.pop()
        yield Row(start_ms=span[0], end_ms=span[1], text=cue("\n".join(body)), line=at + 1)


def read_vtt(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the cues of a WebVTT file as rows, with the voice as speaker.

    Markup goes and entities are resolved, as the standard says. Where several voices share a cue, the
    first is the speaker and `metadata["voices"]` names all. Raises FormatError where the first line is not
    WEBVTT.
    """
    lines = text_of(stream, encoding).split("\n")
    if not re.match(r"\ufeff?WEBVTT(?:[ \t]|$)", lines[0]):
        raise FormatError("malformed", "A WebVTT file begins with the word WEBVTT.", 1)
    for at, span, stop in _stretches(_timed(lines), len(lines)):
        if isinstance(span, FormatError):
            yield span
            continue
        body = lines[at + 1 : stop]
        blank = next((index for index, line in enumerate(body) if not line.strip()), len(body))
        marked = "\n".join(body[:blank])
        names = (voice_of(html.unescape(name)) for name in VOICE.findall(marked))
        voices = [name for name in dict.fromkeys(names) if name]
        yield Row(
            start_ms=span[0],
            end_ms=span[1],
            text=cue(html.unescape(TAG.sub("", marked))),
            speaker=voices[0] if voices else "",
            metadata={"voices": voices} if len(voices) > 1 else {},
            line=at + 1,
        )


def _timed(lines: Sequence[str]) -> list[tuple[int, Times]]:
    """Find the lines of times, by index: start and end, or why they can't be."""
    found: list[tuple[int, Times]] = []
    for index, line in enumerate(lines):
        try:
            span = times(line, index + 1) if "-->" in line else None
        except FormatError as error:
            found.append((index, error))
        else:
            if span:
                found.append((index, span))
    return found


def _stretches(found: Sequence[tuple[int, Times]], end: int) -> Iterator[tuple[int, Times, int]]:
    """Yield the cues: index of the line of times, the times, index behind the last line."""
    stops = (*(at for at, _ in found[1:]), end)
    for (at, span), stop in zip(found, stops, strict=False):
        yield at, span, stop


def _number(line: str) -> bool:
    return line.strip("\ufeff \t").isdecimal()


def voice_of(name: str) -> str:
    """Give a speaker's name as a cue can hold it: one line."""
    return " ".join(BREAKS.sub(" ", name).split())


def hold_srt(row: Row) -> Row:
    """Give the row as SRT holds it: times and text."""
    return Row(start_ms=row.start_ms, end_ms=row.end_ms, text=cue(row.final))


def hold_vtt(row: Row) -> Row:
    """Give the row as WebVTT holds it: times, text and speaker."""
    voices = {"voices": row.metadata["voices"]} if "voices" in row.metadata else {}
    return replace(hold_srt(row), speaker=voice_of(row.speaker), metadata=voices)


def write_srt(rows: Iterable[Row]) -> str:
    """Write the rows of one recording as SRT."""
    return _written("srt", ((row, cue(row.final)) for row in rows))


def write_vtt(rows: Iterable[Row]) -> str:
    """Write the rows of one recording as WebVTT with a `<v Speaker>` where one is known."""
    return _written("vtt", ((row, _voiced(row)) for row in rows))


def _voiced(row: Row) -> str:
    text = html.escape(cue(row.final), quote=False)
    # What other voices said in this cue is not known apart, so they are named with nothing to say.
    named = [voice_of(row.speaker), *row.metadata.get("voices", ())[1:]]
    first, *others = (f"<v {html.escape(name, quote=False)}>" if name else "" for name in named)
    return first + text + "".join(others)


def _written(form: str, cues: Iterable[tuple[Row, str]]) -> str:
    import pysubs2

    held = list(cues)
    # To pysubs2 a backslash is the beginning of breaks and drawings of another format, wherever it stands.
    used = {character for _, text in held for character in text}
    stand_in = next(chr(code) for code in PRIVATE_USE if chr(code) not in used)
    subs = pysubs2.SSAFile()
    for row, text in held:
        safe = text.replace("\\", stand_in).replace("\n", r"\N")
        subs.events.append(pysubs2.SSAEvent(start=row.start_ms or 0, end=row.end_ms or 0, text=safe))
    file = io.StringIO()
    # With the tags kept, braces in a text stay braces and no style is made of them.
    subs.to_file(file, form, keep_ssa_tags=True)
    return file.getvalue().replace(stand_in, "\\")
