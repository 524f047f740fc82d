"""XLSX, XLS and ODS: looked through before they are believed, then read by a process with bounded memory.

calamine reads a whole sheet into memory (86 MB for 100,000 rows of 8 columns, 3 s, measured), in native code,
from bytes that strangers made. So the package is checked first (what it inflates to, no DTD, so no entities),
and the reading process has limits: a bomb that passes the check ends that process and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from transcription.tables.types import Line, TableError

ZIP_MAGIC: Final = b"PK"
OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MEMORY: Final = 1 << 30
"""Address space of the reader unless told; 500,000 rows of 8 columns take 0.5 GB."""
CPU_S: Final = 300
MAX_PARTS: Final = 10_000
MAX_XML: Final = 768 << 20
"""Bytes of XML in one package, inflated; 500,000 rows of 8 columns are 350 MB."""
MAX_RATIO: Final = 150
"""Sheets shrink to a tenth or a twentieth; repeated cells to a fiftieth."""
RATIO_FROM: Final = 8 << 20
BLOCK: Final = 1 << 20
READ_PARTS: Final = re.compile(
    r"(?:xl/.*|\[Content_Types\]|_rels/.*|content|meta|styles|settings)\.(?:xml|rels)$", re.I
)
"""What a reader of tables opens in a package; pictures and the like stay shut."""
PASSWORD: Final = "The workbook is protected by a password. Save it without one and send that."  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class Workbook:
    """Stand for one sheet of a workbook; see `types.Table`."""

    path: Path
    kind: str
    sheet: str
    sheets: tuple[str, ...]
    memory_bytes: int
    encoding: str = ""
    delimiter: str = ""

    def lines(self) -> Iterator[Line]:
        """Read the rows from a process of their own, which ends with the iteration."""
        with _reader("rows", self.path, self.kind, self.sheet, self.memory_bytes) as rows:
            for row in rows:
                number, cells, marks = row
                yield Line(number, tuple(cells), {int(column): mark for column, mark in marks.items()})


def open_zipped(path: Path, sheet: str, memory_bytes: int) -> Workbook:
    """Return a sheet of an XLSX or ODS package, once its package was looked through."""
    return _open(path, check_package(path), sheet, memory_bytes)


def open_old(path: Path, sheet: str, memory_bytes: int) -> Workbook:
    """Return a sheet of an XLS file. An encrypted XLSX looks the same from outside."""
    if _is_encrypted(path):
        raise TableError("password", PASSWORD)
    return _open(path, "xls", sheet, memory_bytes)


def _is_encrypted(path: Path) -> bool:
    """Tell whether the parts of an encrypted workbook are named in a compound file."""
    tail = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if "EncryptedPackage".encode("utf-16-le") in tail + block:
                return True
            tail = block[-40:]
    return False


def _open(path: Path, kind: str, sheet: str, memory_bytes: int) -> Workbook:
    with _reader("sheets", path, kind, "", memory_bytes or MEMORY) as found:
        names = {str(name): bool(first) for name, first in found}
    if sheet and sheet not in names:
        raise TableError("no_sheet", f"There is no sheet “{sheet[:100]}” in this workbook.")
    first = next((name for name, is_first in names.items() if is_first), "")
    if not first:
        raise TableError("empty_file", "No sheet of this workbook holds anything.")
    return Workbook(path, kind, sheet or first, tuple(names), memory_bytes or MEMORY)


def check_package(path: Path) -> str:
    """Look through a package before anything parses it; return `xlsx` or `ods`.

    Every part that a reader opens is inflated once, counted, and refused with a DTD. Constant memory.
    """
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
            _refuse_odd(parts)
            kind = _kind(package, {part.filename for part in parts})
            read = [part for part in parts if READ_PARTS.match(part.filename)]
            _refuse_bomb(read)
            for part in read:
                _look_through(package, part)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise TableError(
            "broken_file", f"The workbook is damaged or cut off ({error}). Save it again."
        ) from None
    except Exception as error:
        if type(error).__module__ == "zlib":
            raise TableError("broken_file", "The workbook is damaged. Save it again.") from None
        raise
    return kind


def _kind(package: zipfile.ZipFile, names: set[str]) -> str:
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
        if "xl/workbook.bin" in names:
            raise TableError("not_a_table", "XLSB is not read; save the workbook as XLSX.")
        return "xlsx"
    if "mimetype" in names:
        with package.open("mimetype") as file:
            if file.read(100).startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
                return "ods"
    raise TableError("not_a_table", "This is a ZIP archive or a document, not a workbook with sheets.")


def _refuse_odd(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MAX_PARTS:
        raise TableError("archive_bomb", "The workbook has more parts than any workbook needs.")
    if any(part.flag_bits & 1 for part in parts):
        raise TableError("password", PASSWORD)


def _refuse_bomb(parts: list[zipfile.ZipInfo]) -> None:
    total = sum(part.file_size for part in parts)
    worst = max(
        (part.file_size / max(1, part.compress_size) for part in parts if part.file_size > RATIO_FROM),
        default=0,
    )
    if total > MAX_XML or worst > MAX_RATIO:
        raise TableError(
            "archive_bomb",
            f"The workbook would inflate to {total / (1 << 20):,.0f} MB, far more than sheets of its size do."
            " Save it again, or send the table as CSV.",
        )


def _look_through(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    with package.open(part) as file:
        block = file.read(BLOCK)
        start = block.removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:1] not in (b"<", b""):
            raise TableError("not_safe", f"A part of the workbook is not plain XML ({part.filename[:80]}).")
        tail = b""
        while block:
            seen = tail + block
            if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
                raise TableError(
                    "not_safe", "The workbook declares XML entities, which no program writes. Save it again."
                )
            tail = block[-16:]
            block = file.read(BLOCK)


class _reader:  # noqa: N801 - used as a function
    """Run `python -m transcription.tables` and give what it says, an object a line."""

    def __init__(self, what: str, path: Path, kind: str, sheet: str, memory_bytes: int) -> None:
        self._command = [
            sys.executable, "-I", "-c",
            "import sys; sys.path[:0] = [sys.argv[1]]; from transcription.tables.child import main; main()",
            str(Path(__file__).resolve().parents[2]),
            what, str(path), kind, sheet, str(memory_bytes), str(CPU_S),
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Iterator[Any]:
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        return self._said(self._process)

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is not None:
            process.kill()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
            process.wait()

    @staticmethod
    def _said(process: subprocess.Popen[bytes]) -> Iterator[Any]:
        out: IO[bytes] = process.stdout  # type: ignore[assignment]
        for line in out:
            said = json.loads(line)
            if isinstance(said, dict):
                if "error" in said:
                    raise TableError(said["error"], said["message"])
                return  # the end, said aloud: a process that dies says nothing
            yield said
        complaint = process.stderr.read(4000).decode("utf-8", "replace") if process.stderr else ""
        process.wait()
        if "memory" in complaint.lower() or process.returncode in (-9, -6, -11, -24):
            raise TableError(
                "out_of_memory",
                "The workbook is larger inside than can be read here. Send the table as CSV, or split it.",
            )
        raise TableError("broken_file", "The workbook cannot be read: it is damaged. Save it again.")
