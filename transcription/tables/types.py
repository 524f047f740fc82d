"""What a table is once it is read: numbered lines of text cells, and marks on some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from transcription.errors import TranscriptionError

MAX_ROWS: Final = 500_000
"""Rows of one table; a sheet of Excel holds 1,048,576, and a person splits such a table anyway."""
MAX_COLUMNS: Final = 1_000
MAX_CELL: Final = 1 << 20
"""Characters in one cell. Excel's own limit is 32,767."""

Mark = Literal["formula", "error", "clock"]
"""A formula whose result is not in the file; an error value such as #REF!; a native time of day."""


@dataclass(frozen=True, slots=True)
class Line:
    """Hold one row: `number` is its (first) line in the file, or its row in the sheet."""

    number: int
    cells: tuple[str, ...]
    marks: Mapping[int, Mark] = field(default_factory=dict)
    """By column, from 0."""


class Table(Protocol):
    """Give the rows of a table, from the first line on, headers among them; blank rows are left out."""

    @property
    def kind(self) -> str:
        """Name the kind of file: `csv`, `xlsx`, `xls` or `ods`."""
        ...

    @property
    def encoding(self) -> str:
        """Name the encoding of a text file."""
        ...

    @property
    def delimiter(self) -> str:
        """Give what parts the cells of a text file."""
        ...

    @property
    def sheet(self) -> str:
        """Name the sheet that is read."""
        ...

    @property
    def sheets(self) -> tuple[str, ...]:
        """Name all sheets of a workbook."""
        ...

    def lines(self) -> Iterator[Line]:
        """Read the rows from the beginning. Raises TableError where the file turns out to be broken."""
        ...


TableCode = Literal[
    "empty_file",
    "not_a_table",
    "encoding_unclear",
    "encoding_wrong",
    "broken_quotes",
    "broken_file",
    "password",
    "archive_bomb",
    "not_safe",
    "too_many_rows",
    "too_many_columns",
    "no_sheet",
    "out_of_memory",
]


class TableError(TranscriptionError):
    """Say that a file is no table we can read, and what to do; `candidates`: encodings to ask about."""

    def __init__(
        self, code: TableCode, message: str, *, line: int = 0, candidates: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code: TableCode = code
        self.message = message
        self.line = line
        self.candidates = candidates
