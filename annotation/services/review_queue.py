"""Hand out what is to be reviewed: each row to one reviewer at a time, redone work first.

The same machinery as the annotators' queue (`services.queue`): one statement chooses a row that nobody
holds and leases it. A finished (locked) row is reviewed too, so the lease is not taken by `services.leases`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from django.db import connection, transaction

from annotation.models import Project, Segment, User
from annotation.permissions import require
from annotation.services import leases
from annotation.services.leases import Held

Why = Literal["held", "again", "sample"]

#: Rows that a reviewer may be given: decided, drawn (or returned before), not their own where that is a rule.
WAITING: Final = """
      FROM annotation_secondcheck second
      JOIN annotation_segment segment ON segment.id = second.segment_id
      JOIN annotation_recording recording ON recording.id = segment.recording_id
      JOIN annotation_project project ON project.id = segment.project_id
     WHERE second.project_id = %(project)s AND second.done_at IS NULL
       AND segment.state IN ('corrected', 'skipped') AND segment.retired_at IS NULL
       AND recording.trashed_at IS NULL
       AND (project.review_own OR NOT annotation_is_own(segment.id, segment.revision, %(user)s))
"""

CHOOSE: Final = """
    SELECT segment.id AS segment_id, second.again {waiting}
       AND segment.id <> ALL(%(exclude)s)
       AND {held} EXISTS (SELECT 1 FROM annotation_lease lease
                           WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp(){mine})
     ORDER BY second.again DESC, second.id LIMIT 1
       FOR UPDATE OF segment SKIP LOCKED
"""
FREE: Final = CHOOSE.format(waiting=WAITING, held="NOT", mine="")
MINE: Final = CHOOSE.format(
    waiting=WAITING, held="", mine=" AND lease.holder_id = %(user)s AND lease.client = %(client)s"
)
COUNT: Final = f"SELECT count(*), count(*) FILTER (WHERE second.again) {WAITING}"


@dataclass(frozen=True, slots=True)
class Given:
    """Tell which segment was handed out, by what lease, and why this one."""

    segment: int
    held: Held
    why: Why


def next_review(
    *, user: User, project: Project, client: str = "", exclude: Sequence[int] = ()
) -> Given | None:
    """Lease the next row to be reviewed to `user` in the tab `client`; None when nothing waits.

    First what the tab holds already (so that an answer that was lost loses no row, and asking again renews
    the lease), then what comes back corrected, then what was drawn for the second check, oldest first.
    """
    require(user, "review", project)
    leases.check_client(client)
    values = {"project": project.pk, "exclude": list(exclude)}
    with transaction.atomic():
        if client:
            held = leases.take_next(MINE, values, user=user, client=client, again=True)
            if held is not None:
                return Given(held[0][0], held[1], "held")
        taken = leases.take_next(FREE, values, user=user, client=client)
        if taken is None:
            return None
        (pk, again), lease = taken
        leases.announce(Segment.objects.get(pk=pk), user, lease.expires_at)
    return Given(pk, lease, "again" if again else "sample")


def waiting(user: User, project: Project) -> dict[str, int]:
    """Count what waits for a reviewer that `user` may be given, and how much of it comes back corrected."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"user": user.pk, "project": project.pk})
        drawn, again = cursor.fetchone()
    return {"waiting": drawn, "again": again}
