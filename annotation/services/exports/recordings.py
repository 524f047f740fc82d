"""Put the recordings of an export beside its texts, as they were handed in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from annotation import storage
from annotation.services.exports.building import Build, Package, blocks_of, file_name, no_sound
from annotation.services.exports.frozen import FrozenRow, first_rows


def add_recordings(build: Build, package: Package) -> None:
    """Write `audio/<name>` for each recording, byte for byte as it came."""
    for row in first_rows(build.export):
        build.look()
        package.add(
            f"audio/{file_name(row)}", _file(row, storage.original_path(row.recording_id)), compress=False
        )


def _file(row: FrozenRow, path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from blocks_of(file)
    except FileNotFoundError:
        raise no_sound(row) from None
