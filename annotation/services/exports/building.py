"""What every writer of an export uses: its rows and their count, names of files, sound, the archive."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, BinaryIO, Final, Self, TypeVar

from annotation import storage
from annotation.conf import conf
from annotation.errors import Gone, NoSpace
from annotation.models import Export, Snapshot
from annotation.services.exports.choosing import Options
from annotation.services.exports.frozen import FrozenRow, frozen_rows
from annotation.services.filejobs import Tick
from transcription.formats.archive import Archive, Member
from transcription.wav import wav_byte_range, wav_header

T = TypeVar("T")

LOOK_EVERY: Final = 200
"""Rows between two looks at the disk and at whether to stop."""
MEMORY: Final = 1 << 20
"""What is written beside the archive stays in memory up to so many bytes, and goes to disk beyond."""
BLOCK: Final = 1 << 18


@dataclass(slots=True)
class Counts:
    """What an export holds, as it is written."""

    rows: int = 0
    audio_ms: int = 0
    altered: int = 0
    """Rows whose text the format could not hold exactly."""
    unheld: int = 0
    """Rows that the format can't hold at all, such as those without a text."""
    by: dict[str, Counter[str]] = field(default_factory=dict)
    """Rows by state, source, language, model, and by part."""
    audio_by_split: Counter[str] = field(default_factory=Counter)


class Build:
    """One export while it is being written."""

    def __init__(
        self, export: Export, snapshot: Snapshot, options: Options, folder: Path, tick: Tick
    ) -> None:
        self.export = export
        self.snapshot = snapshot
        self.options = options
        self.folder = folder
        self.counts = Counts(
            by={name: Counter() for name in ("state", "source", "language", "model", "split")}
        )
        self._tick = tick
        self._done = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def spool(self) -> IO[Any]:
        """Open a file for what is written beside the archive; it is gone when the export is built."""
        return self._open.enter_context(SpooledTemporaryFile(max_size=MEMORY))

    def keep_open(self, one: AbstractContextManager[T]) -> T:
        """Enter a context that ends when the export is built."""
        return self._open.enter_context(one)

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts that there may be; one without a name where the dataset was not split."""
        if not self.options.split_by:
            return ("",)
        return tuple(name for name in ("train", "validation", "test") if getattr(self.options, name))

    def rows(self, *, words: bool = False, split: str | None = None) -> Iterator[FrozenRow]:
        """Yield the frozen rows, counting each. Raises Lost, NoSpace, or Gone where a text is no more."""
        for row in frozen_rows(self.export, words=words, split=split):
            if self._done % LOOK_EVERY == 0:
                self.look()
            self._done += 1
            self._count(row, 1)
            yield row

    def recordings(self, *, words: bool = False) -> Iterator[list[FrozenRow]]:
        """Yield the rows of one recording after the other."""
        for _, rows in itertools.groupby(self.rows(words=words), key=lambda row: row.recording_id):
            yield list(rows)

    def look(self) -> None:
        """Say how far it is. Raises Lost when it should stop, NoSpace when the disk is nearly full."""
        self._tick(min(self._done, self.snapshot.rows), self.snapshot.rows, "writing")
        if storage.free_bytes() < conf().free_space_floor_bytes:
            raise NoSpace(
                "The server's disk is nearly full; the export was not written. Make room, then retry."
            )

    def unheld(self, row: FrozenRow) -> None:
        """Say that the format can't hold a row: it is not in the file."""
        self._count(row, -1)
        self.counts.unheld += 1

    def altered(self, changed: bool) -> None:
        """Say whether the format changed a row's text."""
        self.counts.altered += changed

    def _count(self, row: FrozenRow, one: int) -> None:
        length = one * (row.end_ms - row.start_ms)
        self.counts.rows += one
        self.counts.audio_ms += length
        for name, value in (
            ("state", row.facts["state"]),
            ("source", row.facts["source"]),
            ("language", row.language),
            ("model", row.model),
            ("split", row.split),
        ):
            self.counts.by[name][value] += one
        self.counts.audio_by_split[row.split] += length


def stem(row: FrozenRow) -> str:
    """Return the name of a recording without its ending, as a file may be named; unique in its project."""
    return str(row.facts["stem"])


def file_name(row: FrozenRow) -> str:
    """Return the name of a recording's file, unique in its project: the one it came with where it can be."""
    return str(row.facts["file"])


class Sound:
    """Cut the sound of rows out of their recordings; a recording's file is opened once for its rows."""

    def __init__(self) -> None:
        self._key: tuple[int, int] | None = None
        self._file: BinaryIO | None = None
        self._size = 0

    def close(self) -> None:
        """Let go of the open file."""
        if self._file is not None:
            self._file.close()
        self._file = self._key = None

    def of(self, row: FrozenRow) -> bytes:
        """Return the row's sound as a WAV (16 kHz mono, 32 kB a second). Raises Gone where there is none."""
        key = (row.recording_id, int(row.facts["channel"]))
        if key != self._key or self._file is None:
            self.close()
            path = storage.wav_path(*key)
            try:
                self._file = path.open("rb")
            except FileNotFoundError:
                raise no_sound(row) from None
            self._size, self._key = path.stat().st_size, key
        offset, length = wav_byte_range(row.start_ms, row.end_ms, self._size)
        self._file.seek(offset)
        data = self._file.read(length)
        return wav_header(len(data)) + data


def no_sound(row: FrozenRow) -> Gone:
    """Return what to raise where the file of a recording is missing."""
    return Gone(f"The sound of “{row.facts['file_name']}” is missing on the server; tell the administrator.")


class Package:
    """The archive of an export, with the check sums of its members."""

    def __init__(self, build: Build, file: BinaryIO) -> None:
        self._archive = build.keep_open(Archive(file))
        self._sums = build.spool()

    def add(self, name: str, blocks: Iterable[bytes], *, compress: bool = True) -> Member:
        """Write a member."""
        member = self._archive.add(name, blocks, compress=compress)
        self._sums.write(f"{member.sha256}  {member.name}\n".encode())
        return member

    def add_spooled(self, name: str, spooled: IO[Any]) -> Member:
        """Write a member of what was spooled, and let go of that."""
        spooled.seek(0)
        member = self.add(name, blocks_of(spooled))
        spooled.close()
        return member

    def add_sums(self) -> Member:
        """Write the check sums, in the form that `sha256sum -c` reads."""
        self._sums.seek(0)
        return self._archive.add("checksums.sha256", blocks_of(self._sums))

    def add_last(self, name: str, data: bytes) -> Member:
        """Write a member that is not among the check sums."""
        return self._archive.add(name, [data])

    def close(self) -> None:
        """Finish the archive."""
        self._archive.close()

    @property
    def members(self) -> int:
        """Return how many members there are."""
        return self._archive.members


def blocks_of(file: IO[Any]) -> Iterator[bytes]:
    """Yield the rest of a file in blocks."""
    while block := file.read(BLOCK):
        yield block
