"""Unpack ZIP archives that strangers made: every name is data, every size is counted, nothing is believed.

An archive is refused whole where it can't be honest (a bomb, links, entries over one another, a size that
lies); a single entry is passed over with its reason where only its name is bad. Names never become paths: the
caller says where the bytes of an entry go.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from transcription.errors import TranscriptionError

MAX_ENTRIES: Final = 100_000
MAX_DIRECTORY: Final = 64 << 20
"""Bytes of the list of entries; 100,000 entries with long names take 20 MB."""
MAX_RATIO: Final = 200
"""Digital silence in a WAV shrinks to a thousandth, so only large entries are judged by it."""
RATIO_FROM: Final = 64 << 20
BLOCK: Final = 1 << 20
JUNK: Final = frozenset(("thumbs.db", "desktop.ini", ".ds_store", "ehthumbs.db"))
NESTED: Final = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst")
METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)

ArchiveCode = Literal[
    "archive_empty",
    "archive_broken",
    "archive_bomb",
    "archive_link",
    "archive_password",
    "archive_too_large",
    "archive_unsupported",
]
Skip = Literal["", "junk", "unsafe_name", "nested_archive"]


class ArchiveError(TranscriptionError):
    """Say why an archive is not unpacked, and what to do about it."""

    def __init__(self, code: ArchiveCode, message: str) -> None:
        super().__init__(message)
        self.code: ArchiveCode = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Entry:
    """Name one file of an archive: its place in the list, its path as written, why it is passed over."""

    index: int
    name: str
    size_bytes: int
    skip: Skip = ""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Name the bytes of an entry that were written."""

    sha256: str
    size_bytes: int


class Archive:
    """Hold an archive open that was looked through; use it in a `with` block."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        """Look through the list of entries, in time and memory that do not depend on what they inflate to.

        `max_bytes` bounds what all entries together may inflate to. Raises ArchiveError.
        """
        _check_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise ArchiveError(
                "archive_broken", f"The archive is damaged or cut off ({error}). Pack it again."
            ) from None
        self._infos = self._zip.infolist()
        try:
            self._refuse(max_bytes)
        except ArchiveError:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def entries(self) -> Iterator[Entry]:
        """Give the files of the archive, folders left out."""
        for index, info in enumerate(self._infos):
            if info.is_dir():
                continue
            name = _readable(info)
            yield Entry(index, name, info.file_size, _skip(name))

    def unpack(self, entry: Entry, target: Path, on_block: Callable[[int], object] | None = None) -> Unpacked:
        """Write an entry's bytes to a new file `target`, hashed on the way; `on_block` is given their count.

        Raises ArchiveError where they are not what the list of entries says; then nothing is left behind.
        """
        info = self._infos[entry.index]
        digest, size = hashlib.sha256(), 0
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out, self._zip.open(info) as source:
                while block := source.read(BLOCK):
                    size += len(block)
                    if size > info.file_size:
                        raise zipfile.BadZipFile("an entry is longer than its size says")  # noqa: TRY301
                    digest.update(block)
                    out.write(block)
                    if on_block is not None:
                        on_block(len(block))
                if size != info.file_size:
                    raise zipfile.BadZipFile("an entry is shorter than its size says")  # noqa: TRY301
                out.flush()
                os.fsync(out.fileno())
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ) as error:
            target.unlink(missing_ok=True)
            raise ArchiveError(
                "archive_broken", f"“{entry.name[:100]}” in the archive is damaged ({error}). Pack it again."
            ) from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return Unpacked(digest.hexdigest(), size)

    def _refuse(self, max_bytes: int) -> None:
        infos = self._infos
        if not any(not info.is_dir() for info in infos):
            raise ArchiveError("archive_empty", "The archive holds no files.")
        if len(infos) > MAX_ENTRIES:
            raise ArchiveError(
                "archive_too_large", f"An archive may hold {MAX_ENTRIES:,} files; split it into several."
            )
        for info in infos:
            if info.flag_bits & 1:
                raise ArchiveError(
                    "archive_password", "The archive is protected by a password. Pack it without one."
                )
            mode = info.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ArchiveError(
                    "archive_link", "The archive holds links or devices. Pack the files themselves."
                )
            if info.compress_type not in METHODS:
                raise ArchiveError(
                    "archive_unsupported", "The archive is packed in a way that is not read. Use plain ZIP."
                )
            if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * max(1, info.compress_size):
                raise _bomb(info.file_size)
        if sum(info.file_size for info in infos) > max_bytes:
            raise ArchiveError(
                "archive_too_large",
                f"The archive would inflate to more than {max_bytes / (1 << 30):,.0f} GB, the limit here.",
            )
        end = 0
        for info in sorted(infos, key=lambda i: i.header_offset):
            if info.header_offset < end:  # one stretch of bytes that many entries inflate
                raise _bomb(sum(i.file_size for i in infos))
            end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size


def _bomb(size: int) -> ArchiveError:
    return ArchiveError(
        "archive_bomb",
        f"The archive would inflate to {size / (1 << 20):,.0f} MB, far more than files of its size do.",
    )


def _check_directory(path: Path) -> None:
    """Refuse a list of entries that is too long before it is read: the file's end says its size."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (1 << 16) - 22))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < 22:
            raise ArchiveError("archive_broken", "The archive is cut off: its list of files is missing.")
        count, length = struct.unpack("<HI", tail[at + 10 : at + 16])
        if length == 0xFFFFFFFF or count == 0xFFFF:
            locator = tail.rfind(b"PK\x06\x07", 0, at)
            if locator >= 0 and len(tail) - locator >= 20:
                file.seek(min(size, struct.unpack("<Q", tail[locator + 8 : locator + 16])[0]))
                end = file.read(56)
                if len(end) == 56 and end.startswith(b"PK\x06\x06"):
                    count, length = struct.unpack("<QQ", end[32:48])
        if length > MAX_DIRECTORY or count > 4 * MAX_ENTRIES:
            raise ArchiveError(
                "archive_too_large", f"An archive may hold {MAX_ENTRIES:,} files; split it into several."
            )


def _readable(info: zipfile.ZipInfo) -> str:
    """Return an entry's name. Without the mark of UTF-8 it is that all the same, or Japanese, or DOS."""
    name = info.orig_filename
    if info.flag_bits & 0x800:
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    if raw.isascii():
        return name
    for encoding in ("utf-8", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


def _skip(name: str) -> Skip:
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    last = parts[-1].lower() if parts else ""
    if "__MACOSX" in parts or last in JUNK or last.startswith("._"):
        return "junk"
    is_drive = len(plain) > 1 and plain[1] == ":"
    if not last or "\x00" in name or plain.startswith("/") or is_drive or ".." in plain.split("/"):
        return "unsafe_name"
    return "nested_archive" if last.endswith(NESTED) else ""
