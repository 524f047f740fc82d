"""The dry run: read the whole table, name every faulty row, count what would happen. Nothing is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet

from annotation import progress
from annotation.errors import Invalid
from annotation.models import Import, ImportFile, ImportRow, ImportTemplate, Recording
from annotation.services import filejobs
from annotation.services.assignments import members
from annotation.services.file_names import file_names
from annotation.services.filejobs import ClaimedJob, Tick
from annotation.services.imports import between, columns, faults, files, questions, rejects, staging, values
from annotation.services.imports.columns import Column
from annotation.services.imports.matching import Sound, Sounds
from annotation.services.imports.staging import Reading, Staged
from annotation.states import FileKind, ImportRowState, ImportState
from transcription.formats import FormatError, read_each
from transcription.tables import Line, Table, TableError, open_table
from transcription.tables.plain import preview

HEAD_ROWS: Final = 210
"""So many rows are looked at to know the columns and what is open."""
PREVIEW_ROWS: Final = 20
MAX_SHEETS: Final = 200
"""So many sheets of a workbook can be chosen from."""
UNREAD: Final = "unread"
"""The cause of files that could be read, were another not chosen."""

Note = Callable[[int, int, str], None]


class Asking(Exception):
    """Stop a check because something must be answered first."""

    def __init__(self, asked: list[dict[str, Any]], **values: Any) -> None:
        super().__init__()
        self.questions, self.values = asked, values


def check(parent: Import, claimed: ClaimedJob, tick: Tick) -> None:
    """Check an import and say in it what was found; raises Invalid where nothing of it can be read."""

    def note(done: int, total: int, phase: str) -> None:
        tick(done, total, phase)

    found: dict[str, Any] = {"questions": [], "refusal": {}}
    try:
        found |= _check(parent, note)
        state = ImportState.CHECKED
    except Asking as asking:
        state = ImportState.ASKING
        found |= {"questions": asking.questions, **asking.values}
    except Invalid as error:
        refusal = {"code": error.code, "message": error.message, "file": error.detail.get("file", "")}
        end(parent, claimed, ImportState.REFUSED, refusal=refusal, reading=parent.reading)
        raise
    end(parent, claimed, state, reading=parent.reading, **found)


def end(parent: Import, claimed: ClaimedJob, state: ImportState, **values: Any) -> None:
    """Write what a check found, if its claim still stands."""
    with transaction.atomic():
        filejobs.hold(claimed)
        rows = Import.objects.filter(pk=parent.pk, job=claimed.id, state=ImportState.CHECKING).update(
            state=state, **values
        )
        if not rows:
            raise filejobs.Lost
        announce(parent, state)


def announce(parent: Import, state: str) -> None:
    """Tell open pages that an import changed."""
    progress.publish_on_commit(
        parent.project_id, "import.changed", {"import": str(parent.pk), "state": str(state)}
    )


def _check(parent: Import, note: Note) -> dict[str, Any]:
    parent.reading = {}
    staging.clear(parent)
    files.unpack_all(parent, note)
    note(0, 1, "reading")
    table = _choose_table(parent)
    _name_unread(parent, table)
    sounds = Sounds(files.sounds_of(parent), here(parent))
    if table is not None:
        found = _check_table(parent, table, sounds, note)
    else:
        found = _check_transcripts(parent, sounds, note)
    files.probe_named(parent, note)
    note(0, 1, "comparing")
    accepted = accepted_of(parent)
    between.check(parent)
    between.settle(parent, accepted)
    if found.get("columns"):
        parent.columns = found["columns"]
    if "table" in found:
        parent.table = found["table"]
    found["counts"] = {**summary(parent), "rejects": rejects.keep(parent)}
    found["preview"] = preview_of(parent)
    return found


def summary(parent: Import) -> dict[str, Any]:
    """Count rows and files of an import as they stand."""
    named = ImportRow.objects.filter(parent=parent, file__isnull=False).values("file_id")
    audio = ImportFile.objects.filter(parent=parent, kind=FileKind.AUDIO)
    return {
        **between.count(parent),
        "files": ImportFile.objects.filter(parent=parent).exclude(kind=FileKind.ARCHIVE).count(),
        "orphans": audio.filter(recording=None).exclude(pk__in=named).count(),
        "left_out": left_out(parent).count(),
    }


def left_out(parent: Import) -> QuerySet[ImportFile]:
    """Return the files that are not used and should have been, as far as anybody can tell."""
    unused = Q(kind=FileKind.IGNORED) | Q(cause_code=UNREAD)
    return ImportFile.objects.filter(unused, parent=parent).exclude(cause_code="junk")


def accepted_of(parent: Import) -> frozenset[str]:
    """Return the faults that a person waves through."""
    told = parent.options.get("accept")
    return frozenset(faults.ACCEPTED_UNLESS_TOLD if told is None else told) & faults.SOFT


def here(parent: Import) -> Iterator[Sound]:
    """Give the recordings of the project, which rows may name as well; by the names of exports, too."""
    rows = Recording.objects.filter(project=parent.project_id, trashed_at=None)
    exported = file_names(parent.project)
    for pk, name, sha256 in rows.values_list("pk", "name", "sha256").iterator(2000):
        yield Sound(name, recording=pk, same=sha256)
        called = exported.get(pk)
        if called is not None and called.file != name:
            yield Sound(called.file, recording=pk, same=sha256)


# -- Tables ------------------------------------------------------------------------------------------------


def _choose_table(parent: Import) -> ImportFile | None:
    tables = list(ImportFile.objects.filter(parent=parent, kind=FileKind.TABLE))
    answer = parent.answers.get("table") or parent.table
    chosen = [file for file in tables if file.name == answer]
    if len(tables) > 1 and not chosen:
        raise Asking([questions.about_table([file.name for file in tables])])
    return next(iter(chosen or tables), None)


def _name_unread(parent: Import, table: ImportFile | None) -> None:
    """Say of the other tables, and of transcripts beside a table, that they are not read."""
    rows = ImportFile.objects.filter(parent=parent)
    rows.filter(cause_code=UNREAD).update(cause_code="", cause="")
    if table is None:
        return
    rest = rows.exclude(pk=table.pk)
    rest.filter(kind=FileKind.TABLE).update(
        cause_code=UNREAD, cause=f"Not read: “{table.name}” was chosen. Choose this, or drop it alone."
    )
    rest.filter(kind=FileKind.TRANSCRIPT).update(
        cause_code=UNREAD,
        cause=f"Not read: the table “{table.name}” says what is in the audio. Drop it without a table.",
    )


def _check_table(parent: Import, file: ImportFile, sounds: Sounds, note: Note) -> dict[str, Any]:
    try:
        table = _open(parent, file)
        how, rows, mapped = _understand(parent, file, table, sounds)
        _stage(parent, (staging.understand(line, how, sounds) for line in rows), how.accepted, note)
    except TableError as error:
        raise Invalid(f"{file.name}: {error.message}", code=error.code, file=file.name) from None
    return {"table": file.name, "columns": [column.to_json() for column in mapped]}


def _open(parent: Import, file: ImportFile) -> Table:
    path = files.path_of(file)
    try:
        table = open_table(
            path,
            encoding=str(parent.answers.get("encoding") or ""),
            delimiter=str(parent.options.get("delimiter") or ""),
            sheet=str(parent.options.get("sheet") or ""),
        )
    except TableError as error:
        if error.code == "no_sheet":
            parent.reading = _reading(open_table(path))  # so that one of those that are there can be chosen
        if error.code != "encoding_unclear" or not error.candidates:
            raise
        previews = {name: preview(path, name) for name in error.candidates}
        raise Asking([questions.about_encoding(error.candidates, previews)], table=file.name) from None
    parent.reading = _reading(table)
    return table


def _reading(table: Table) -> dict[str, Any]:
    return {
        "kind": table.kind, "sheet": table.sheet, "sheets": table.sheets[:MAX_SHEETS],
        "encoding": table.encoding, "delimiter": table.delimiter,
    }  # fmt: skip


def _understand(
    parent: Import, file: ImportFile, table: Table, sounds: Sounds
) -> tuple[Reading, Iterator[Line], list[Column]]:
    """Find headers and columns in the first rows; return how to read the rest. Raises Asking, Invalid."""
    lines = table.lines()
    head = list(islice(lines, HEAD_ROWS))
    if not head:
        raise Invalid(f"{file.name}: The table is empty.", code="empty_file", file=file.name)
    place = _header_row(parent, head, sounds)
    headers = _headers(head, place, table.kind)
    body = head if place is None else head[place + 1 :]
    if not body:
        raise Invalid(
            f"{file.name}: There are no rows under the headers, so there is nothing to import.",
            code="no_rows", file=file.name,
        )  # fmt: skip
    template = _template(parent, headers)
    answers = {**_remembered(template, headers), **parent.answers}
    mapped = columns.map_columns(
        headers,
        chosen=answers.get("columns") or {},
        template=template.fields if template else columns.remembered(headers, parent.project.sheet_columns),
        samples=[line.cells for line in body[:50]],
        is_audio=sounds.knows,
        has_headers=place is not None,
    )
    asked = questions.open_questions(mapped, body[: HEAD_ROWS - 10], answers)
    if asked:
        raise Asking(
            asked,
            table=file.name,
            columns=[column.to_json() for column in mapped],
            preview=[{"line": line.number, "cells": list(line.cells)} for line in body[:PREVIEW_ROWS]],
        )
    fields = {column.field for column in mapped}
    has_text = bool(fields & {"text", "correction"})
    how = Reading(
        source=file.name,
        columns=tuple(mapped),
        kind=table.kind,
        unit=answers.get("time_unit") or "",
        minutes=answers.get("clock_cells") == "minutes",
        by_last_part=answers.get("absolute_paths") == "last_part",
        transcribe=not has_text or parent.options.get("empty_text") == "transcribe",
        accepted=accepted_of(parent),
        language=parent.project.language,
        people=members(parent.project),
    )
    return how, chain(body, lines), mapped


def _header_row(parent: Import, head: Sequence[Line], sounds: Sounds) -> int | None:
    told = parent.options.get("header_row")
    if told == 0:
        return None
    if told:
        for place, line in enumerate(head):
            if line.number == told:
                return place
        raise Invalid(f"Row {told} is not among the first rows of the table.", code="no_header_row")
    return columns.find_header([line.cells for line in head], sounds.knows)


def _headers(head: Sequence[Line], place: int | None, kind: str) -> list[str]:
    """Return a name for each column: its header, made unique, or its letter."""
    width = max(len(line.cells) for line in head)
    given = list(head[place].cells) if place is not None else []
    if kind == "csv":
        given = list(map(values.unescaped, given))
    while place is not None and len(given) > 1 and not given[-1].strip():
        given.pop()
    names: list[str] = []
    for column in range(len(given) if given else width):
        name = " ".join(given[column].split())[:200].replace("\x00", "") if column < len(given) else ""
        name = name or columns.letter(column)
        names.append(name if name not in names else f"{name} ({columns.letter(column)})")
    return names


def _template(parent: Import, headers: Sequence[str]) -> ImportTemplate | None:
    keys = [key for key in map(columns.plain, headers) if key not in (columns.LINE, columns.REASON)]
    wanted = parent.options.get("template")
    for template in ImportTemplate.objects.filter(project=parent.project_id).order_by("-pk"):
        if template.name == wanted or (not wanted and template.headers == keys):
            return template
    return None


def _remembered(template: ImportTemplate | None, headers: Sequence[str]) -> dict[str, Any]:
    """Return a template's answers. A sheet of rejects has its native times already as they were meant."""
    answers = dict(template.answers) if template else {}
    if columns.LINE in map(columns.plain, headers):
        answers.pop("clock_cells", None)
    return answers


def _stage(
    parent: Import, rows: Iterator[Staged], accepted: frozenset[str], note: Note, total: int = 0
) -> int:
    done = 0
    while batch := list(islice(rows, staging.BATCH)):
        staging.write(parent, batch, accepted)
        done += len(batch)
        note(done, max(total, done + 1), "reading")
    return done


# -- Transcripts of other tools ----------------------------------------------------------------------------


def _check_transcripts(parent: Import, sounds: Sounds, note: Note) -> dict[str, Any]:
    found = list(ImportFile.objects.filter(parent=parent, kind=FileKind.TRANSCRIPT))
    if not found and not ImportFile.objects.filter(parent=parent, kind=FileKind.AUDIO).exists():
        raise Invalid(
            "There is neither a table nor audio in this drop. Add an XLSX, ODS, CSV or TSV file, or"
            " transcripts such as SRT, VTT, TextGrid or JSON, and their audio.",
            code="nothing_found",
        )  # fmt: skip
    how = Reading(
        source="",
        columns=tuple(Column(header, columns.field_of(header)[0]) for header in staging.TRANSCRIPT_HEADERS),  # type: ignore[index]
        kind="transcript",
        unit="ms",
        minutes=False,
        by_last_part=True,
        transcribe=parent.options.get("empty_text") == "transcribe",
        accepted=accepted_of(parent),
        language=parent.project.language,
    )
    for done, file in enumerate(found):
        note(done, len(found), "reading")
        _stage(parent, _rows_of(file, how, sounds), how.accepted, note)
    return {"table": "", "columns": [column.to_json() for column in how.columns] if found else []}


def _rows_of(file: ImportFile, how: Reading, sounds: Sounds) -> Iterator[Staged]:
    """Give the utterances of a transcript; its audio has the same stem where it names none."""
    archived = PurePosixPath(file.name.replace("\\", "/"))
    last = 0
    try:
        with files.path_of(file).open("rb") as stream:
            for found in read_each(file.name, stream):
                last = found.line if found.line > last else last + 1
                if isinstance(found, FormatError):
                    yield _unread(file, last, found, found.message)
                else:
                    numbered = found if found.line == last else replace(found, line=last)
                    yield staging.understand_row(file.name, numbered, how, sounds, archived.stem)
    except FormatError as error:
        line = max(error.line, last + 1)
        yield _unread(file, line, error, f"{error.message} The rest of this file was not read.")


def _unread(file: ImportFile, line: int, error: FormatError, message: str) -> Staged:
    row = Staged(file.name, line, [file.name])
    row.blame("bad_time" if error.code == "bad_time" else "malformed", message)
    return row


def preview_of(parent: Import) -> list[dict[str, Any]]:
    """Return the first rows as they were understood, faulty ones among them."""
    rows = ImportRow.objects.filter(parent=parent).select_related("file", "recording")
    first = list(rows.order_by("source", "line")[:PREVIEW_ROWS])
    return [
        {
            "line": row.line,
            "audio": row.file.name if row.file else row.recording.name if row.recording else "",
            "start_ms": row.start_ms,
            "end_ms": row.end_ms,
            "text": row.text[:200],
            "correction": None if row.correction is None else row.correction[:200],
            "id": row.external_id,
            "speaker": row.speaker,
            "locked": bool(row.locked),
            "ready": row.state == ImportRowState.READY,
            "faults": row.faults,
        }
        for row in first
    ]
