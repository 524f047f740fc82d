"""What a table leaves open, to be asked and never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from annotation.services.imports import matching, values
from annotation.services.imports.columns import Column
from transcription.tables import Line

SAMPLES: Final = 6


def question(
    code: str, message: str, choices: Sequence[tuple[str, str]], samples: Sequence[str]
) -> dict[str, Any]:
    """Return a question as it is kept."""
    return {
        "code": code,
        "message": message,
        "choices": [{"value": value, "label": label} for value, label in choices],
        "samples": [sample[:120] for sample in samples[:SAMPLES]],
    }


def about_table(names: Sequence[str]) -> dict[str, Any]:
    """Ask which of several tables is meant."""
    return question(
        "table",
        "There are several tables in this drop. Which one says what is in the audio?",
        [(name, name) for name in names[:50]],
        (),
    )


def about_encoding(candidates: Sequence[str], previews: Mapping[str, str]) -> dict[str, Any]:
    """Ask which encoding reads right."""
    return question(
        "encoding",
        "The file is not UTF-8, and its bytes do not say what it is. Which of these lines reads right?",
        [(name, f"{name}: {previews.get(name, '')[:120]}") for name in candidates],
        (),
    )


def about_columns(headers: Sequence[str]) -> dict[str, Any]:
    """Ask which column names the audio."""
    return question(
        "columns",
        "No column is known to name the audio files. Say in the list of columns which one does.",
        [(header, header) for header in headers],
        (),
    )


def open_questions(
    columns: Sequence[Column], rows: Sequence[Line], answers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return what the first rows leave open and nobody has answered."""
    found = []
    if not any(column.field == "audio" for column in columns):
        return [about_columns([column.header for column in columns])]
    if not answers.get("time_unit"):
        found += _unit(columns, rows)
    if not answers.get("clock_cells"):
        found += _clocks(columns, rows)
    if not answers.get("absolute_paths"):
        found += _paths(columns, rows)
    return found


def _cells(columns: Sequence[Column], rows: Sequence[Line], field: str) -> list[tuple[Column, str, str]]:
    return [
        (column, row.cells[place], row.marks.get(place, ""))
        for row in rows
        for place, column in enumerate(columns)
        if column.field == field and place < len(row.cells) and row.cells[place].strip()
    ]


def _unit(columns: Sequence[Column], rows: Sequence[Line]) -> list[dict[str, Any]]:
    times = [cell for field in ("start", "end", "duration") for cell in _cells(columns, rows, field)]
    bare = [(c.header, cell) for c, cell, _ in times if not c.unit and values.time_kind(cell) == "number"]
    if not bare or not any(field in ("start", "end") for field in (c.field for c, _, _ in times)):
        return []
    headers = ", ".join(dict.fromkeys(f"“{header}”" for header, _ in bare))
    return [
        question(
            "time_unit",
            f"The times in {headers} are bare numbers. What do they count?",
            (("s", "Seconds"), ("ms", "Milliseconds")),
            [cell for _, cell in bare],
        )
    ]


def _clocks(columns: Sequence[Column], rows: Sequence[Line]) -> list[dict[str, Any]]:
    """Ask about native times that all end in :00: whoever types 1:30 into a sheet gets an hour and a half."""
    native = [
        cell
        for field in ("start", "end", "duration")
        for _, cell, mark in _cells(columns, rows, field)
        if mark == "clock"
    ]
    if not native or not all(cell.endswith(":00") for cell in native) or not any(c > "00:01" for c in native):
        return []
    return [
        question(
            "clock_cells",
            "The sheet holds its times as times of day, and all of them are whole minutes. What was meant?",
            (
                ("minutes", "Minutes and seconds (01:30:00 is 1 min 30 s)"),
                ("hours", "Hours and minutes, as they stand"),
            ),
            native,
        )
    ]


def _paths(columns: Sequence[Column], rows: Sequence[Line]) -> list[dict[str, Any]]:
    absolute = [cell for _, cell, _ in _cells(columns, rows, "audio") if matching.is_absolute(cell.strip())]
    if not absolute:
        return []
    return [
        question(
            "absolute_paths",
            "The table names files by paths of another machine. Nothing is read from there.",
            (
                ("last_part", "Look for the last part of each path in this drop"),
                ("refuse", "Call such rows faulty"),
            ),
            absolute,
        )
    ]
