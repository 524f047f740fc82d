"""Sort more lines than memory holds, by their bytes, as `LC_ALL=C sort` does."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any, Final, Self

CHUNK: Final = 20_000
"""How many lines are in memory at once."""


class SortedLines:
    """Take lines in any order and give them back sorted, from files that vanish on close."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._chunks: list[IO[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        for chunk in self._chunks:
            chunk.close()

    def add(self, line: str) -> None:
        """Take a line; it must end with a newline and have no other."""
        self._waiting.append(line.encode())
        if len(self._waiting) >= CHUNK:
            self._flush()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines sorted; may be done again, and lines added in between are among them."""
        self._flush()
        for chunk in self._chunks:
            chunk.seek(0)
        return heapq.merge(*self._chunks)

    def _flush(self) -> None:
        if self._waiting:
            self._waiting.sort()
            chunk = TemporaryFile()  # noqa: SIM115 - closed with this
            chunk.writelines(self._waiting)
            self._chunks.append(chunk)
            self._waiting.clear()
