"""Hugging Face datasets: an audiofolder (files and `metadata.jsonl`), or Parquet with the sound in it.

Parquet is written with pyarrow alone, an optional extra. The schema carries what `datasets` looks for: the
features of the columns, the audio among them as `Audio(16 kHz)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from transcription.formats.json_files import dump
from transcription.formats.rows import FormatError
from transcription.types import SAMPLE_RATE

COLUMNS: Final[Mapping[str, str]] = {
    "transcription": "string",
    "id": "string",
    "segment_id": "string",
    "recording": "string",
    "recording_start_ms": "int64",
    "recording_end_ms": "int64",
    "duration": "float64",
    "speaker": "string",
    "language": "string",
    "asr_text": "string",
}
"""Column beside the audio: its type, as both pyarrow and `datasets` name it."""
GROUP_BYTES: Final = 8 << 20
"""Sound in one row group: what a reader, and the writer, hold at once."""
SHARD_BYTES: Final = 480 << 20
"""Sound in one file; the hub recommends files of about 500 MB."""


def metadata_line(file_name: str, values: Mapping[str, Any]) -> str:
    """Write one line of `metadata.jsonl`; `file_name` is relative to it."""
    return dump({"file_name": file_name, **{name: values[name] for name in COLUMNS}}) + "\n"


def features() -> dict[str, Any]:
    """Give the features of the columns as `datasets` stores them."""
    audio = {"sampling_rate": SAMPLE_RATE, "_type": "Audio"}
    values = {name: {"dtype": kind, "_type": "Value"} for name, kind in COLUMNS.items()}
    return {"audio": audio, **values}


def write_parquet(rows: Iterable[tuple[str, bytes, Mapping[str, Any]]], folder: Path) -> Iterator[Path]:
    """Write rows of (file name, WAV, values of COLUMNS) as files in `folder`; yield each when it is whole.

    Memory is that of one row group. Raises FormatError (`library_missing`) where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise FormatError(
            "library_missing",
            "Parquet needs the library pyarrow, which is not installed on the worker: "
            "run “pip install -r requirements/parquet.lock”, or choose the audiofolder.",
        ) from error
    kinds = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64()}
    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    described = dump({"info": {"features": features()}}).encode()
    schema = pa.schema(
        [("audio", audio), *((name, kinds[kind]) for name, kind in COLUMNS.items())],
        metadata={b"huggingface": described},
    )
    number = 0
    writer: Any = None
    path = folder
    size = 0
    for group in _groups(rows):
        if writer is None:
            path, size = folder / f"{number:05}.parquet", 0
            number += 1
            # Sound does not get smaller by packing; the texts do by themselves, in dictionaries.
            writer = pq.ParquetWriter(path, schema, compression="none")
        columns: list[Any] = [[{"bytes": sound, "path": name} for name, sound, _ in group]]
        columns += [[values[name] for _, _, values in group] for name in COLUMNS]
        writer.write_table(pa.table(columns, schema=schema))
        size += sum(len(sound) for _, sound, _ in group)
        if size >= SHARD_BYTES:
            writer.close()
            writer = None
            yield path
    if number == 0:
        path = folder / "00000.parquet"
        pq.write_table(schema.empty_table(), path, compression="none")
        yield path
    elif writer is not None:
        writer.close()
        yield path


def _groups(
    rows: Iterable[tuple[str, bytes, Mapping[str, Any]]],
) -> Iterator[Sequence[tuple[str, bytes, Mapping[str, Any]]]]:
    group: list[tuple[str, bytes, Mapping[str, Any]]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row[1])
        if size >= GROUP_BYTES or len(group) >= 1000:
            yield group
            group, size = [], 0
    if group:
        yield group
