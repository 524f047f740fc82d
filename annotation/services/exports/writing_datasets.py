"""Write an export as a dataset to train on: a file of sound for each row, or recordings with times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from annotation import storage
from annotation.services.exports.building import Build, Package, Sound, blocks_of, no_sound, stem
from annotation.services.exports.columns import Values
from annotation.services.exports.frozen import FrozenRow
from annotation.states import ExportFormat, Verdict
from transcription.formats import Row
from transcription.formats.common_voice import clip_line, header_line
from transcription.formats.huggingface import metadata_line, write_parquet
from transcription.formats.kaldi import KaldiDirectory, identity
from transcription.formats.nemo import nemo_line
from transcription.formats.texts import one_line

DEV: Final = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
"""What Common Voice calls the parts."""


def pack_nemo(build: Build, package: Package) -> None:
    """Write `audio/*.wav` and a manifest: one, or one for each part."""
    manifests = {part: build.spool() for part in build.parts}
    for row, wav in _cut(build):
        name = f"audio/{clip_name(row)}"
        package.add(name, [wav], compress=False)
        held = row.row(name, normalise=build.options.normalise)
        line = nemo_line(
            Row(
                audio=name,
                start_ms=0,
                end_ms=row.end_ms - row.start_ms,
                text=held.text,
                correction=held.correction,
                speaker=held.speaker,
                language=held.language,
                id=held.id,
                metadata={
                    "segment_id": str(row.segment_id),
                    "recording": row.facts["file_name"],
                    "recording_start_ms": row.start_ms,
                },
            )
        )
        manifests[row.split].write(line.encode())
    for part, lines in manifests.items():
        package.add_spooled(f"{part}_manifest.jsonl" if part else "manifest.jsonl", lines)


def pack_audiofolder(build: Build, package: Package) -> None:
    """Write a folder for each part with its sound and `metadata.jsonl`."""
    tables = {part: build.spool() for part in build.parts}
    for row, wav in _cut(build):
        package.add(f"{row.split or 'train'}/{clip_name(row)}", [wav], compress=False)
        tables[row.split].write(metadata_line(clip_name(row), _dataset_values(build, row)).encode())
    for part, lines in tables.items():
        package.add_spooled(f"{part or 'train'}/metadata.jsonl", lines)


def pack_parquet(build: Build, package: Package) -> None:
    """Write `data/<part>-00000.parquet` and so on, the sound in them."""
    for part in build.parts:
        for number, path in enumerate(write_parquet(_parquet_rows(build, part), build.folder)):
            with path.open("rb") as file:
                package.add(f"data/{part or 'train'}-{number:05}.parquet", blocks_of(file), compress=False)
            path.unlink()


def _parquet_rows(build: Build, part: str) -> Iterator[tuple[str, bytes, Mapping[str, Any]]]:
    for row, wav in _cut(build, split=part):
        yield clip_name(row), wav, _dataset_values(build, row)


def pack_common_voice(build: Build, package: Package) -> None:
    """Write `clips/*.wav`, `validated.tsv`, and a TSV for each part. Speakers are named by a hash alone."""
    tables = {part: build.spool() for part in {"", *build.parts}}
    for lines in tables.values():
        lines.write(header_line().encode())
    salt = f"{build.export.project_id} {build.snapshot.frozen_at.isoformat()}"
    for row, wav in _cut(build):
        name = clip_name(row)
        package.add(f"clips/{name}", [wav], compress=False)
        held = row.row(stem(row), normalise=build.options.normalise)
        build.altered(one_line(held.final) != held.final)
        accepted = row.facts["verdict"] in (Verdict.ACCEPT, Verdict.FIX)
        line = clip_line(held, name, salt=salt, accepted=accepted).encode()
        for part in {"", row.split}:
            tables[part].write(line)
    for part, lines in sorted(tables.items()):
        package.add_spooled(DEV[part] if part else "validated.tsv", lines)


def pack_kaldi(build: Build, package: Package) -> None:
    """Write `data/<part>/` and, unless only the texts are wanted, `wav/<recording>.wav`."""
    directories = {part: build.keep_open(KaldiDirectory()) for part in build.parts}
    with_sound: set[tuple[int, int]] = set()  # of the present recording
    for row in build.rows():
        channel = int(row.facts["channel"])
        name = f"{stem(row)}-channel-{channel}" if channel else stem(row)
        held = replace(row.row(name, normalise=build.options.normalise), id=str(row.segment_id))
        wav = f"wav/{identity(name)}.wav"
        if not directories[row.split].add(held, wav, row.facts["duration_ms"]):
            build.unheld(row)
        elif build.options.audio == "recordings" and (row.recording_id, channel) not in with_sound:
            with_sound = {one for one in with_sound if one[0] == row.recording_id}
            with_sound.add((row.recording_id, channel))
            package.add(wav, _whole_wav(row), compress=False)
    for part, directory in directories.items():
        for file, lines in directory.files():
            package.add(f"data/{part or 'all'}/{file}", lines)


def clip_name(row: FrozenRow) -> str:
    """Return the name of the file of a row's sound; unique in its export."""
    return f"{stem(row)}-{row.segment_id}.wav"


def _cut(build: Build, split: str | None = None) -> Iterator[tuple[FrozenRow, bytes]]:
    sound = Sound()
    try:
        for row in build.rows(split=split):
            yield row, sound.of(row)
    finally:
        sound.close()


def _whole_wav(row: FrozenRow) -> Iterator[bytes]:
    try:
        with storage.wav_path(row.recording_id, int(row.facts["channel"])).open("rb") as file:
            yield from blocks_of(file)
    except FileNotFoundError:
        raise no_sound(row) from None


def _dataset_values(build: Build, row: FrozenRow) -> Values:
    held = row.row(stem(row), normalise=build.options.normalise)
    return {
        "transcription": held.final,
        "id": row.facts["external_id"],
        "segment_id": str(row.segment_id),
        "recording": row.facts["file_name"],
        "recording_start_ms": row.start_ms,
        "recording_end_ms": row.end_ms,
        "duration": (row.end_ms - row.start_ms) / 1000,
        "speaker": row.facts["speaker"],
        "language": row.language,
        "asr_text": row.machine_text,
    }


Packer = Callable[[Build, Package], None]

PACKERS: Final[dict[ExportFormat, Packer]] = {
    ExportFormat.NEMO: pack_nemo,
    ExportFormat.AUDIOFOLDER: pack_audiofolder,
    ExportFormat.PARQUET: pack_parquet,
    ExportFormat.COMMON_VOICE: pack_common_voice,
    ExportFormat.KALDI: pack_kaldi,
}
