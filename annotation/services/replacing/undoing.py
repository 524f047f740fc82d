"""Take a whole replacement back: rows that nobody has changed since get their former text, as a revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.db.models import F

from annotation.errors import Conflict
from annotation.models import ReplacedRow, Replacement, Revision, Segment, User
from annotation.permissions import require
from annotation.services import filejobs
from annotation.services.clock import ClockTimestamp
from annotation.services.filejobs import ClaimedJob, Tick
from annotation.services.replacing.applying import AT_ONCE, announce, write
from annotation.states import RETRIABLE_JOBS, JobKind, ReplacedAs, Source

BATCH: Final = 500


def undo(*, user: User, replacement: Replacement) -> Replacement:
    """Take a replacement back, at once where it was small, else as a job.

    Rows that were changed, finished or taken up since are left as they are, and named by its rows. Raises
    Conflict for one that is still being carried out, or is taken back already.
    """
    require(user, "replace", replacement.project)
    with transaction.atomic():
        # One whose job was cancelled, or failed, ended where it stands.
        stopped = Replacement.objects.filter(
            pk=replacement.pk, finished_at=None, job__state__in=RETRIABLE_JOBS
        )
        stopped.update(finished_at=ClockTimestamp())
        rows = Replacement.objects.filter(
            pk=replacement.pk, finished_at__isnull=False, undo_asked_at=None
        ).update(undo_asked_at=ClockTimestamp(), undone_by=user, last_segment=0)
        fresh = Replacement.objects.select_related("project", "undone_by").get(pk=replacement.pk)
        if not rows:
            if fresh.finished_at is None:
                raise Conflict("It is still being carried out; wait until it is, or cancel its job.")
            raise Conflict("It is taken back already.", code="nothing_to_undo")
        if fresh.changed > AT_ONCE:
            job = filejobs.create(user=user, project=fresh.project, kind=JobKind.REPLACE, total=fresh.changed)
            Replacement.objects.filter(pk=fresh.pk).update(job=job)
        else:
            go_back(fresh)
    fresh.refresh_from_db()
    return fresh


def go_back(replacement: Replacement, *, claimed: ClaimedJob | None = None, tick: Tick | None = None) -> None:
    """Take a replacement back from where that stands to its end."""
    user = replacement.undone_by
    if user is None:
        raise Conflict("Whoever asked for this has no account any more; ask for it anew.")
    require(user, "replace", replacement.project)
    done = replacement.put_back + replacement.kept
    last = replacement.last_segment
    while True:
        mine = ReplacedRow.objects.filter(replacement=replacement, outcome=ReplacedAs.CHANGED)
        rows = list(mine.filter(segment__gt=last).order_by("segment")[:BATCH])
        if not rows:
            break
        with transaction.atomic():
            if claimed is not None:
                filejobs.hold(claimed)
            _batch(replacement, user, rows)
        last = rows[-1].segment_id
        done += len(rows)
        if tick is not None:
            tick(done, max(done, replacement.changed))
    Replacement.objects.filter(pk=replacement.pk, undone_at=None).update(undone_at=ClockTimestamp())


def _batch(replacement: Replacement, user: User, rows: Sequence[ReplacedRow]) -> None:
    ids = [row.segment_id for row in rows]
    numbers = {row.segment_id: row.before for row in rows}
    texts = {
        revision.segment_id: revision.text
        for revision in Revision.objects.filter(segment__in=ids, number__in=set(numbers.values()))
        if revision.number == numbers[revision.segment_id]
    }
    written: dict[int, int] = {}
    # By whom each text was before: a machine's text is a machine's again, and may be refined.
    for source in Source:
        wanted = [
            (row.segment_id, row.after, texts[row.segment_id])
            for row in rows
            if row.source == source and row.after is not None and row.segment_id in texts
        ]
        written |= write(wanted, user=user, source=source)
    mine = ReplacedRow.objects.filter(replacement=replacement, outcome=ReplacedAs.CHANGED)
    mine.filter(segment__in=list(written)).update(outcome=ReplacedAs.PUT_BACK)
    kept = [pk for pk in ids if pk not in written]
    mine.filter(segment__in=kept).update(outcome=ReplacedAs.KEPT)
    recordings = dict(Segment.everything.filter(pk__in=list(written)).values_list("pk", "recording"))
    announce(replacement.project_id, written, user, recordings)
    Replacement.objects.filter(pk=replacement.pk).update(
        put_back=F("put_back") + len(written), kept=F("kept") + len(kept), last_segment=ids[-1]
    )
