"""Read tables that people send: CSV and TSV in whatever encoding, XLSX, XLS and ODS; row by row.

What a file is, is told by its bytes and never by its name. Nothing is guessed in silence: where the encoding
can't be proven the reader says `encoding_unclear` with its candidates, and the caller asks.
"""

from __future__ import annotations

from pathlib import Path

from transcription.tables import plain, workbook
from transcription.tables.types import Line, Mark, Table, TableError

__all__ = ["Line", "Mark", "Table", "TableError", "open_table"]

_HEAD = 4096


def open_table(
    path: Path, *, encoding: str = "", delimiter: str = "", sheet: str = "", memory_bytes: int = 0
) -> Table:
    """Return the table in a file; its rows are read when they are iterated, and may be again.

    `sheet` is a name in a workbook (default: the first that holds something), `encoding` and `delimiter` what
    a person said of a text file. `memory_bytes` bounds the process that reads a workbook (0 = 1 GiB). Raises
    TableError with what to do where there is no table in it.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise TableError("empty_file", "The file is empty (0 bytes). Export it again.")
    if head.startswith(workbook.ZIP_MAGIC):
        return workbook.open_zipped(path, sheet, memory_bytes)
    if head.startswith(workbook.OLE_MAGIC):
        return workbook.open_old(path, sheet, memory_bytes)
    return plain.open_plain(path, head, encoding, delimiter)
