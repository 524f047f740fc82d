"""Do an export: freeze its rows, write its file beside its final place, look at it, put it there for good."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from django.db import transaction

from annotation import storage
from annotation.errors import Invalid
from annotation.models import Export, ExportedFile
from annotation.services import filejobs
from annotation.services.exports import describing
from annotation.services.exports.building import Build, Package, blocks_of
from annotation.services.exports.choosing import ONE_FILE, TABLES
from annotation.services.exports.freezing import freeze, stored_options
from annotation.services.exports.naming import file_name, is_one_file
from annotation.services.exports.writing_datasets import PACKERS
from annotation.services.exports.writing_tables import pack_table, write_table
from annotation.services.exports.writing_transcripts import EACH, pack_lines, pack_transcripts, write_lines
from annotation.services.filejobs import ClaimedJob, Tick
from annotation.states import ExportFormat
from transcription.formats.json_files import dump
from transcription.formats.rows import FormatError


def run(claimed: ClaimedJob, tick: Tick) -> None:
    """Do the export of a claimed job. A second attempt writes the same bytes as the first would have.

    Raises Lost where the claim is gone, NoSpace, Gone where a recording is no more, Invalid where the format
    needs a library that is missing.
    """
    export = Export.objects.select_related("project", "created_by").get(job=claimed.id)
    if ExportedFile.objects.filter(export=export).exists():
        return  # its worker died between the file and the end of the job
    tick(0, 0, "freezing")
    snapshot = freeze(claimed, export)
    folder = storage.export_path(export.pk).parent
    working = folder / f".{export.pk}.{claimed.claim}"
    _clear(folder, export.pk)
    working.mkdir(parents=True, mode=0o700)
    try:
        written = working / "file"
        options = stored_options(export)
        with Build(export, snapshot, options, working, tick) as build, written.open("w+b") as file:
            manifest, card = write(build, file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = _digest(file, build)
        size = written.stat().st_size
        if manifest["checksums"] is None:
            manifest["file"] = {"name": file_name(export), "size": size, "sha256": digest}
        with transaction.atomic():
            filejobs.hold(claimed)
            ExportedFile.objects.create(
                export=export,
                size_bytes=size,
                sha256=digest,
                rows=build.counts.rows,
                audio_ms=build.counts.audio_ms,
                manifest=manifest,
                card=card,
            )
            # Before the commit: the row may be missing beside a file, a file never beside its row.
            written.replace(storage.export_path(export.pk))
            storage.sync_directory(folder)
    except FormatError as error:
        # Of the worker's installation, or of a text that the format refuses: trying again changes nothing.
        raise Invalid(error.message, code=error.code) from error
    finally:
        shutil.rmtree(working, ignore_errors=True)


def write(build: Build, file: BinaryIO) -> tuple[dict[str, Any], str]:
    """Write the file of an export; return its manifest and its dataset card."""
    form = ExportFormat(build.export.format)
    if is_one_file(build.export):
        (write_table if form in TABLES else write_lines)(build, file)
        manifest = describing.manifest_of(build, None, 1)
        return manifest, describing.card_of(build, manifest)
    package = Package(build, file)
    if form in EACH:
        pack_transcripts(build, package)
    elif form in TABLES:
        pack_table(build, package)
    elif form in ONE_FILE:
        pack_lines(build, package)
    else:
        PACKERS[form](build, package)
    members = package.members
    manifest = describing.manifest_of(build, package.add_sums(), members)
    card = describing.card_of(build, manifest)
    package.add_last(describing.CARD, card.encode())
    package.add_last(describing.MANIFEST, (dump(manifest, indent=2) + "\n").encode())
    package.close()
    return manifest, card


def _digest(file: BinaryIO, build: Build) -> str:
    digest = hashlib.sha256()
    for number, block in enumerate(blocks_of(file)):
        digest.update(block)
        if number % 400 == 0:
            build.look()
    return digest.hexdigest()


def _clear(folder: Path, export_id: int) -> None:
    """Take away what a worker that was killed left behind."""
    for path in folder.glob(f".{export_id}.*"):
        shutil.rmtree(path, ignore_errors=True)
