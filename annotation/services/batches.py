"""Batches: give people a handful of segments, or whole recordings; pass them on, pause, give back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from django.db import connection, transaction

from annotation.errors import Conflict, Invalid
from annotation.models import (
    Batch,
    BatchRecording,
    BatchSegment,
    Membership,
    Project,
    Recording,
    User,
)
from annotation.permissions import require
from annotation.services.clock import ClockTimestamp
from annotation.services.segments import clean_text

MOST_SEGMENTS: Final = 5_000
MOST_RECORDINGS: Final = 500
LONGEST_NAME: Final = 100
LOOKS: Final = 3
"""What another lead took between a look and its insert is missing; the next look sees what is left."""

Order = Literal["risk", "time", "random"]
ORDERS: Final[dict[Order, str]] = {
    "risk": "segment.risk DESC NULLS LAST, segment.id",
    "time": "segment.recording_id, segment.start_ms, segment.id",
    "random": "annotation_draw(%(seed)s, segment.id), segment.id",
}

#: Rows that nobody works on and that are in nobody's batch; a row that is being taken is passed over.
CHOOSE: Final = """
INSERT INTO annotation_batchsegment (batch_id, segment_id)
SELECT %(batch)s, chosen.id FROM (
    SELECT segment.id FROM annotation_segment segment
      JOIN annotation_recording recording ON recording.id = segment.recording_id
     WHERE segment.project_id = %(project)s AND segment.state IN ('draft', 'refined')
       AND segment.retired_at IS NULL AND NOT segment.locked AND recording.trashed_at IS NULL
       AND (%(recordings)s::bigint[] IS NULL OR segment.recording_id = ANY(%(recordings)s))
       AND NOT EXISTS (SELECT 1 FROM annotation_batchsegment item WHERE item.segment_id = segment.id)
       AND NOT EXISTS (SELECT 1 FROM annotation_batchrecording item
                        WHERE item.recording_id = segment.recording_id)
       AND NOT EXISTS (SELECT 1 FROM annotation_assignment asked
                        WHERE asked.recording_id = segment.recording_id AND asked.assignee_id <> %(assignee)s)
       AND NOT EXISTS (SELECT 1 FROM annotation_lease lease
                        WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp()
                          AND lease.holder_id <> %(assignee)s)
     ORDER BY {order} LIMIT %(most)s FOR UPDATE OF segment SKIP LOCKED) AS chosen
ON CONFLICT (segment_id) DO NOTHING
"""


def member_of(project: Project, username: str) -> User:
    """Return an active member by name, or raise Invalid."""
    members = Membership.objects.select_related("user").filter(
        project=project, user__username=username, user__is_active=True
    )
    found = members.first()
    if found is None:
        raise Invalid(f"Not a member of this project: {username[:150]}.", assignee="the name of a member")
    return found.user


def give_segments(
    *,
    user: User,
    project: Project,
    assignee: str,
    count: int,
    order: Order = "risk",
    recordings: Sequence[int] | None = None,
    name: object = "",
) -> Batch:
    """Reserve up to `count` segments that are open and nobody's for a member; Conflict where there are none.

    Of `recordings` alone where they are named. The parts of what is split later are anybody's.
    """
    require(user, "assign", project)
    if not 1 <= count <= MOST_SEGMENTS:
        raise Invalid("How many segments?", segments=f"1 to {MOST_SEGMENTS}")
    person = member_of(project, assignee)
    with transaction.atomic():
        batch = _made(user, project, person, name, f"{count} segments")
        found = 0
        with connection.cursor() as cursor:
            for _look in range(LOOKS):
                cursor.execute(
                    CHOOSE.format(order=ORDERS[order]),
                    {
                        "batch": batch.pk,
                        "project": project.pk,
                        "assignee": person.pk,
                        "recordings": list(recordings) if recordings is not None else None,
                        "most": count - found,
                        "seed": project.sample_seed,
                    },
                )
                found += cursor.rowcount
                if found == count:
                    break
        if not found:
            raise Conflict("No segment is left that is open and nobody's.", code="nothing_left")
    return batch


def give_recordings(
    *, user: User, project: Project, assignee: str, recordings: Sequence[int], name: object = ""
) -> Batch:
    """Reserve recordings, with all segments they have and will have, for a member.

    Raises Invalid for recordings of elsewhere, Conflict for one that is in another batch.
    """
    require(user, "assign", project)
    wanted = list(dict.fromkeys(recordings))
    if not 1 <= len(wanted) <= MOST_RECORDINGS:
        raise Invalid("Which recordings?", recordings=f"1 to {MOST_RECORDINGS} ids")
    person = member_of(project, assignee)
    with transaction.atomic():
        # In order, so that two leads who name the same ones do not wait for each other.
        rows = Recording.objects.select_for_update(no_key=True).filter(project=project, trashed_at=None)
        found = list(rows.filter(pk__in=wanted).order_by("pk"))
        if len(found) != len(wanted):
            raise Invalid(
                "Some of these recordings are not in this project.", recordings="ids of this project"
            )
        taken = BatchRecording.objects.select_related("recording").filter(recording__in=found).first()
        if taken is not None:
            raise Conflict(
                f"{taken.recording.name} is in another batch; pass that one on, or give it back first.",
                code="in_a_batch",
                recording=str(taken.recording_id),
                batch=str(taken.batch_id),
            )
        batch = _made(user, project, person, name, f"{len(found)} recordings")
        BatchRecording.objects.bulk_create(BatchRecording(batch=batch, recording=row) for row in found)
    return batch


def _made(user: User, project: Project, person: User, name: object, otherwise: str) -> Batch:
    title = clean_text("" if name is None else name, field="name", longest=LONGEST_NAME) or otherwise
    batch = Batch.objects.create(project=project, name=title, assignee=person, created_by=user)
    batch.refresh_from_db()
    return batch


def pass_on(*, user: User, batch: Batch, assignee: str) -> Batch:
    """Give what is left of a batch to another member."""
    require(user, "assign", batch.project)
    person = member_of(batch.project, assignee)
    _change(batch, assignee=person)
    return batch


def pause(*, user: User, batch: Batch, paused: bool) -> Batch:
    """Give nobody anything of a batch for now, or let it go on."""
    require(user, "assign", batch.project)
    _change(batch, paused_at=ClockTimestamp() if paused else None)
    return batch


def give_back(*, user: User, batch: Batch) -> None:
    """Let everybody have what is left of a batch, by the open queue."""
    require(user, "assign", batch.project)
    with transaction.atomic():
        _change(batch, closed_at=ClockTimestamp())
        BatchSegment.objects.filter(batch=batch).delete()
        BatchRecording.objects.filter(batch=batch).delete()


def _change(batch: Batch, **values: object) -> None:
    if not Batch.objects.filter(pk=batch.pk, closed_at=None).update(**values):
        raise Conflict("This batch is closed; look at the list again.", code="closed")
    batch.refresh_from_db()


def pause_person(*, user: User, project: Project, member: User, paused: bool) -> Membership:
    """Give a member no work for now; what was theirs is anybody's meanwhile. Repeating it changes nothing."""
    require(user, "assign", project)
    rows = Membership.objects.filter(project=project, user=member)
    rows.filter(paused_at__isnull=paused).update(paused_at=ClockTimestamp() if paused else None)
    found = rows.select_related("user").first()
    if found is None:
        raise Invalid("Nobody of this name is a member of the project.", user="a member")
    return found
