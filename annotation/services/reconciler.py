"""Make the work that PostgreSQL holds happen, whatever was lost elsewhere.

Rings again for whatever waits, queues again what a dead worker held, ends what is over. Any number of
copies may run at any time, in every worker and in the schedule: each step is a conditional UPDATE with
`SKIP LOCKED`, so they share the work instead of repeating it.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import F

from annotation.conf import conf
from annotation.doorbell import Bell, ring
from annotation.errors import AnnotationError
from annotation.models import Import, Job, Recording, Upload
from annotation.services import decodings, filejobs, jobs, recordings, refining, uploads
from annotation.services.clock import in_seconds
from annotation.states import LIVE_JOBS, ImportState, UploadState

log = logging.getLogger(__name__)

ORPHAN_AGE_S: Final = 24 * 3600
"""Files without a row are older than any request by then."""
KEPT_IMPORT_S: Final = 7 * 24 * 3600
"""How long the unused files of an import that is over stay, for a mended sheet to go with."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Count what one round found to do."""

    recordings_requeued: int
    decodings_requeued: int
    file_jobs_requeued: int
    jobs_refreshed: int
    rung: tuple[Bell, ...]


def reconcile() -> Reconciled:
    """Run one round: requeue expired claims, refresh live jobs, ring for what waits."""
    requeued_recordings = recordings.reclaim_expired()
    requeued_decodings = decodings.reclaim_expired()
    requeued_jobs = filejobs.reclaim_expired()
    refining.release_stranded()
    live = list(Job.objects.filter(state__in=LIVE_JOBS).order_by("pk").values_list("pk", flat=True))
    jobs.refresh(live)
    waiting = _waiting()
    for bell in waiting:
        ring(bell)
    return Reconciled(requeued_recordings, requeued_decodings, requeued_jobs, len(live), waiting)


def _waiting() -> tuple[Bell, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (SELECT 1 FROM annotation_recording r
                            WHERE r.state = 'stored'
                              AND (r.available_at IS NULL OR r.available_at <= clock_timestamp())
                              AND EXISTS (SELECT 1 FROM annotation_job job WHERE job.recording_id = r.id
                                             AND job.state IN ('pending', 'running'))),
                   EXISTS (SELECT 1 FROM annotation_decoding WHERE state = 'queued' AND pass_name = 'draft'
                              AND (available_at IS NULL OR available_at <= clock_timestamp())),
                   EXISTS (SELECT 1 FROM annotation_decoding WHERE state = 'queued' AND pass_name = 'refine'
                              AND (available_at IS NULL OR available_at <= clock_timestamp())),
                   EXISTS (SELECT 1 FROM annotation_job
                            WHERE state = 'pending' AND kind IN ('import', 'export', 'replace')
                              AND (available_at IS NULL OR available_at <= clock_timestamp()))
            """
        )
        row = cursor.fetchone()
    bells: tuple[Bell, ...] = ("audio", "draft", "refine", "files")
    return tuple(bell for bell, waits in zip(bells, row, strict=True) if waits)


def sweep() -> int:
    """Finish uploads that a crash left whole, expire abandoned ones, remove files without a row.

    Returns how many files and folders were removed.
    """
    whole = Upload.objects.filter(state=UploadState.OPEN, offset=F("size_bytes"))
    for upload in whole.select_related("project", "user")[:100]:
        try:
            uploads.finish_if_whole(upload=upload)
        except AnnotationError:
            continue  # busy in another process, or refused for a reason its owner has been told
        except OSError:
            log.exception("upload %s is whole and cannot be finished", upload.pk)
    uploads.expire_old()
    return _remove_orphans()


def _remove_orphans() -> int:
    root = conf().media_root
    removed = 0
    for folder in _old_entries(root / "recordings"):
        if folder.name.isdecimal() and not Recording.objects.filter(pk=int(folder.name)).exists():
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    for folder in _old_entries(root / "imports"):
        open_still = Import.objects.exclude(state__in=(ImportState.DONE, ImportState.CANCELLED))
        recent = Import.objects.filter(finished_at__gt=in_seconds(-KEPT_IMPORT_S))
        if folder.name.isdecimal() and not (open_still | recent).filter(pk=int(folder.name)).exists():
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    for path in _old_entries(root / "uploads"):
        try:
            upload_id = UUID(hex=path.name)
        except ValueError:
            continue  # not ours: a network file system keeps such names for files still open
        if not Upload.objects.filter(pk=upload_id, state__in=uploads.HELD).exists():
            with suppress(OSError):
                path.unlink()
                removed += 1
    return removed


def _old_entries(folder: Path) -> Iterator[Path]:
    limit = time.time() - ORPHAN_AGE_S
    for entry in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # finished and moved meanwhile
            if entry.stat().st_mtime < limit:
                yield entry
