"""A table with every kind of fault planted in it: for the tests, and for a run by hand at full size."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.annotation.imports.dropping import sound

HEADERS = (
    "id", "file_name", "start_ms", "end_ms", "transcript", "correct_transcripts", "speaker", "lang", "locked",
    "locked_at", "cost centre",
)  # fmt: skip
SPAN_MS = 1_000
PER_FILE = 100


@dataclass
class Plan:
    """The rows, and what is wrong with which line."""

    rows: list[list[object]] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    audio: dict[str, bytes] = field(default_factory=dict)

    @property
    def line(self) -> int:
        """Return the line that the next row gets; the headers are on line 1."""
        return len(self.rows) + 2


def good(number: int) -> list[object]:
    """Make a row without a fault."""
    start = number % PER_FILE * SPAN_MS
    return [
        f"u{number:06}", f"call_{number // PER_FILE:03}.wav", start, start + SPAN_MS - 100,
        f"row {number} was heard", "", "", "en", "", "", f"{number:05}",
    ]  # fmt: skip


def changed(**values: object) -> Callable[[list[object]], list[object]]:
    """Return what changes cells of a row by header."""

    def change(row: list[object]) -> list[object]:
        made = list(row)
        for header, value in values.items():
            made[HEADERS.index(header.replace("__", " "))] = value
        return made

    return change


class Formula:
    """Stand for a formula whose result is not in the file."""


class Wrong:
    """Stand for an error in a cell."""


PLANTED: dict[str, Callable[[list[object]], list[object]]] = {
    "audio_blank": changed(file_name=""),
    "missing_audio": changed(file_name="nobody.wav"),
    "ambiguous_audio": changed(file_name="twin"),
    "unsafe_audio_path": changed(file_name="../../etc/passwd"),
    "undecodable_audio": changed(file_name="broken.mp3"),
    "bad_time": changed(start_ms="soon"),
    "negative_time": changed(start_ms=-5),
    "end_missing": changed(end_ms=""),
    "start_missing": changed(start_ms=""),
    "end_before_start": changed(start_ms=9, end_ms=9),
    "past_end": lambda row: [*row[:2], *(PER_FILE * SPAN_MS + int(str(time)) for time in row[2:4]), *row[4:]],
    "empty_text": changed(transcript=""),
    "formula_cell": changed(transcript=Formula),
    "error_cell": changed(transcript=Wrong),
    "text_too_long": changed(transcript="x" * 20_001),
    "bad_value": changed(locked="perhaps"),
    "locked_without_text": changed(transcript="", locked="yes"),
    "wrong_script": changed(transcript="это не английский текст"),
    "chars_per_second": changed(transcript="so many words that nobody could ever say them in time " * 5),
}
"""Faults of one row alone."""


def plan(number: int, every: int) -> Plan:
    """Make `number` rows, each `every`th of them with a fault; all kinds of faults in turn."""
    made = Plan()
    kinds = list(PLANTED)
    for index in range(number):
        row = good(index)
        if index % every == every - 1:
            kind = kinds[index // every % len(kinds)]
            made.faults[made.line] = kind
            row = PLANTED[kind](row)
        made.rows.append(row)
    one = good(1)

    def spare(name: str, start: int, end: int) -> list[object]:
        return changed(id=name, file_name="spare.wav", start_ms=start, end_ms=end, transcript="a")(one)

    pairs = {
        "duplicate_id": (spare("twice", 0, 900), spare("twice", 1000, 1900)),
        "same_span": (spare("s1", 3000, 3900), spare("s2", 3000, 3900)),
        "duplicate_audio": tuple(
            changed(id=name, file_name=name, start_ms="", end_ms="")(one)
            for name in ("whole.wav", "copy-of-whole.wav")
        ),
    }
    for kind, pair in pairs.items():
        for row in pair:
            made.faults[made.line] = kind
            made.rows.append(row)
    made.faults[made.line] = "past_end"  # begins within the audio: rows behind it must not overlap it
    made.rows.append(spare("p1", 2000, 9000))
    made.rows.append(spare("o1", 5000, 6500))
    made.faults[made.line] = "overlap"
    made.rows.append(spare("o2", 6000, 7000))
    for file in range((number + PER_FILE - 1) // PER_FILE):
        made.audio[f"call_{file:03}.wav"] = sound(PER_FILE * SPAN_MS / 1000, rate=4000, pitch=file, width=1)
    made.audio |= {
        "a/twin.wav": sound(5, pitch=301), "b/twin.wav": sound(5, pitch=302), "broken.mp3": b"\x00" * 900,
        "spare.wav": sound(8, pitch=303), "whole.wav": sound(5, pitch=304),
        "copy-of-whole.wav": sound(5, pitch=304), "orphan.wav": sound(1, pitch=305),
    }  # fmt: skip
    return made


def workbook(made: Plan) -> bytes:
    """Write the rows as an XLSX."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Calls")
    sheet.append(list(HEADERS))
    for row in made.rows:
        cells: list[object] = []
        for value in row:
            if value is Formula:
                value = "=CONCAT(A1,B1)"
            elif value is Wrong:
                cell = WriteOnlyCell(sheet, value="#REF!")
                cell.data_type = "e"
                value = cell
            cells.append(None if value == "" else value)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
