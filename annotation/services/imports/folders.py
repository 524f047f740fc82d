"""A folder on the server: what lies in it is taken stock of in place, and copied only once it is wanted.

Of raw audio nothing is read twice: a file whose size and time of change are as noted is known, so a command
that was stopped goes on where it was, and one that is run again finds nothing to do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from django.db import transaction

from annotation import storage
from annotation.errors import AnnotationError, Duplicate, Invalid
from annotation.models import Import, ImportFile, Project, User
from annotation.permissions import require
from annotation.services import filejobs
from annotation.services.imports import files, receiving
from annotation.services.recordings import StoredFile, add_recording
from annotation.states import FileKind, ImportState, JobKind
from transcription.formats import READABLE

MAX_FILES: Final = 1_000_000
ALONE: Final = "audio"
"""Stands in `Import.folder` before a folder of raw audio, of which no check is made."""

BAD_NAME: Final = "Its name is not UTF-8, so it cannot be written down. Rename it."

OnFile = Callable[[int, int, str], None]
"""Given files done, files in all, and the name of the one in hand."""


@dataclass(slots=True)
class Outcome:
    """Count what became of the files of a folder."""

    added: int = 0
    here: int = 0
    refused: int = 0
    reasons: dict[str, str] | None = None


def listed(folder: Path) -> list[Path]:
    """List the files under a folder, by name; links and hidden files are left out."""
    if not folder.is_dir():
        raise Invalid(f"{shown(folder)} is no folder on this machine.", code="no_folder")
    if not is_named_well(folder):
        raise Invalid(f"{shown(folder)}: {BAD_NAME}", code="bad_name")
    found: list[Path] = []
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                found.append(path)
        if len(found) > MAX_FILES:
            raise Invalid(f"A folder may have {MAX_FILES:,} files; take its subfolders one by one.")
    if not found:
        raise Invalid(f"There are no files in {folder}.", code="no_files")
    return found


def is_named_well(path: Path) -> bool:
    """Tell whether a path is UTF-8, so that it can be written down."""
    return not any("\ud800" <= character <= "\udfff" for character in str(path))


def shown(path: Path) -> str:
    """Return a path as it can be printed, whatever its bytes."""
    return os.fsencode(path).decode("utf-8", "replace")


def has_table(paths: list[Path]) -> bool:
    """Tell whether a folder holds a table or transcripts beside its audio."""
    return any(
        files.kind_of(path.name, files.head_of(path)) in (FileKind.TABLE, FileKind.TRANSCRIPT)
        for path in paths
        if is_named_well(path) and path.suffix.lower() in files.TABLES | READABLE
    )


def stamp_of(path: Path) -> str:
    """Return what tells that a file is as it was: its size and time of change."""
    facts = path.stat()
    return f"{facts.st_size}:{facts.st_mtime_ns}"


def take_audio(*, user: User, project: Project, folder: Path, paths: list[Path], on_file: OnFile) -> Outcome:
    """Make a recording of each file that is not one yet, transcribed as the project says.

    Each is a transaction of its own. Raises NoSpace, Denied; a single bad file is counted with its reason.
    """
    require(user, "import", project)
    parent = _stock(user, project, folder)
    known = {
        (file.path, file.stamp): file
        for file in ImportFile.objects.filter(parent=parent, recording__isnull=False)
        .select_related("recording")
        .only("path", "stamp", "recording__name", "recording__trashed_at")
    }
    outcome = Outcome(reasons={})
    for done, path in enumerate(paths):
        on_file(done, len(paths), shown(Path(path.name)))
        if not is_named_well(path):
            _refused(outcome, path, BAD_NAME)
            continue
        noted = known.get((str(path), stamp_of(path)))
        if noted is not None and noted.recording is not None:
            if noted.recording.trashed_at is None:
                outcome.here += 1
            else:
                name = noted.recording.name
                _refused(outcome, path, f"In the project's trash as “{name}”; restore it there.")
            continue
        if files.kind_of(path.name, b"") != FileKind.AUDIO:
            _refused(outcome, path, "Not audio by its name.")
            continue
        try:
            _take(user, project, parent, folder, path, outcome)
        except AnnotationError as error:
            if error.status >= 500:
                raise
            _refused(outcome, path, error.message)
        except OSError as error:
            _refused(outcome, path, f"It cannot be read: {error.strerror or error}.")
    on_file(len(paths), len(paths), "")
    return outcome


def _refused(outcome: Outcome, path: Path, reason: str) -> None:
    outcome.refused += 1
    if outcome.reasons is not None and len(outcome.reasons) < 20:
        outcome.reasons[shown(Path(path.name))] = reason


def _stock(user: User, project: Project, folder: Path) -> Import:
    """Return the row that remembers what was taken from a folder into a project."""
    place = f"{ALONE}:{folder}"
    found = Import.objects.filter(project=project, folder=place).order_by("pk").first()
    return found or Import.objects.create(project=project, folder=place, created_by=user, state="cancelled")


def _take(user: User, project: Project, parent: Import, folder: Path, path: Path, outcome: Outcome) -> None:
    stamp = stamp_of(path)
    spare = storage.upload_path(uuid4())
    try:
        sha256, size = files.copy_hashed(path, spare)
        with transaction.atomic():
            try:
                recording, _ = add_recording(
                    user=user, project=project, name=path.name, file=StoredFile(spare, sha256, size)
                )
                recording_id, is_new = recording.pk, True
            except Duplicate as known:
                if known.detail.get("trashed"):
                    raise
                recording_id, is_new = int(known.detail["recording"]), False
            ImportFile.objects.filter(parent=parent, path=str(path)).delete()
            ImportFile.objects.create(
                parent=parent, name=str(path.relative_to(folder))[:1000], kind=FileKind.AUDIO,
                size_bytes=size, sha256=sha256, path=str(path)[:4000], stamp=stamp,
                recording_id=recording_id,
            )  # fmt: skip
        outcome.added += is_new
        outcome.here += not is_new
    finally:
        spare.unlink(missing_ok=True)


def begin(
    *,
    user: User,
    project: Project,
    folder: Path,
    paths: list[Path],
    options: Mapping[str, Any] | None = None,
) -> Import:
    """Take stock of a folder with a table, and write down its check as a job that this process will do."""
    require(user, "import", project)
    chosen = receiving.read_options(options or {})
    stopped = Import.objects.filter(project=project, folder=str(folder)[:4000], finished_at=None)
    for old in stopped.exclude(state__in=(ImportState.LANDING, ImportState.DONE)).select_related(
        "project", "job"
    ):
        receiving.cancel(user=user, parent=old)
    with transaction.atomic():
        parent = Import.objects.create(
            project=project, created_by=user, folder=str(folder)[:4000], options=chosen
        )
        for batch in _batches(paths, 1000):
            ImportFile.objects.bulk_create(_noted(parent, folder, path) for path in batch)
        job = filejobs.create(user=user, project=project, kind=JobKind.IMPORT)
        Import.objects.filter(pk=parent.pk).update(job=job)
    parent.refresh_from_db()
    return parent


def _batches(paths: list[Path], size: int) -> Iterator[list[Path]]:
    for start in range(0, len(paths), size):
        yield paths[start : start + size]


def _noted(parent: Import, folder: Path, path: Path) -> ImportFile:
    if not is_named_well(path):
        return ImportFile(
            parent=parent, name=shown(path.relative_to(folder))[:1000], kind=FileKind.IGNORED,
            size_bytes=path.stat().st_size, cause_code="bad_name", cause=BAD_NAME,
        )  # fmt: skip
    kind = files.kind_of(
        path.name, files.head_of(path) if path.suffix.lower() in READABLE | files.TABLES else b""
    )
    ignored = kind == FileKind.IGNORED
    return ImportFile(
        parent=parent,
        name=str(path.relative_to(folder))[:1000],
        kind=kind,
        size_bytes=path.stat().st_size,
        path=str(path)[:4000],
        stamp=stamp_of(path),
        cause_code="not_needed" if ignored else "",
        cause="Neither a table nor audio." if ignored else "",
    )
