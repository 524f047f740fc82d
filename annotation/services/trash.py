"""Put recordings into the trash and take them out again, whole.

What lies there is in no list, queue, search or export, and no model works on it; its rows and files stay as
they are, and the audit goes on. Nothing is ever deleted by this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import transaction

from annotation import progress
from annotation.errors import AnnotationError, Invalid
from annotation.models import Decoding, Job, Lease, Project, Recording, User
from annotation.permissions import require
from annotation.progress import Event
from annotation.services import jobs, refining
from annotation.services.clock import ClockTimestamp
from annotation.states import LIVE_DECODINGS, LIVE_JOBS, DecodingState, JobState

IN_TRASH: Final = "in_trash"
"""Code of jobs that were stopped because their recording went into the trash; they go on when it is back."""
MOST: Final = 1000


def discard(*, user: User, project: Project, recordings: Sequence[int]) -> list[int]:
    """Put recordings of a project into the trash; return those that were not there before.

    Their work is stopped: what is queued is dropped, what a worker reports is refused. Leases on their rows
    end, so that nobody goes on typing into what cannot be saved.
    """
    require(user, "trash", project)
    _check(recordings)
    with transaction.atomic():
        live = Recording.objects.select_for_update(no_key=True).filter(
            project=project, pk__in=recordings, trashed_at=None
        )
        ids = list(live.order_by("pk").values_list("pk", flat=True))
        rows = Recording.objects.filter(pk__in=ids, trashed_at=None)
        rows.update(trashed_at=ClockTimestamp(), trashed_by=user, updated_at=ClockTimestamp())
        Job.objects.filter(recording__in=ids, state__in=LIVE_JOBS).update(
            state=JobState.CANCELLED,
            phase="",
            error="Its recording is in the trash.",
            error_code=IN_TRASH,
            finished_at=ClockTimestamp(),
        )
        # Locked in the order in which workers lock them, so that neither waits for the other.
        wanted = Decoding.objects.filter(recording__in=ids, state__in=LIVE_DECODINGS)
        locked = wanted.order_by("pass_name", "pk").select_for_update()
        held = list(locked.values_list("pk", flat=True))
        Decoding.objects.filter(pk__in=held, state__in=LIVE_DECODINGS).update(
            state=DecodingState.CANCELLED, finished_at=ClockTimestamp()
        )
        Lease.objects.filter(segment__recording__in=ids, expires_at__gt=ClockTimestamp()).update(
            expires_at=ClockTimestamp()
        )
        _announce(project, ids, "trashed")
    return ids


def restore(*, user: User, project: Project, recordings: Sequence[int]) -> list[int]:
    """Take recordings out of the trash; return those that were in it. Work that was stopped goes on."""
    require(user, "trash", project)
    _check(recordings)
    with transaction.atomic():
        thrown = Recording.objects.select_for_update(no_key=True).filter(
            project=project, pk__in=recordings, trashed_at__isnull=False
        )
        ids = list(thrown.order_by("pk").values_list("pk", flat=True))
        Recording.objects.filter(pk__in=ids, trashed_at__isnull=False).update(
            trashed_at=None, trashed_by=None, updated_at=ClockTimestamp()
        )
        refining.release_in(ids)
        _announce(project, ids, "restored")
    stopped = Job.objects.filter(recording__in=ids, state=JobState.CANCELLED, error_code=IN_TRASH)
    for job in stopped.select_related("project"):
        try:
            jobs.retry(user=user, job=job)
        except AnnotationError:  # somebody has run it again, or nothing of it is left to do
            continue
    return ids


def _check(recordings: Sequence[int]) -> None:
    if not recordings:
        raise Invalid("Choose recordings first.", recordings="at least one")
    if len(recordings) > MOST:
        raise Invalid(f"Choose up to {MOST:,} recordings at a time.", recordings=f"at most {MOST}")


def _announce(project: Project, ids: Sequence[int], state: str) -> None:
    progress.publish_all_on_commit(
        [Event(project.pk, "recording.changed", {"recording": str(pk), "state": state}) for pk in ids]
    )
