"""Write an export as a table: CSV, TSV, XLSX, or JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from annotation.services.exports.building import Build, Package, blocks_of, file_name
from annotation.services.exports.columns import Layout, values_of
from annotation.services.exports.recordings import add_recordings
from annotation.states import ExportFormat
from transcription.formats.json_rows import table_line
from transcription.formats.sheets import csv_lines, fits_a_cell, tsv_lines, write_xlsx

Lines = Callable[[Build], Iterator[bytes]]


def _cells(build: Build, layout: Layout, *, excel: bool = False) -> Iterator[list[Any]]:
    for row in build.rows():
        cells = layout.fill(row, values_of(row, file_name(row)))
        if excel:
            build.altered(not all(fits_a_cell(cell) for cell in cells if isinstance(cell, str)))
        yield cells


def _layout(build: Build) -> Layout:
    facts = build.snapshot.facts
    return Layout(facts["sheet_columns"], split=bool(build.options.split_by), paths=facts["paths"])


def csv_of(build: Build) -> Iterator[bytes]:
    """Yield the table as CSV for spreadsheets."""
    layout = _layout(build)
    yield from csv_lines(layout.header, _cells(build, layout))


def tsv_of(build: Build) -> Iterator[bytes]:
    """Yield the table as TSV."""
    layout = _layout(build)
    yield from tsv_lines(layout.header, _cells(build, layout))


def jsonl_of(build: Build) -> Iterator[bytes]:
    """Yield the table as JSON lines, one object a row: the exact form."""
    for row in build.rows():
        yield table_line(values_of(row, file_name(row)), row.facts["metadata"]).encode("utf-8", "replace")


def xlsx_to(build: Build, file: BinaryIO) -> None:
    """Write the table as a workbook."""
    layout = _layout(build)
    write_xlsx(file, layout.header, _cells(build, layout, excel=True))


LINES: Final[dict[ExportFormat, Lines]] = {
    ExportFormat.CSV: csv_of,
    ExportFormat.TSV: tsv_of,
    ExportFormat.JSONL: jsonl_of,
}


def write_table(build: Build, file: BinaryIO) -> None:
    """Write the table as the one file that the export is."""
    form = ExportFormat(build.export.format)
    if form == ExportFormat.XLSX:
        xlsx_to(build, file)
        return
    for line in LINES[form](build):
        file.write(line)


def pack_table(build: Build, package: Package) -> None:
    """Write the table into an archive, with the recordings beside it."""
    form = ExportFormat(build.export.format)
    name = f"segments.{form.value}"
    if form == ExportFormat.XLSX:
        path = build.folder / name
        with path.open("w+b") as file:
            xlsx_to(build, file)
            file.seek(0)
            package.add(name, blocks_of(file))
        path.unlink()
    else:
        package.add(name, LINES[form](build))
    add_recordings(build, package)
