"""The sheet of rejects: the faulty rows as they stood, with why, to be mended and dropped again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from django.db import connection

from annotation.errors import NotFound
from annotation.models import Import, ImportRow
from annotation.services.imports import files
from annotation.services.imports.columns import LINE, REASON
from annotation.services.imports.faults import CODES
from annotation.states import ImportRowState
from transcription.formats.sheets import write_xlsx

NAME: Final = "rejects.xlsx"
CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NOTE: Final = (
    "UPDATE annotation_import SET counts = counts || jsonb_build_object('rejects', %s::int) WHERE id = %s"
)


def faulty(parent: Import) -> Iterator[ImportRow]:
    """Give the faulty rows of an import in the order of the table."""
    rows = ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY)
    yield from rows.order_by("source", "line").iterator(2000)


def _count(parent: Import) -> int:
    return ImportRow.objects.filter(parent=parent, state=ImportRowState.FAULTY).count()


def keep(parent: Import) -> int:
    """Write the sheet beside the files of an import, for later downloads; return how many rows it has.

    Takes 0.2 ms a row and little memory, however many there are. Two at once are no harm.
    """
    target, number = _path(parent), _count(parent)
    if not number:
        target.unlink(missing_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = target.with_suffix(f".{uuid4().hex}")
        try:
            with part.open("xb") as out:
                _write(parent, out)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [number, parent.pk])
    return number


def renew(parent: Import) -> int:
    """Write the sheet where it is not what rows are faulty now; return how many it has.

    It goes stale when a person waves faults through, and when audio turns out to be shorter than it said.
    """
    number = _count(parent)
    kept = Import.objects.values_list("counts__rejects", flat=True).get(pk=parent.pk)
    return number if number == kept and (not number or _path(parent).exists()) else keep(parent)


def sheet_of(parent: Import) -> BinaryIO:
    """Return the sheet of an import, open at its beginning. Raises NotFound where no row is faulty.

    The worker has written it; where rows became faulty since, it is written anew.
    """
    if not renew(parent):
        raise NotFound("No row of this import was refused.")
    return _path(parent).open("rb")


def _path(parent: Import) -> Path:
    return files.folder_of(parent.pk) / NAME


def _write(parent: Import, out: BinaryIO) -> None:
    """Write the sheet; constant memory. No cell is a formula."""
    headers = [column["header"] for column in parent.columns]

    def rows() -> Iterator[list[str]]:
        for row in faulty(parent):
            cells = [*row.cells, *([""] * (len(headers) - len(row.cells)))][: len(headers)]
            ours = not row.source or row.source == parent.table
            yield [*cells, str(row.line) if ours else f"{row.source}: {row.line}", reason(row)]

    write_xlsx(out, [*headers, LINE, REASON], rows(), title="Rejects")


def reason(row: ImportRow) -> str:
    """Say what is wrong with a row, each fault on a line of its own."""
    return "\n".join(f"{CODES.get(code, code)}: {message}" for code, message in row.faults)
