"""Write a ZIP to a file in constant memory, the same members giving the same bytes.

Python's own `zipfile` keeps an entry of every member in memory until the end, some hundred bytes each; here
the directory goes to a file of its own while members are written, and is put behind them at the end. Names
are in UTF-8, times are those of the beginning of 2000, and sizes may be those of ZIP64.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO, Final, Self

LOCAL: Final = struct.Struct("<4sHHHHHLLLHH")
CENTRAL: Final = struct.Struct("<4sHHHHHHLLLHHHHHLL")
END: Final = struct.Struct("<4sHHHHLLH")
END_64: Final = struct.Struct("<4sQHHLLQQQQ")
LOCATOR_64: Final = struct.Struct("<4sLQL")
NEEDS_64: Final = 45
UTF_8_NAME: Final = 0x800
STORED: Final = 0
DEFLATED: Final = 8
DATE: Final = (2000 - 1980) << 9 | 1 << 5 | 1
FULL_16: Final = 0xFFFF
FULL_32: Final = 0xFFFF_FFFF
UNIX: Final = 3 << 8
PLAIN_FILE: Final = 0o100644 << 16
LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Member:
    """Say what was written under a name: its size in bytes and SHA-256."""

    name: str
    size: int
    sha256: str


class Archive:
    """A ZIP that is being written; members are added one after the other, then `close` finishes it.

    `file` has to be seekable: the sizes of a member are written over its header when they are known.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = file.tell()
        self._directory = TemporaryFile()  # noqa: SIM115 - closed with the archive
        self.members = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._directory.close()

    def add(self, name: str, blocks: Iterable[bytes], *, compress: bool = True) -> Member:
        """Write one member from blocks of bytes; sound is best stored as it is.

        Raises ValueError for a name that would leave the folder the archive is unpacked in.
        """
        raw_name = checked(name).encode()
        header_at = self._file.tell() - self._start
        method = DEFLATED if compress else STORED
        self._file.write(self._local(raw_name, method, 0, 0, 0))
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15) if compress else None
        digest, crc, size, packed = hashlib.sha256(), 0, 0, 0
        for block in blocks:
            digest.update(block)
            crc = zlib.crc32(block, crc)
            size += len(block)
            data = packer.compress(block) if packer else block
            packed += self._file.write(data)
        if packer:
            packed += self._file.write(packer.flush())
        end = self._file.tell()
        self._file.seek(self._start + header_at)
        self._file.write(self._local(raw_name, method, crc, packed, size))
        self._file.seek(end)
        self._directory.write(_central(raw_name, method, crc, packed, size, header_at))
        self.members += 1
        return Member(name, size, digest.hexdigest())

    def close(self) -> None:
        """Put the directory behind the members. Nothing can be added any more."""
        at = self._file.tell() - self._start
        size = self._directory.tell()
        self._directory.seek(0)
        while block := self._directory.read(1 << 20):
            self._file.write(block)
        if self.members >= FULL_16 or at + size >= FULL_32:
            count = self.members
            self._file.write(
                END_64.pack(
                    b"PK\6\6", END_64.size - 12, UNIX | NEEDS_64, NEEDS_64, 0, 0, count, count, size, at
                )
            )
            self._file.write(LOCATOR_64.pack(b"PK\6\7", 0, at + size, 1))
        count = min(self.members, FULL_16)
        self._file.write(END.pack(b"PK\5\6", 0, 0, count, count, min(size, FULL_32), min(at, FULL_32), 0))
        self._directory.close()

    def _local(self, name: bytes, method: int, crc: int, packed: int, size: int) -> bytes:
        # Always with the 64-bit sizes: whether they are needed is known only when it is too late.
        extra = struct.pack("<HHQQ", 1, 16, size, packed)
        return (
            LOCAL.pack(
                b"PK\3\4", NEEDS_64, UTF_8_NAME, method, 0, DATE, crc, FULL_32, FULL_32, len(name), len(extra)
            )
            + name
            + extra
        )


def _central(name: bytes, method: int, crc: int, packed: int, size: int, at: int) -> bytes:
    values = [value for value in (size, packed, at) if value >= FULL_32]
    extra = struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""
    return (
        CENTRAL.pack(
            b"PK\1\2", UNIX | NEEDS_64, NEEDS_64, UTF_8_NAME, method, 0, DATE, crc,
            min(packed, FULL_32), min(size, FULL_32), len(name), len(extra), 0, 0, 0, PLAIN_FILE,
            min(at, FULL_32),
        )
        + name
        + extra
    )  # fmt: skip


def checked(name: str) -> str:
    """Give a member's name back; raises ValueError unless it is a plain path below a folder."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise ValueError(f"not a name within an archive: {name!r}")
    if str(path) != name or ":" in path.parts[0] or len(name.encode()) >= FULL_16:
        raise ValueError(f"not a name within an archive: {name!r}")
    return name
