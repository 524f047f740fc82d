"""CSV and TSV: find the encoding by proof, the delimiter by what splits the rows alike, then stream."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from transcription.tables.types import MAX_CELL, MAX_COLUMNS, MAX_ROWS, Line, TableError

BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_CHARACTERS: Final = 64 << 10
SAMPLE_ROWS: Final = 50
BLOCK: Final = 1 << 20
COMMON: Final = ("cp1252", "iso8859-15", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr")
"""Encodings that people still export; those that can decode a file are candidates beside the guess."""
OTHER_FILES: Final = (
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "an RTF document"),
    (b"RIFF", "a sound or video file"),
    (b"ID3", "a sound file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
)
EXPORT: Final = "Export the table as XLSX, ODS, CSV or TSV and send that."


@dataclass(frozen=True, slots=True)
class PlainTable:
    """Stand for a text file with one row to a line; see `types.Table`."""

    path: Path
    encoding: str
    delimiter: str
    kind: str = "csv"
    sheet: str = ""
    sheets: tuple[str, ...] = ()

    def lines(self) -> Iterator[Line]:
        """Read the rows; a quoted cell may span lines. Constant memory."""
        csv.field_size_limit(MAX_CELL)
        with self.path.open(encoding=self.encoding, newline="") as file:
            taken = _Taken(file)
            reader = csv.reader(taken, delimiter=self.delimiter)
            before, count = 0, 0
            while True:
                try:
                    cells = next(reader)
                    if taken.ended or len(taken.lines) > 1:
                        # A quotation mark that is never closed would take the rows behind it into its cell.
                        next(csv.reader(taken.lines, delimiter=self.delimiter, strict=True))
                    taken.lines.clear()
                except StopIteration:
                    return
                except csv.Error as error:
                    raise TableError(
                        "broken_quotes",
                        f"The row that begins on line {before + 1} does not end: a quotation mark is open"
                        f" and never closed ({error}). Close it, or double it inside a quoted cell.",
                        line=before + 1,
                    ) from None
                except UnicodeError as error:
                    raise TableError(
                        "encoding_wrong",
                        f"After line {reader.line_num} the file is not {self.encoding}: {error}."
                        " Save it as UTF-8, or name its encoding.",
                        line=reader.line_num,
                    ) from None
                number, before = before + 1, reader.line_num
                if len(cells) > MAX_COLUMNS:
                    raise TableError(
                        "too_many_columns",
                        f"Line {number} has more than {MAX_COLUMNS:,} columns.",
                        line=number,
                    )
                if not any(map(str.strip, cells)):
                    continue
                count += 1
                if count > MAX_ROWS + 1:
                    raise TableError(
                        "too_many_rows", f"A table may have {MAX_ROWS:,} rows; split it into several."
                    )
                yield Line(number, tuple(cells))


class _Taken:
    """Give the lines of a file, and hold those of the row that is being read."""

    def __init__(self, file: Iterable[str]) -> None:
        self._file = iter(file)
        self.lines: list[str] = []
        self.ended = False
        """Whether the file ended while a row was being read."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._file)
        except StopIteration:
            self.ended = True
            raise
        self.lines.append(line)
        return line


def open_plain(path: Path, head: bytes, encoding: str, delimiter: str) -> PlainTable:
    """Return the table in a text file; see `open_table`."""
    for magic, what in OTHER_FILES:
        if head.startswith(magic):
            raise TableError("not_a_table", f"This is {what}, not a table. {EXPORT}")
    found = encoding or find_encoding(path)
    try:
        codecs.lookup(found)
    except LookupError:
        raise TableError("encoding_wrong", f"There is no encoding named {found[:40]!r}.") from None
    sample = _sample(path, found)
    _refuse_other_text(sample)
    return PlainTable(path, found, delimiter or find_delimiter(sample))


def find_encoding(path: Path) -> str:
    """Prove the encoding of a file: by its mark, as UTF-8, or as UTF-16 by where its zero bytes are.

    Raises TableError `encoding_unclear` with candidates for every other one: eight-bit encodings decode
    almost anything into something, so a person has to look.
    """
    with path.open("rb") as file:
        head = file.read(BLOCK)
        for mark, name in BOMS:
            if head.startswith(mark):
                return name
        even, odd = head[::2].count(0), head[1::2].count(0)
        half = max(1, len(head) // 2)
        if max(even, odd) > 0.3 * half and min(even, odd) < 0.05 * half:
            return "utf-16-be" if even > odd else "utf-16-le"
        decoder = codecs.getincrementaldecoder("utf-8")()
        block = head
        try:
            while block:
                decoder.decode(block)
                block = file.read(BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            pass
        else:
            return "utf-8"
    controls = sum(head.count(bytes([code])) for code in (*range(9), 14, 15, 16, 17, 18, 19, 20, 127))
    if controls > len(head) // 50:
        raise TableError(
            "not_a_table", f"This is not text: it holds bytes that no table of text has. {EXPORT}"
        )
    raise TableError(
        "encoding_unclear",
        "The file is not UTF-8, and its bytes do not say in which encoding it is. Look which of these reads"
        " right, or save it as UTF-8.",
        candidates=_candidates(head),
    )


def _candidates(head: bytes) -> tuple[str, ...]:
    """Return encodings that decode the beginning of a file without breaking, the likeliest first."""
    from charset_normalizer import from_bytes

    cut = head.rfind(b"\n") + 1 or len(head)
    guessed = [match.encoding for match in from_bytes(head[: min(cut, 64 << 10)])][:2]
    names: list[str] = []
    for name in (*COMMON[:1], *guessed, *COMMON[1:]):
        plain = codecs.lookup(name).name
        if plain in names:
            continue
        try:
            text = head[:cut].decode(plain)
        except (UnicodeDecodeError, LookupError):
            continue
        if not any(unicodedata.category(c) == "Cc" and c not in "\r\n\t" for c in text[:SAMPLE_CHARACTERS]):
            names.append(plain)
    return tuple(names[:6])


def preview(path: Path, encoding: str) -> str:
    """Return the first line of a file that is not plain ASCII, as an encoding reads it; for the question."""
    for line in _sample(path, encoding).splitlines():
        if not line.isascii():
            return line[:200]
    return ""


def find_delimiter(sample: str) -> str:
    """Return the character that splits the first rows into the same number of cells, two at least.

    Where several do, a tab, which nobody types into a text, or the one that makes more of them. A comma where
    there is one column.
    """
    best, best_score = ",", (0.0, False, 0)
    for delimiter in DELIMITERS:
        widths = Counter(
            len(row)
            for row, _ in zip(
                csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter),
                range(SAMPLE_ROWS),
                strict=False,
            )
            if row
        )
        width, times = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        if width < 2:
            continue
        score = (round(times / widths.total(), 2), delimiter == "\t", width)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _sample(path: Path, encoding: str) -> str:
    csv.field_size_limit(MAX_CELL)
    try:
        with path.open(encoding=encoding, newline="") as file:
            text = file.read(SAMPLE_CHARACTERS)
            whole = not file.read(1)
    except UnicodeError as error:
        raise TableError("encoding_wrong", f"The file is not {encoding}: {error}.") from None
    except LookupError:
        raise TableError("encoding_wrong", f"{encoding[:40]!r} is no encoding of text.") from None
    cut = max(text.rfind("\n"), text.rfind("\r"))
    return text if whole or cut < 0 else text[:cut]


def _refuse_other_text(sample: str) -> None:
    start = sample.lstrip("\ufeff \t\r\n")[:200].lower()
    if start.startswith(("<?xml", "<!doctype", "<html", "<table", "<svg", "<workbook")):
        raise TableError("not_a_table", f"This is XML or HTML, whatever its name says. {EXPORT}")
    bad = sum(unicodedata.category(c) in ("Cc", "Cn", "Co") and c not in "\r\n\t\f\v" for c in sample[:4000])
    if bad > max(3, len(sample[:4000]) // 20):
        raise TableError(
            "not_a_table", f"This is not text: it holds bytes that no table of text has. {EXPORT}"
        )
