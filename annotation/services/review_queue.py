"""Hand out what is to be reviewed: each row to one reviewer at a time, redone work first.

The same machinery as the annotators' queue (`services.queue`): one statement chooses a row that nobody
holds and leases it. A finished (locked) row is reviewed too, so the lease is not taken by `services.leases`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import connection, transaction

from annotation.conf import conf
from annotation.models import Project, Segment, User
from annotation.permissions import require
from annotation.services import leases
from annotation.services.leases import Held

Why = Literal["held", "again", "sample"]

TRIES: Final = 50

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
    SELECT segment.id, second.again, second.id AS place {waiting}
       AND segment.id <> ALL(%(exclude)s)
       AND {held} EXISTS (SELECT 1 FROM annotation_lease lease
                           WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp(){mine})
     ORDER BY second.again DESC, second.id LIMIT 1
       FOR UPDATE OF segment SKIP LOCKED
"""

TAKE: Final = """
WITH chosen AS ({choose}),
taken AS (
    INSERT INTO annotation_lease AS lease (segment_id, holder_id, client, token, acquired_at, expires_at)
    SELECT id, %(user)s, %(client)s, 1, clock_timestamp(),
           clock_timestamp() + make_interval(secs => %(seconds)s) FROM chosen
    ON CONFLICT (segment_id) DO UPDATE SET
        token = CASE WHEN lease.expires_at > clock_timestamp() THEN lease.token ELSE lease.token + 1 END,
        holder_id = excluded.holder_id, client = excluded.client,
        acquired_at = excluded.acquired_at, expires_at = excluded.expires_at
     WHERE lease.expires_at <= clock_timestamp()
        OR (lease.holder_id = excluded.holder_id AND lease.client = excluded.client)
    RETURNING segment_id, token, expires_at)
SELECT chosen.id, chosen.again, taken.token, taken.expires_at
  FROM chosen LEFT JOIN taken ON taken.segment_id = chosen.id
"""

FREE: Final = TAKE.format(choose=CHOOSE.format(waiting=WAITING, held="NOT", mine=""))
MINE: Final = TAKE.format(
    choose=CHOOSE.format(
        waiting=WAITING, held="", mine=" AND lease.holder_id = %(user)s AND lease.client = %(client)s"
    )
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
    values: dict[str, Any] = {
        "user": user.pk,
        "client": client,
        "project": project.pk,
        "exclude": list(exclude),
        "seconds": float(conf().lease_s),
    }
    with transaction.atomic():
        if client:
            row = _row(MINE, values)
            if row is not None and row[2] is not None:
                return Given(row[0], Held(token=row[2], expires_at=row[3]), "held")
        for _ in range(TRIES):
            row = _row(FREE, values)
            if row is None:
                return None
            if row[2] is not None:
                segment = Segment.objects.get(pk=row[0])
                leases.announce(segment, user, row[3])
                return Given(row[0], Held(token=row[2], expires_at=row[3]), "again" if row[1] else "sample")
    return None


def waiting(user: User, project: Project) -> dict[str, int]:
    """Count what waits for a reviewer that `user` may be given, and how much of it comes back corrected."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"user": user.pk, "project": project.pk})
        drawn, again = cursor.fetchone()
    return {"waiting": drawn, "again": again}


def _row(statement: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found
