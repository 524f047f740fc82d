"""The sheet of rejects: the faulty rows as they stood, with why, to be mended and dropped again."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import IO, Any, Final

from annotation.errors import Conflict, NotFound
from annotation.models import Import, ImportRow
from annotation.services.imports import files
from annotation.services.imports.columns import LINE, REASON
from annotation.services.imports.faults import CODES
from annotation.states import ImportRowState

ILLEGAL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
MAX_CELL: Final = 32_767
NAME: Final = "rejects.xlsx"
SMALL: Final = 5_000
"""So many rows are written while a person waits (a second); more are written by the worker."""
CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def faulty(parent: Import) -> Iterator[ImportRow]:
    """Give the faulty rows of an import in the order of the table."""
    rows = ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY)
    yield from rows.order_by("source", "line").iterator(2000)


def keep(parent: Import) -> int:
    """Write the sheet beside the files of an import, for later downloads; return how many rows it has."""
    target = files.folder_of(parent.pk) / NAME
    target.unlink(missing_ok=True)
    if not ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY).exists():
        return 0
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_suffix(".part")
    with part.open("wb") as out:
        rows = write(parent, out)
    part.replace(target)
    return rows


def sheet_of(parent: Import) -> IO[bytes]:
    """Return the sheet of an import, at its beginning: as the worker wrote it, or anew where rows were added.

    Raises NotFound where no row is faulty, Conflict while it is not written yet.
    """
    number = ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY).count()
    if not number:
        raise NotFound("No row of this import was refused.")
    if parent.counts.get("rejects") == number:
        try:
            return (files.folder_of(parent.pk) / NAME).open("rb")
        except FileNotFoundError:
            pass
    if number > SMALL:
        raise Conflict("The sheet of rejects is being written; ask again in a moment.", code="not_ready")
    out = tempfile.TemporaryFile(suffix=".xlsx")  # noqa: SIM115 - the answer closes it
    write(parent, out)
    out.seek(0)
    return out


def write(parent: Import, out: IO[bytes]) -> int:
    """Write the sheet and return the number of its rows; constant memory.

    No cell is a formula, whatever a row's text looks like.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Rejects")
    sheet.freeze_panes = "A2"

    def text(value: Any) -> Any:
        cell = WriteOnlyCell(sheet, value=ILLEGAL.sub("\ufffd", str(value))[:MAX_CELL])
        cell.data_type = "s"
        return cell

    headers = [column["header"] for column in parent.columns]
    sheet.append([text(header) for header in (*headers, LINE, REASON)])
    number = 0
    for row in faulty(parent):
        cells = [*row.cells, *([""] * (len(headers) - len(row.cells)))][: len(headers)]
        where = f"{row.line}" if not row.source or row.source == parent.table else f"{row.source}: {row.line}"
        sheet.append([text(cell) for cell in (*cells, where, reason(row))])
        number += 1
    book.save(out)
    return number


def reason(row: ImportRow) -> str:
    """Say what is wrong with a row, each fault on a line of its own."""
    return "\n".join(f"{CODES.get(code, code)}: {message}" for code, message in row.faults)
