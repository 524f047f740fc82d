"""Replace in batches: each row one revision of the person who asked, each batch one transaction.

A few rows are done at once; more become a job that any worker carries out, and that another goes on with from
the last whole batch when it dies. Rows that are finished, accepted or being edited are left alone and named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F

from annotation import progress
from annotation.errors import Conflict
from annotation.models import Project, ReplacedRow, Replacement, Revision, User
from annotation.permissions import require
from annotation.progress import Event
from annotation.services import filejobs
from annotation.services.clock import ClockTimestamp
from annotation.services.filejobs import ClaimedJob, Tick
from annotation.services.replacing.previewing import preview
from annotation.services.replacing.wishes import BATCH, Row, Wish, rows_of
from annotation.services.segments import MAX_TEXT
from annotation.states import JobKind, ReplacedAs, Source

AT_ONCE: Final = 200
"""So many rows are done in the request itself, in about a third of a second."""

# Locked in the order of their ids, as everybody does. A row that moved on since it was read is not changed.
WRITE: Final = """
WITH wanted AS (
    SELECT segment.id, one.base, one.text FROM annotation_segment AS segment
      JOIN unnest(%(ids)s::bigint[], %(bases)s::int[], %(texts)s::text[]) AS one (id, base, text)
        ON one.id = segment.id
     ORDER BY segment.id FOR NO KEY UPDATE OF segment)
UPDATE annotation_segment AS segment
   SET text = wanted.text, revision = segment.revision + 1, source = coalesce(%(source)s, segment.source),
       updated_at = clock_timestamp()
  FROM wanted
 WHERE segment.id = wanted.id AND segment.revision = wanted.base AND segment.retired_at IS NULL
   AND NOT segment.locked AND segment.state <> 'accepted'
   AND NOT EXISTS (SELECT 1 FROM annotation_lease lease
                    WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp())
RETURNING segment.id, segment.revision, segment.recording_id
"""


def apply(*, user: User, project: Project, wish: Wish, expected: int) -> Replacement:
    """Write a replacement down and carry it out, at once where it is small, else as a job.

    `expected`: how many rows the preview said would change. Raises Conflict where by now there are others, so
    that nobody changes what nobody has looked at.
    """
    require(user, "replace", project)
    seen = preview(user=user, project=project, wish=wish)
    if not seen.changes:
        raise Conflict("It stands in no row that may be changed.", code="nothing_to_replace")
    if seen.changes != expected:
        raise Conflict(
            f"By now {seen.changes:,} rows would change, not {expected:,}. Look at them again.",
            code="preview_outdated",
            changes=seen.changes,
            expected=expected,
        )
    wish = seen.wish
    with transaction.atomic():
        small = seen.changes <= AT_ONCE
        job = None
        if not small:
            job = filejobs.create(user=user, project=project, kind=JobKind.REPLACE, total=seen.changes)
        replacement = Replacement.objects.create(
            project=project,
            job=job,
            find=wish.find,
            put=wish.put,
            match_case=wish.match_case,
            whole_words=wish.whole_words,
            query=wish.query,
            expected=seen.changes,
            created_by=user,
        )
        if small:
            go_on(replacement)
    replacement.refresh_from_db()
    return replacement


def go_on(replacement: Replacement, *, claimed: ClaimedJob | None = None, tick: Tick | None = None) -> None:
    """Carry a replacement out from where it stands to its end."""
    user = replacement.created_by
    if user is None:
        raise Conflict("Whoever asked for this has no account any more; ask for it anew.")
    require(user, "replace", replacement.project)
    wish = Wish.of(replacement)
    done = replacement.changed + replacement.skipped
    for rows in rows_of(replacement.project, user, wish, after=replacement.last_segment):
        if rows:
            with transaction.atomic():
                if claimed is not None:
                    filejobs.hold(claimed)
                _batch(replacement, user, wish, rows)
            done += len(rows)
        if tick is not None:
            tick(done, max(done, replacement.expected))
    Replacement.objects.filter(pk=replacement.pk, finished_at=None).update(finished_at=ClockTimestamp())


def _batch(replacement: Replacement, user: User, wish: Wish, rows: Sequence[Row]) -> None:
    pattern = wish.pattern()
    outcomes: dict[int, str] = {}
    texts: dict[int, str] = {}
    for row in rows:
        text = wish.replaced(row.text, pattern).strip()
        if row.standing:
            outcomes[row.segment] = row.standing
        elif len(text) > MAX_TEXT:
            outcomes[row.segment] = ReplacedAs.TOO_LONG
        else:
            texts[row.segment] = text
    revisions = {row.segment: row.revision for row in rows}
    written = write([(pk, revisions[pk], text) for pk, text in texts.items()], user=user, source=Source.HUMAN)
    ReplacedRow.objects.bulk_create(
        (
            ReplacedRow(
                replacement=replacement,
                segment_id=row.segment,
                outcome=ReplacedAs.CHANGED
                if row.segment in written
                else outcomes.get(row.segment, ReplacedAs.MOVED),
                before=row.revision,
                after=written.get(row.segment),
                source=row.source,
            )
            for row in rows
        ),
        batch_size=BATCH,
    )
    announce(replacement.project_id, written, user, {row.segment: row.recording for row in rows})
    Replacement.objects.filter(pk=replacement.pk).update(
        changed=F("changed") + len(written),
        skipped=F("skipped") + len(rows) - len(written),
        last_segment=rows[-1].segment,
    )


def write(rows: Sequence[tuple[int, int, str]], *, user: User, source: Source | None) -> dict[int, int]:
    """Give segments new texts on top of the revisions named; return the new revision of each that took it.

    `rows` are (segment, base revision, text). With `source` None the text counts as written by whom it was
    before; the revisions are the person's either way.
    """
    if not rows:
        return {}
    values: dict[str, Any] = {
        "ids": [pk for pk, _, _ in rows],
        "bases": [base for _, base, _ in rows],
        "texts": [text for _, _, text in rows],
        "source": source.value if source is not None else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITE, values)
        written = {pk: revision for pk, revision, _ in cursor.fetchall()}
    Revision.objects.bulk_create(
        (
            Revision(
                segment_id=pk,
                number=written[pk],
                base=base,
                text=text,
                source=source or Source.HUMAN,
                author=user,
            )
            for pk, base, text in rows
            if pk in written
        ),
        batch_size=BATCH,
    )
    return written


def announce(project_id: int, written: dict[int, int], user: User, recordings: dict[int, int]) -> None:
    """Tell open pages which segments changed."""
    progress.publish_all_on_commit(
        [
            Event(
                project_id,
                "segment.changed",
                {
                    "segment": str(pk),
                    "recording": str(recordings[pk]),
                    "revision": revision,
                    "kind": "replace",
                    "by": user.get_username(),
                },
            )
            for pk, revision in written.items()
        ]
    )
