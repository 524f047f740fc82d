"""Import what was checked: audio becomes recordings; rows wait for theirs, or become segments at once.

Every step is one transaction behind the job's claim and finds out what is left by looking at the rows, so an
import that was cut off anywhere goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import Count

from annotation import storage
from annotation.errors import AnnotationError, Duplicate
from annotation.models import Import, ImportFile, ImportRow, Project, Recording, User
from annotation.services import filejobs
from annotation.services.filejobs import ClaimedJob, Tick
from annotation.services.imports import checking, faults, files, landing, rejects
from annotation.services.imports.becoming import Landed, file_id_header
from annotation.services.imports.columns import IGNORED, KEPT
from annotation.services.recordings import StoredFile, add_recording
from annotation.states import (
    AS_IMPORTED,
    FileKind,
    ImportRowState,
    ImportState,
    RecordingState,
)
from transcription.formats.exported import MARK


def commit(parent: Import, claimed: ClaimedJob, tick: Tick) -> None:
    """Import the ready rows of an import."""
    user = parent.created_by
    if user is None:
        raise AnnotationError("The account that began this import is gone; begin it anew.", code="no_owner")
    _remember_columns(parent)
    wanted = _files_to_add(parent)
    orphans = _orphans(parent)
    here = _recordings_named(parent)
    total = len(wanted) + len(orphans) + len(here)
    done = 0
    for file_id in [*wanted, *orphans]:
        _add_file(parent, claimed, user, file_id)
        done += 1
        tick(done, total, "storing")
    _wait_for_recordings(parent, claimed)
    ready = [*here, *_ready_with_rows(parent)]
    for recording_id in dict.fromkeys(ready):
        landing.land_ready(parent, recording_id)
        done = min(total, done + 1)
        tick(done, max(total, done), "importing")
    _end(parent, claimed)


def _files_to_add(parent: Import) -> list[UUID]:
    rows = ImportRow.objects.filter(
        parent=parent, state=ImportRowState.READY, recording=None, file__isnull=False
    )
    found = ImportFile.objects.filter(parent=parent, recording=None, pk__in=rows.values("file"))
    return list(found.order_by("name").values_list("pk", flat=True))


def _orphans(parent: Import) -> list[UUID]:
    """Return audio that no row names, where it is wanted: a drop without any table is nothing else."""
    rows = ImportRow.objects.filter(parent=parent)
    if parent.options.get("orphans") != "transcribe" and (parent.table or rows.exists()):
        return []
    named = rows.filter(file__isnull=False).values("file")
    found = ImportFile.objects.filter(parent=parent, kind=FileKind.AUDIO, recording=None, cause="")
    return list(found.exclude(pk__in=named).order_by("name").values_list("pk", flat=True))


def _recordings_named(parent: Import) -> list[int]:
    rows = ImportRow.objects.filter(
        parent=parent, state__in=(ImportRowState.READY, ImportRowState.WAITING), recording__isnull=False
    )
    return list(rows.order_by().values_list("recording_id", flat=True).distinct())


def _ready_with_rows(parent: Import) -> list[int]:
    rows = ImportRow.objects.filter(parent=parent, state=ImportRowState.WAITING)
    found = Recording.objects.filter(
        pk__in=rows.values("recording"), state__in=(RecordingState.READY, RecordingState.REJECTED)
    )
    return list(found.order_by("pk").values_list("pk", flat=True))


def _add_file(parent: Import, claimed: ClaimedJob, user: User, file_id: UUID) -> None:
    """Make a recording of one file, and let its rows wait for it, in one transaction."""
    file = ImportFile.objects.get(pk=file_id)
    source = files.path_of(file)
    try:
        stored, spare = _stored(file, source)
    except OSError as error:
        _refuse_rows(file, f"“{file.name}” cannot be read: {error.strerror or error}.")
        return
    try:
        with transaction.atomic():
            filejobs.hold(claimed)
            try:
                recording, _ = add_recording(
                    user=user, project=parent.project, name=_shown(file), file=stored,
                    segmentation=_segmentation(parent, file),
                )  # fmt: skip
                recording_id = recording.pk
            except Duplicate as known:
                if known.detail.get("trashed"):  # rows in the trash would be seen by nobody
                    raise
                recording_id = int(known.detail["recording"])
            ImportFile.objects.filter(pk=file.pk).update(recording_id=recording_id, sha256=stored.sha256)
            rows = ImportRow.objects.filter(parent=parent, file=file)
            rows.filter(state=ImportRowState.READY).update(
                recording_id=recording_id, state=ImportRowState.WAITING
            )
            rows.exclude(state=ImportRowState.WAITING).update(recording_id=recording_id)
            _set_language(recording_id, rows)
    except AnnotationError as error:
        if error.status >= 500:
            raise
        code = "in_trash" if error.detail.get("trashed") else "undecodable_audio"
        _refuse_rows(file, f"“{file.name}”: {error.message}", code)
    finally:
        if spare is not None:
            spare.unlink(missing_ok=True)


def _stored(file: ImportFile, source: Path) -> tuple[StoredFile, Path | None]:
    """Return bytes that may be moved into place. Those of the server's folder are copied: they stay there."""
    if not file.path:
        return StoredFile(source, file.sha256, file.size_bytes), None
    spare = storage.upload_path(uuid4())
    sha256, size = files.copy_hashed(source, spare)
    return StoredFile(spare, sha256, size), spare


def _shown(file: ImportFile) -> str:
    return file.name.replace("\\", "/").rsplit("/", 1)[-1]


def _segmentation(parent: Import, file: ImportFile) -> str:
    """Say how a recording is cut: as its rows say, unless all they say is to transcribe a long file."""
    rows = ImportRow.objects.filter(parent=parent, file=file, state=ImportRowState.READY)
    with_text = rows.exclude(text="", correction=None)
    timed = rows.filter(start_ms__isnull=False)
    if timed.exists() or with_text.exists():
        return AS_IMPORTED
    short = file.duration_ms is not None and file.duration_ms <= faults.LONGEST_MS
    return AS_IMPORTED if short and rows.exists() else ""


def _set_language(recording_id: int, rows: object) -> None:
    said = list(rows.exclude(language="").order_by().values("language").annotate(n=Count("pk"))[:2])  # type: ignore[attr-defined]
    if len(said) == 1:
        Recording.objects.filter(pk=recording_id, language="").update(language=said[0]["language"])


def _refuse_rows(file: ImportFile, message: str, code: str = "undecodable_audio") -> None:
    with transaction.atomic():
        ImportFile.objects.filter(pk=file.pk).update(
            cause_code="in_trash" if code == "in_trash" else "unusable", cause=message
        )
        ImportRow.objects.filter(file=file, state=ImportRowState.READY).update(
            state=ImportRowState.FAULTY, faults=[[code, message]]
        )


def _wait_for_recordings(parent: Import, claimed: ClaimedJob) -> None:
    """Let rows wait whose audio was in the project before, or is a file that became a recording."""
    with transaction.atomic():
        filejobs.hold(claimed)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE annotation_importrow AS row
                   SET recording_id = coalesce(row.recording_id, file.recording_id), state = 'waiting'
                  FROM annotation_importrow AS mine
                  LEFT JOIN annotation_importfile file ON file.id = mine.file_id
                 WHERE mine.id = row.id AND row.parent_id = %s AND row.state = 'ready'
                   AND coalesce(row.recording_id, file.recording_id) IS NOT NULL
                """,
                [parent.pk],
            )


def _remember_columns(parent: Import) -> None:
    """Add the table's columns to those that the project's exports write back, in their order."""
    if not parent.table or not parent.columns:
        return
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=parent.project_id)
        known = {column["header"] for column in project.sheet_columns}
        fresh = [
            {"header": column["header"], "field": column["field"]}
            for column in parent.columns
            if column["field"] != IGNORED
            and column["header"] not in known
            and not column["header"].startswith(MARK)  # ours: every export has them
        ]
        whole = ImportRow.objects.filter(parent=parent, start_ms=None, text="", correction=None)
        if file_id_header(parent) not in known and whole.exclude(external_id="").exists():
            fresh.append({"header": file_id_header(parent), "field": KEPT})
        if fresh:
            Project.objects.filter(pk=project.pk).update(sheet_columns=[*project.sheet_columns, *fresh])


def _end(parent: Import, claimed: ClaimedJob) -> None:
    """Say that the import is done, or waits for audio that is still being prepared."""
    with transaction.atomic():
        filejobs.hold(claimed)
        # A row without anything it could wait for would keep the import open for ever.
        ImportRow.objects.filter(parent=parent, state=ImportRowState.READY).update(
            state=ImportRowState.FAULTY,
            faults=[["missing_audio", "Its audio could not be stored. Drop it again."]],
        )
        if not landing.begin(parent, claimed):
            raise filejobs.Lost
        landing.settle(parent, Landed())
        checking.announce(parent, ImportState.LANDING)
    # Rows whose audio became ready between the two looks.
    for recording_id in _ready_with_rows(parent):
        landing.land_ready(parent, recording_id)
    rejects.renew(parent)
