"""Tables: CSV for spreadsheets, TSV, and XLSX through openpyxl; row by row, and inert when opened.

In CSV and TSV a text that would begin a formula gets an apostrophe before it (`cells.escape`). In XLSX it
is stored as text and marked so that it stays one when somebody edits the cell.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final

from transcription.formats.archive import Archive
from transcription.formats.cells import MAX_CELL, escape, plain, spell

MARK: Final = "\ufeff".encode()
"""Tells spreadsheets that a CSV is UTF-8."""
MAX_ROWS: Final = 1_048_576
"""Rows of a sheet of Excel, the header among them; what is beyond goes to a second sheet, and so on."""
WRITTEN: Final = datetime(2000, 1, 1, tzinfo=UTC)
TIMES: Final = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
FORMULA_LIKE: Final = tuple("=+-@\t\r\n＝＋－＠'#")  # noqa: RUF001 - they are the point


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield a CSV for spreadsheets, with a byte order mark, line by line."""
    yield MARK
    yield from _delimited(header, rows, "excel")


def tsv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield a TSV line by line; a cell with tabs or breaks is quoted."""
    yield from _delimited(header, rows, "excel-tab")


def _delimited(header: Sequence[str], rows: Iterable[Sequence[Any]], dialect: str) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, dialect)
    writer.writerow([escape(name) for name in header])
    for row in rows:
        writer.writerow([escape(plain(value)) if not _number(value) else value for value in row])
        yield text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode("utf-8", "replace")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def fits_a_cell(text: str) -> bool:
    """Tell whether a cell of Excel holds the text whole."""
    return len(text) * 2 <= MAX_CELL or len(spell(text).encode("utf-16-le")) // 2 <= MAX_CELL


def write_xlsx(
    file: BinaryIO, header: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "Segments"
) -> None:
    """Write a workbook to a seekable file, row by row: the same rows give the same bytes.

    Numbers are numbers, all else is text. A text that a cell can't hold whole (`fits_a_cell`) is cut.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    source, number = iter(rows), 1
    full = True
    while full:
        sheet: Any = book.create_sheet(title if number == 1 else f"{title} {number}")
        sheet.freeze_panes = "A2"
        sheet.append([_cell(sheet, name) for name in header])
        full = False
        for count, row in enumerate(source, 2):
            sheet.append([_cell(sheet, value) for value in row])
            if count == MAX_ROWS:
                full = True
                break
        number += 1
    with TemporaryDirectory() as folder:
        written = Path(folder) / "book.xlsx"
        book.save(written)
        _packed_again(written, file)


def _cell(sheet: Any, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    if _number(value):
        return value
    text = spell(plain(value))
    if len(text) > MAX_CELL // 2:
        text = text.encode("utf-16-le")[: MAX_CELL * 2].decode("utf-16-le", "ignore")
    if not text.startswith(FORMULA_LIKE):
        return text or None
    cell: Any = WriteOnlyCell(sheet)
    cell.value = text
    cell.data_type = "s"
    cell.quotePrefix = True
    return cell


def _packed_again(written: Path, file: BinaryIO) -> None:
    """Copy a workbook without the times that openpyxl puts into it."""
    moment = WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(written) as found, Archive(file) as archive:
        for name in found.namelist():
            with found.open(name) as member:
                blocks: Iterable[bytes] = iter(lambda: member.read(1 << 16), b"")
                if name == "docProps/core.xml":
                    blocks = [TIMES.sub(rb"\g<1>" + moment, member.read())]
                archive.add(name, blocks)
        archive.close()
