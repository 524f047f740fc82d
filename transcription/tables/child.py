"""The process that reads workbooks: limits itself, writes a JSON line for each row, says the end aloud."""

from __future__ import annotations

import datetime as dt
import json
import posixpath
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from typing import Any, Final
from xml.parsers import expat

from transcription.tables.types import MAX_COLUMNS, MAX_ROWS, Mark

BLOCK: Final = 1 << 20
MAX_MARKED: Final = 200_000
REFERENCE: Final = re.compile(r"([A-Z]{1,3})(\d{1,7})$")
PASSWORD: Final = "The workbook is protected by a password. Save it without one and send that."  # noqa: S105 - a sentence


class Refusal(Exception):
    """Carry a code and a message to the other process."""


def main() -> None:
    """Say the sheets of a workbook, or the rows of one."""
    what, path, kind, sheet, memory_bytes, cpu_s = sys.argv[2:8]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes), int(memory_bytes)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    out = sys.stdout
    try:
        from python_calamine import CalamineWorkbook, PasswordError

        try:
            book = CalamineWorkbook.from_path(path)
            if what == "sheets":
                found: Iterator[Any] = sheets(book)
            else:
                found = rows(book, path, kind, sheet)
            for item in found:
                out.write(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")
        except PasswordError:
            raise Refusal("password", PASSWORD) from None
        except MemoryError:
            raise Refusal(
                "out_of_memory",
                "The workbook is larger inside than can be read here. Send the table as CSV, or split it.",
            ) from None
        except Refusal:
            raise
        except Exception as error:
            if "password" in str(error).lower() or "encrypted" in str(error).lower():
                raise Refusal("password", PASSWORD) from None
            raise Refusal("broken_file", f"The workbook cannot be read ({error}). Save it again.") from None
        out.write('{"end":true}\n')
    except Refusal as refusal:
        out.write(json.dumps({"error": refusal.args[0], "message": str(refusal.args[1])[:500]}) + "\n")
    out.flush()


def sheets(book: Any) -> Iterator[tuple[str, bool]]:
    """Give the names of the sheets, each with whether it is the first that holds something.

    Sheets are loaded for that only up to the one that does, and not where there is no choice.
    """
    names = list(book.sheet_names)
    chosen = names[0] if len(names) == 1 else ""
    for name in names:
        if not chosen:
            sheet = book.get_sheet_by_name(name)
            chosen = name if sheet.height and sheet.width else ""
            del sheet
        yield name, name == chosen


def rows(book: Any, path: str, kind: str, name: str) -> Iterator[tuple[int, list[str], dict[int, Mark]]]:
    """Give the rows that hold something: number from 1, cells as text, marks by column."""
    sheet = book.get_sheet_by_name(name)
    first_row, first_column = sheet.start or (0, 0)
    if sheet.width + first_column > MAX_COLUMNS:
        raise Refusal("too_many_columns", f"The sheet has more than {MAX_COLUMNS:,} columns.")
    if sheet.height > MAX_ROWS + 1:
        raise Refusal("too_many_rows", f"A table may have {MAX_ROWS:,} rows; split it into several.")
    marked = _marked(path, book.sheet_names.index(name)) if kind == "xlsx" else {}
    number = _first_number(sheet, first_row)
    for row in sheet.iter_rows():
        number += 1
        marks: dict[int, Mark] = {c - first_column: m for c, m in marked.get(number, {}).items()}
        cells = []
        for column, value in enumerate(row):
            if isinstance(value, dt.time | dt.timedelta):
                marks[column] = "clock"
            cells.append(_text(value))
        if marks or any(cell.strip() for cell in cells):
            yield number, cells, marks


def _first_number(sheet: Any, first_row: int) -> int:
    """Return the number of the row before the first that `iter_rows` gives: it begins at the top."""
    return 0 if first_row == 0 or _gives_empty_rows(sheet) else first_row


def _gives_empty_rows(sheet: Any) -> bool:
    given: int = sum(1 for _ in zip(sheet.iter_rows(), range(sheet.height + 1), strict=False))
    return given > int(sheet.height)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.timedelta):
        return _clock(value)
    if isinstance(value, dt.time):
        whole = dt.timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
        return _clock(whole)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return "" if value is None else str(value)


def _clock(value: dt.timedelta) -> str:
    # Excel keeps times as a share of a day: a millisecond is lost to rounding and won back here.
    total = round(value.total_seconds() * 1000)
    sign, total = ("-", -total) if total < 0 else ("", total)
    seconds, rest = divmod(total, 1000)
    tail = f".{rest:03}" if rest else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{tail}"


# -- Cells that calamine gives as empty: formulas without a result, and errors -------------------------


def _marked(path: str, index: int) -> dict[int, dict[int, Mark]]:
    """Return the cells of a sheet that are a formula without a result, or an error, by row and column."""
    with zipfile.ZipFile(path) as package:
        part = _part_of(package, index)
        if part is None or not _has_any(package, part):
            return {}
        finder = _Finder()
        with package.open(part) as file:
            while block := file.read(BLOCK):
                finder.parser.Parse(block, False)
            finder.parser.Parse(b"", True)
    return finder.found


def _has_any(package: zipfile.ZipFile, part: str) -> bool:
    with package.open(part) as file:
        tail = b""
        while block := file.read(BLOCK):
            seen = tail + block
            if b"<f>" in seen or b"<f " in seen or b"<f/" in seen or b't="e"' in seen or b":f>" in seen:
                return True
            tail = block[-8:]
    return False


def _part_of(package: zipfile.ZipFile, index: int) -> str | None:
    """Return the name of the part that holds the sheet at `index`, in the order of the workbook."""
    order: list[str] = []
    targets: dict[str, str] = {}

    def on_sheet(name: str, values: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "sheet":
            order.append(next((v for k, v in values.items() if k.endswith(":id")), ""))

    def on_target(name: str, values: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "Relationship":
            targets[values.get("Id", "")] = values.get("Target", "")

    for part, handler in (("xl/workbook.xml", on_sheet), ("xl/_rels/workbook.xml.rels", on_target)):
        parser = expat.ParserCreate()
        parser.StartElementHandler = handler
        try:
            parser.Parse(package.read(part), True)
        except KeyError:
            return None
    if index >= len(order):
        return None
    target = targets.get(order[index], "")
    name = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
    return name if name in package.namelist() else None


class _Finder:
    """Collect marked cells from the XML of a sheet."""

    def __init__(self) -> None:
        self.found: dict[int, dict[int, Mark]] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.buffer_text = True
        self._row = self._column = self._marked = 0
        self._error = self._formula = self._valued = False

    def _start(self, name: str, values: dict[str, str]) -> None:
        plain = name.rpartition(":")[2]
        if plain == "row":
            self._row = int(values["r"]) if values.get("r", "").isdigit() else self._row + 1
            self._column = -1
        elif plain == "c":
            place = REFERENCE.match(values.get("r", ""))
            self._column = _column(place[1]) if place else self._column + 1
            self._error = values.get("t") == "e"
            self._formula = self._valued = False
        elif plain == "f":
            self._formula = True
        elif plain == "is" or (plain == "v" and not self._formula):
            self._valued = True
        elif plain == "v":  # some programs write an empty one beside a formula
            self.parser.CharacterDataHandler = self._value

    def _value(self, text: str) -> None:
        self._valued = self._valued or bool(text.strip())

    def _end(self, name: str) -> None:
        if name.rpartition(":")[2] == "v":
            self.parser.CharacterDataHandler = None
        if name.rpartition(":")[2] != "c" or not (self._error or (self._formula and not self._valued)):
            return
        self._marked += 1
        if self._marked > MAX_MARKED:
            raise Refusal("broken_file", "Too many cells are formulas without a result. Paste values.")
        self.found.setdefault(self._row, {})[self._column] = "error" if self._error else "formula"


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
