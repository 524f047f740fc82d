"""Transcript files of other tools, read into rows and written from them.

`read(name, stream)` finds the format by the name's ending and the first bytes and yields `Row`s;
`read_each` goes on behind a faulty one; `recognise` tells the format alone. Reading is bounded in memory
and raises `FormatError`, with the line, for what can't be read: nothing is guessed and nothing is dropped
unsaid. Tables (CSV, XLSX, ODS) have columns of anybody's choice and are no format of this kind, except
Whisper's own TSV.
"""

from __future__ import annotations

from transcription.formats.reading import READABLE, Format, read, read_each, recognise
from transcription.formats.rows import FormatError, Row

__all__ = ["READABLE", "Format", "FormatError", "Row", "read", "read_each", "recognise"]
