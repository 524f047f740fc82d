"""ELAN's EAF: a tier of annotations a speaker; read by expat without entities, written through pympi.

A document type, and so every entity, is refused before anything of it is expanded or fetched.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, NamedTuple, NoReturn
from urllib.parse import quote, unquote
from xml.parsers import expat

from transcription.formats.rows import FormatError, Found, Row, each, milliseconds, span
from transcription.formats.texts import MAX_BYTES, UNFIT_FOR_XML, one_line
from transcription.formats.tiers import lanes, speaker_of

CLIMBING: Final = re.compile(r"\A(?:\.{1,2}/)+")
"""How a relative address begins; the recording is known by what comes behind it."""
MAX_ANNOTATIONS: Final = 200_000
WRITTEN: Final = "2000-01-01T00:00:00+00:00"
"""The date of every file we write: the same rows give the same bytes."""


class _Annotation(NamedTuple):
    speaker: str
    begin: str
    end: str
    text: str


class _Reader:
    """Collect what an EAF says about time, tiers and annotations while expat goes through it."""

    def __init__(self) -> None:
        self.audio = ""
        self.slots: dict[str, int | None] = {}
        self.found: list[tuple[int, _Annotation]] = []
        self._root: str | None = None
        self._speaker: str | None = None
        self._open: tuple[str, str] | None = None
        self._text: list[str] | None = None
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _refuse(self, *_: object) -> NoReturn:
        raise FormatError(
            "not_safe",
            "The file declares a document type or entities, which no EAF needs. Save it again with ELAN.",
            self.parser.CurrentLineNumber,
        )

    def _start(self, name: str, at: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if self._root is None:
            self._root = name
            if name != "ANNOTATION_DOCUMENT":
                raise FormatError("malformed", f"The file is XML of another kind: <{name[:40]}>.", line)
        if name == "MEDIA_DESCRIPTOR" and not self.audio:
            self.audio = _file_of(at.get("RELATIVE_MEDIA_URL", ""), at.get("MEDIA_URL", ""))
        elif name == "TIME_SLOT":
            value = at.get("TIME_VALUE")
            self.slots[at.get("TIME_SLOT_ID", "")] = (
                None if value is None else milliseconds(_whole(value, line) / 1000, line)
            )
        elif name == "TIER":
            self._speaker = at["PARTICIPANT"] if "PARTICIPANT" in at else speaker_of(at.get("TIER_ID", ""))
        elif name == "ALIGNABLE_ANNOTATION":
            self._open = (at.get("TIME_SLOT_REF1", ""), at.get("TIME_SLOT_REF2", ""))
        elif name == "ANNOTATION_VALUE":
            self._text = []

    def _end(self, name: str) -> None:
        if name == "ANNOTATION_VALUE" and self._open is not None:
            text = "".join(self._text or ()).strip()
            annotation = _Annotation(self._speaker or "", *self._open, text)
            self.found.append((self.parser.CurrentLineNumber, annotation))
            if len(self.found) > MAX_ANNOTATIONS:
                raise FormatError("too_many_rows", f"There are more than {MAX_ANNOTATIONS:,} annotations.")
            self._text = None
        elif name == "ALIGNABLE_ANNOTATION":
            self._open = None

    def _characters(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)


def read_eaf(stream: BinaryIO, encoding: str | None = None) -> Iterator[Found]:
    """Yield the annotations that are tied to time as rows, in order of time; the participant is the speaker.

    Annotations that only refer to others (translations, glosses) are passed over. One whose times are missing
    or can't be is a fault of its own. Raises FormatError for XML with a document type, or of another kind.
    """
    reader = _Reader()
    read = 0
    try:
        while block := stream.read(1 << 16):
            read += len(block)
            if read > MAX_BYTES:
                raise FormatError("too_large", f"The file is larger than {MAX_BYTES >> 20} MiB.")
            reader.parser.Parse(block, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise FormatError(
            "malformed", f"This is no XML: {expat.ErrorString(error.code)}.", error.lineno
        ) from error
    except (ValueError, LookupError) as error:
        raise FormatError(
            "encoding", "The file is in an encoding that is not supported. Use UTF-8."
        ) from error
    placed = _placed(reader.slots)

    def row(annotation: _Annotation, line: int) -> Row:
        if annotation.begin not in placed or annotation.end not in placed:
            raise FormatError("bad_time", "An annotation names a time slot that is not in the file.", line)
        start_ms, end_ms = span(placed[annotation.begin], placed[annotation.end], line)
        return Row(reader.audio, start_ms, end_ms, annotation.text, speaker=annotation.speaker, line=line)

    yield from sorted(each(reader.found, row), key=_place)


def _place(found: Found) -> tuple[int, int]:
    return (0, 0) if isinstance(found, FormatError) else (found.start_ms or 0, found.end_ms or 0)


def _whole(value: str, line: int) -> int:
    if not value.strip().isdecimal() or len(value) > 15:
        raise FormatError("bad_time", f"“{value[:40]}” is no time in whole milliseconds.", line)
    return int(value)


def _file_of(relative: str, absolute: str) -> str:
    if relative:
        return CLIMBING.sub("", unquote(relative))
    return PurePosixPath(unquote(absolute)).name


def _placed(slots: dict[str, int | None]) -> dict[str, int]:
    """Give every slot a time: those without one, evenly between their neighbours in the file."""
    placed: dict[str, int] = {}
    waiting: list[str] = []
    before = 0
    for name, value in slots.items():
        if value is None:
            waiting.append(name)
            continue
        for index, one in enumerate(waiting, 1):
            placed[one] = before + (value - before) * index // (len(waiting) + 1)
        placed[name] = before = value
        waiting.clear()
    return placed


def hold_eaf(row: Row) -> Row:
    """Give the row as an EAF holds it: recording, times, text and speaker."""
    return Row(
        audio=CLIMBING.sub("", UNFIT_FOR_XML.sub("", row.audio)),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        text=_fit(row.final),
        speaker=one_line(UNFIT_FOR_XML.sub("", row.speaker)),
    )


def _fit(text: str) -> str:
    return UNFIT_FOR_XML.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def write_eaf(rows: Iterable[Row], audio: str) -> bytes:
    """Write the rows of one recording, whose file is `audio`, as an EAF in UTF-8."""
    from pympi import Elan

    eaf: Any = Elan.Eaf(author="Earmark")
    eaf.adocument["DATE"] = WRITTEN
    eaf.tiers.clear()
    kind = mimetypes.guess_type(audio)[0] or "audio/x-wav"
    place = "./" + quote(UNFIT_FOR_XML.sub("", audio).removeprefix("./"))
    eaf.add_linked_file(place, place, mimetype=kind)
    tiers = lanes([hold_eaf(row) for row in rows]) or {"utterances": []}
    edges = []
    for name, lane in tiers.items():
        eaf.add_tier(name, part=lane[0].speaker or None if lane else None)
        for index, row in enumerate(lane):
            edges += [(row.start_ms or 0, 1, name, index), (row.end_ms or 0, 0, name, index)]
    # ELAN wants its time slots in the order of time.
    slots = {(name, index, side): eaf.generate_ts_id(at) for at, side, name, index in sorted(edges)}
    for name, lane in tiers.items():
        for index, row in enumerate(lane):
            identity = eaf.generate_annotation_id()
            eaf.annotations[identity] = name
            eaf.tiers[name][0][identity] = (slots[name, index, 1], slots[name, index, 0], row.text, None)
    written: bytes = Elan.to_string(eaf, pretty=True, encoding="UTF-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + written.split(b"?>\n", 1)[-1] + b"\n"
