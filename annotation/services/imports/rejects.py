"""The sheet of rejects: the faulty rows as they stood, with why, to be mended and dropped again."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import IO, Any, Final

from annotation.models import Import, ImportRow
from annotation.services.imports.columns import REASON
from annotation.services.imports.faults import CODES
from annotation.states import ImportRowState

ILLEGAL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
MAX_CELL: Final = 32_767
NAME: Final = "rejects.xlsx"
CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def faulty(parent: Import) -> Iterator[ImportRow]:
    """Give the faulty rows of an import in the order of the table."""
    rows = ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY)
    yield from rows.order_by("source", "line").iterator(2000)


def write(parent: Import) -> IO[bytes]:
    """Write the sheet to a file that goes away by itself, and return it at its beginning; constant memory.

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
    sheet.append([text(header) for header in (*headers, "line", REASON)])
    for row in faulty(parent):
        cells = [*row.cells, *([""] * (len(headers) - len(row.cells)))][: len(headers)]
        where = f"{row.line}" if not row.source or row.source == parent.table else f"{row.source}: {row.line}"
        sheet.append([text(cell) for cell in (*cells, where, reason(row))])
    out = tempfile.TemporaryFile(suffix=".xlsx")  # noqa: SIM115 - the answer closes it
    book.save(out)
    out.seek(0)
    return out


def reason(row: ImportRow) -> str:
    """Say what is wrong with a row, each fault on a line of its own."""
    return "\n".join(f"{CODES.get(code, code)}: {message}" for code, message in row.faults)
