"""Rows between the table and the project: understood one by one, and written in bulk to wait for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from annotation.models import Import, ImportRow
from annotation.services.checks import SCRIPTS, script_of
from annotation.services.imports import faults, values
from annotation.services.imports.columns import IGNORED, KEPT, Column, field_of
from annotation.services.imports.matching import Sound, Sounds
from annotation.services.imports.values import BadValue, Unit
from annotation.services.segments import MAX_TEXT
from annotation.states import ImportRowState
from transcription.formats import Row
from transcription.formats.exported import MARK
from transcription.tables import Line

BATCH: Final = 1_000
MAX_SPEAKER: Final = 100
MAX_ID: Final = 200
MAX_CELL: Final = 32_767
"""Characters of one cell that are kept as metadata: as many as a sheet can hold again."""
TIMES: Final = ("start", "end", "duration")
TRANSCRIPT_HEADERS: Final = (
    "file_name", "start_ms", "end_ms", "transcript", "correct_transcripts", "speaker", "language", "id",
)  # fmt: skip
"""The columns of the sheet of rejects where the drop had transcripts of other tools and no table."""


@dataclass(slots=True)
class Staged:
    """Hold one row as it was understood, with its faults."""

    source: str
    line: int
    cells: list[str]
    faults: list[list[str]] = field(default_factory=list)
    file: UUID | None = None
    recording: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    external_id: str = ""
    speaker: str = ""
    language: str = ""
    text: str = ""
    correction: str | None = None
    locked: bool | None = None
    locked_at: datetime | None = None
    assignee: int | None = None
    version: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    words: list[list[Any]] = field(default_factory=list)

    def blame(self, code: str, message: str) -> None:
        """Note a fault, once for each code."""
        if code not in (known for known, _ in self.faults):
            self.faults.append([code, message])


@dataclass(frozen=True, slots=True)
class Reading:
    """Say how the rows of one table are to be understood."""

    source: str
    columns: tuple[Column, ...]
    kind: str
    unit: Unit
    minutes: bool
    """Whether a native time of a sheet that says 01:30:00 means one minute and a half."""
    by_last_part: bool
    transcribe: bool
    """Whether rows without text are wanted: they are transcribed."""
    accepted: frozenset[str]
    language: str
    """The project's, for rows that name none."""
    people: Mapping[str, int] = field(default_factory=dict)
    """Who can be asked to work on a row: members by their names, in small letters."""


def understand(line: Line, how: Reading, sounds: Sounds) -> Staged:
    """Return what a row of a table says, and everything that is wrong with it alone."""
    width = len(how.columns)
    cells = [*line.cells[:width], *([""] * (width - len(line.cells)))]
    if how.kind == "csv":
        cells = [values.unescaped(cell) for cell in cells]
    if how.minutes:  # said as it was meant, so that the sheet of rejects means the same
        for place, column in enumerate(how.columns):
            if column.field in TIMES and line.marks.get(place) == "clock":
                cells[place] = values.as_minutes(cells[place])
    row = Staged(how.source, line.number, cells)
    if any(map(str.strip, line.cells[width:])):
        row.blame(
            "extra_cells",
            f"The row has {len(line.cells)} cells and the table {width} columns: a cell with a comma in it"
            " needs quotation marks.",
        )
    found: dict[str, str] = {}
    for place, column in enumerate(how.columns):
        if column.field == IGNORED:
            continue
        mark = line.marks.get(place)
        if mark in ("formula", "error"):
            _blame_mark(row, mark, column.header)
        if column.field in (KEPT, "assignee"):  # exports write both back as they came
            _keep(row, column.header, cells[place])
        if column.field != KEPT:
            found[column.field] = cells[place]
    headers = {column.field: column.header for column in how.columns}
    _times(row, found, how, headers)
    _words_of(row, found, headers)
    _facts(row, found, headers)
    _version(row, found.get("version", "").strip())
    _asked(row, found.get("assignee", "").strip(), how.people)
    said = found.get("audio", "").strip()
    called = _sound(row, said, how.by_last_part, sounds)
    if called and said != called:  # a folder before it, no ending behind it: written back as it was
        _keep(row, headers["audio"], said)
    if headers.get("audio", "").startswith(MARK):  # an export that writes it back
        for header in [header for header, cell in row.metadata.items() if cell == called]:
            if (field_of(header) or ("",))[0] == "audio":
                del row.metadata[header]
    _judge(row, how)
    return row


def understand_row(source: str, given: Row, how: Reading, sounds: Sounds, audio: str) -> Staged:
    """Return what an utterance of another tool's transcript says; `audio` where it names none itself."""
    name = given.audio or audio
    cells = [
        name,
        "" if given.start_ms is None else str(given.start_ms),
        "" if given.end_ms is None else str(given.end_ms),
        given.text, given.correction or "", given.speaker, given.language, given.id,
    ]  # fmt: skip
    row = Staged(source, given.line, cells, start_ms=given.start_ms, end_ms=given.end_ms)
    found = {"text": given.text, "speaker": given.speaker, "language": given.language, "id": given.id}
    if given.correction is not None:
        found["correction"] = given.correction
    if given.locked:
        found |= {"locked": "yes", "locked_at": given.locked_at}
    _words_of(row, found, {})
    if given.correction is not None and row.correction is None:
        row.correction = ""
    _facts(row, found, {})
    for header, value in given.metadata.items():
        _keep(row, str(header), value)
    row.version = given.version
    row.words = [[w.start_ms, w.end_ms, w.text, round(w.probability, 4)] for w in given.words]
    _sound(row, name, True, sounds)
    _judge(row, how)
    return row


def _blame_mark(row: Staged, mark: str, header: str) -> None:
    if mark == "formula":
        row.blame(
            "formula_cell",
            f"“{header[:60]}” is a formula whose result is not in the file. Open and save the sheet in a"
            " spreadsheet program, or paste values only.",
        )
    else:
        row.blame("error_cell", f"“{header[:60]}” holds an error such as #REF!. Mend the formula.")


def _keep(row: Staged, header: str, value: Any) -> None:
    if not isinstance(value, str):
        row.metadata[header] = value
        return
    if not value:
        return
    if "\x00" in value or len(value) > MAX_CELL or not _is_whole(value):
        try:
            values.cleaned(value, header, MAX_CELL)
        except BadValue as error:
            row.blame(error.code, error.message)
            return
    row.metadata[header] = value


def _is_whole(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)


def _times(row: Staged, found: Mapping[str, str], how: Reading, headers: Mapping[str, str]) -> None:
    if not any(found.get(name, "").strip() for name in ("start", "end")):
        return  # the whole file; a length beside it is the file's
    times: dict[str, int | None] = {}
    for column in how.columns:
        if column.field in TIMES:
            try:
                times[column.field] = values.milliseconds(
                    found[column.field],
                    column.unit or how.unit,  # type: ignore[arg-type]
                )
            except BadValue as error:
                row.blame(error.code, f"{error.message} (column {headers[column.field][:60]})")
                return
    start, end, duration = times.get("start"), times.get("end"), times.get("duration")
    if start is None:
        row.blame(
            "start_missing", "The row has an end and no start. Give both, or neither for the whole file."
        )
        return
    if end is None and duration is not None:
        end = start + duration
    if end is None:
        row.blame("end_missing", "The row has a start and no end. Give both, or neither for the whole file.")
        return
    if end <= start:
        row.blame("end_before_start", f"It ends at {end} ms, which is not after its start at {start} ms.")
        return
    row.start_ms, row.end_ms = start, end


def _words_of(row: Staged, found: Mapping[str, str], headers: Mapping[str, str]) -> None:
    for name in ("text", "correction"):
        if name not in found:
            continue
        try:
            value = values.cleaned(found[name], headers.get(name, "The text"), MAX_TEXT)
        except BadValue as error:
            row.blame(error.code, error.message)
            continue
        if name == "text":
            row.text = value
        elif value:
            row.correction = value


def _facts(row: Staged, found: Mapping[str, str], headers: Mapping[str, str]) -> None:
    def take(name: str) -> Any:
        cell, header = found.get(name, ""), headers.get(name, name)
        if not cell.strip():
            return None
        try:
            if name == "locked":
                return values.yes_or_no(cell, header)
            if name == "locked_at":
                return values.moment(cell, header)
            if name == "language":
                return values.language(cell, header)
            return values.cleaned(cell, header, MAX_ID if name == "id" else MAX_SPEAKER)
        except BadValue as error:
            row.blame("bad_value" if error.code == "text_too_long" else error.code, error.message)
            return None

    row.external_id = (take("id") or "").replace("\n", " ").replace("\t", " ")
    row.speaker = (take("speaker") or "").replace("\n", " ")
    row.language = take("language") or ""
    row.locked, row.locked_at = take("locked"), take("locked_at")
    if row.locked_at is not None and row.locked is None and "locked" not in headers:
        row.locked = True


def _version(row: Staged, cell: str) -> None:
    if cell.isascii() and cell.isdecimal() and len(cell) < 10:
        row.version = int(cell)
    elif cell:
        row.blame("bad_value", f"The version is “{cell[:40]}”, and no whole number. Empty the cell.")


def _asked(row: Staged, name: str, people: Mapping[str, int]) -> None:
    row.assignee = people.get(name.casefold())
    if name and row.assignee is None:
        row.blame(
            "unknown_assignee",
            f"“{name[:40]}” is no member of this project. Add them under Members, or leave the cell empty.",
        )


def _sound(row: Staged, name: str, by_last_part: bool, sounds: Sounds) -> str:
    """Find the audio of a row; return the last part of its name, or nothing where there is none."""
    try:
        found: Sound = sounds.find(name, by_last_part=by_last_part)
    except BadValue as error:
        row.blame(error.code, error.message)
        return ""
    row.file, row.recording = found.file, found.recording
    return found.name.replace("\\", "/").rpartition("/")[2]


def _judge(row: Staged, how: Reading) -> None:
    """Note what the cells together say is wrong."""
    has_text = bool(row.text or row.correction)
    broken = any(
        code in ("text_too_long", "bad_characters", "formula_cell", "error_cell") for code, _ in row.faults
    )
    if row.locked and not has_text:
        row.blame("locked_without_text", "The row is locked and has no text. Unlock it, or write the text.")
    elif not has_text and row.correction is None and not how.transcribe and not broken:
        row.blame("empty_text", "The row has no text. Write it, or have rows without text transcribed.")
    said = row.correction or row.text
    expected = SCRIPTS.get(row.language or how.language)
    if said and expected and _is_other_script(said, expected):
        name = row.language or how.language
        row.blame("wrong_script", f"The text is not in a script that “{name}” is written in.")
    length = (row.end_ms or 0) - (row.start_ms or 0)
    if length > faults.LONGEST_MS:
        row.blame("too_long", f"The row is {length / 1000:.1f} s long; models hear 30 s at once.")


def _is_other_script(text: str, expected: frozenset[str]) -> bool:
    if "LATIN" in expected and text.isascii():
        return False
    letters = [c for c in text if c.isalpha()]
    wrong = sum(script_of(c) not in expected for c in letters)
    return wrong * 2 > len(letters)


COLUMNS: Final = (
    "parent_id", "source", "line", "state", "faults", "cells", "file_id", "recording_id", "start_ms",
    "end_ms", "external_id", "speaker", "language", "text", "correction", "locked", "locked_at",
    "assignee_id", "version", "metadata", "words",
)  # fmt: skip
COPY: Final = f"COPY {ImportRow._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN"


def clear(parent: Import) -> None:
    """Forget the rows of an earlier check."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM annotation_importrow WHERE parent_id = %s", [parent.pk])


def write(parent: Import, rows: Iterable[Staged], accepted: frozenset[str]) -> None:
    """Append rows in one COPY. Rows with a fault that is not `accepted` are faulty."""
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in rows:
            state = ImportRowState.FAULTY if faults.hard(row.faults, accepted) else ImportRowState.READY
            cells = [_storable(cell) for cell in row.cells]
            copy.write_row(
                (
                    parent.pk, row.source, row.line, state.value, _json(row.faults), _json(cells), row.file,
                    row.recording, row.start_ms, row.end_ms, row.external_id, row.speaker, row.language,
                    row.text, row.correction, row.locked, row.locked_at, row.assignee, row.version,
                    _json(row.metadata), _json(row.words),
                )
            )  # fmt: skip


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _storable(cell: str) -> str:
    """Return a cell as JSON in PostgreSQL can hold it; what cannot be kept is shown as such."""
    if "\x00" in cell or not _is_whole(cell):
        cell = cell.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return cell if len(cell) <= MAX_CELL else cell[:MAX_CELL]
