"""Who has how much to do in a project, what they have done, what came back, and how fast they are."""

from __future__ import annotations

from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q

from annotation.duty import AT_WORK, DUTY
from annotation.models import Batch, Project, Segment
from annotation.states import OPEN_SEGMENTS, TEXT_DECISIONS

DAYS: Final = 7
"""Pace and work done are those of the last week."""

# A segment counts once for a person, however often they saved it; what they took back does not.
WORKLOAD: Final = """
WITH at_work AS ({at_work}),
own AS (
    SELECT batch.assignee_id AS user_id, item.segment_id AS id FROM annotation_batchsegment item
      JOIN annotation_batch batch ON batch.id = item.batch_id
     WHERE batch.project_id = %(project)s AND batch.closed_at IS NULL
    UNION
    SELECT batch.assignee_id, segment.id FROM annotation_batchrecording item
      JOIN annotation_batch batch ON batch.id = item.batch_id
      JOIN annotation_segment segment ON segment.recording_id = item.recording_id
     WHERE batch.project_id = %(project)s AND batch.closed_at IS NULL
    UNION
    SELECT asked.assignee_id, segment.id FROM annotation_assignment asked
      JOIN annotation_segment segment ON segment.recording_id = asked.recording_id
     WHERE asked.project_id = %(project)s),
given AS (
    SELECT own.user_id, count(*) AS segments,
           count(*) FILTER (WHERE segment.state IN ('draft', 'refined', 'pending')) AS open,
           coalesce(sum(segment.end_ms - segment.start_ms)
                    FILTER (WHERE segment.state IN ('draft', 'refined', 'pending')), 0)::bigint AS open_ms
      FROM own JOIN annotation_segment segment ON segment.id = own.id
      JOIN annotation_recording recording ON recording.id = segment.recording_id
     WHERE segment.retired_at IS NULL AND recording.trashed_at IS NULL
     GROUP BY own.user_id),
back AS (
    SELECT member.user_id, count(*) AS returned FROM annotation_segment segment
      JOIN annotation_recording recording ON recording.id = segment.recording_id
      JOIN annotation_membership member ON member.project_id = segment.project_id AND {duty}
     WHERE segment.project_id = %(project)s AND segment.state = 'returned' AND segment.retired_at IS NULL
       AND recording.trashed_at IS NULL
     GROUP BY member.user_id),
acts AS (
    SELECT act.id, act.author_id, act.segment_id, act.audio_ms, act.active_ms, act.created_at
      FROM annotation_decision act
     WHERE act.project_id = %(project)s AND act.kind = ANY(%(kinds)s)
       AND act.created_at > clock_timestamp() - make_interval(days => %(days)s)
       AND NOT EXISTS (SELECT 1 FROM annotation_decision undo WHERE undo.undoes_id = act.id)),
each AS (
    SELECT DISTINCT ON (author_id, segment_id) author_id, audio_ms, created_at,
           sum(active_ms) OVER (PARTITION BY author_id, segment_id) AS active_ms
      FROM acts ORDER BY author_id, segment_id, id DESC),
lately AS (
    SELECT author_id AS user_id, count(*) AS done, sum(audio_ms)::bigint AS audio_ms,
           sum(audio_ms) FILTER (WHERE active_ms > 0)::bigint AS timed_ms,
           sum(active_ms)::bigint AS active_ms, max(created_at) AS last_at
      FROM each GROUP BY author_id),
judged AS (
    SELECT annotator_id AS user_id, count(*) AS reviewed,
           count(*) FILTER (WHERE verdict = 'return') AS sent_back
      FROM annotation_review
     WHERE project_id = %(project)s AND created_at > clock_timestamp() - make_interval(days => %(days)s)
     GROUP BY annotator_id)
SELECT person.id, person.username, btrim(person.first_name || ' ' || person.last_name), member.role,
       member.paused_at, coalesce(given.segments, 0), coalesce(given.open, 0), coalesce(given.open_ms, 0),
       coalesce(back.returned, 0), coalesce(lately.done, 0), coalesce(lately.audio_ms, 0),
       lately.timed_ms, lately.active_ms, lately.last_at, coalesce(judged.reviewed, 0),
       coalesce(judged.sent_back, 0)
  FROM annotation_membership member JOIN annotation_user person ON person.id = member.user_id
  LEFT JOIN given ON given.user_id = person.id
  LEFT JOIN back ON back.user_id = person.id
  LEFT JOIN lately ON lately.user_id = person.id
  LEFT JOIN judged ON judged.user_id = person.id
 WHERE member.project_id = %(project)s
 ORDER BY person.username
""".format(at_work=AT_WORK, duty=DUTY.format(person="member.user_id"))  # noqa: S608 - constants


def workload(project: Project) -> list[dict[str, Any]]:
    """Return a row for each member: given, open, done, returned, pace (audio per hour at work), paused."""
    with connection.cursor() as cursor:
        cursor.execute(
            WORKLOAD,
            {"project": project.pk, "days": DAYS, "kinds": [str(kind) for kind in TEXT_DECISIONS]},
        )
        return [_row(row) for row in cursor.fetchall()]


def _row(row: tuple[Any, ...]) -> dict[str, Any]:
    timed, active = row[11], row[12]
    return {
        "id": row[0],
        "username": row[1],
        "name": row[2] or row[1],
        "role": row[3],
        "paused_at": row[4],
        "given": row[5],
        "open": row[6],
        "open_ms": row[7],
        "returned": row[8],
        "done": row[9],
        "done_ms": row[10],
        "audio_ms_per_hour": round(timed * 3_600_000 / active) if timed and active else None,
        "last_at": row[13],
        "reviewed": row[14],
        "sent_back": row[15],
    }


def workload_of(project: Project) -> dict[str, Any]:
    """Gather the workload of a project."""
    left = Segment.objects.filter(
        project=project, state__in=OPEN_SEGMENTS, locked=False, recording__trashed_at=None
    )
    return {"people": workload(project), "open": left.count()}


def batches_of(project: Project) -> Any:
    """List the batches in force with how much is in them."""
    live = Q(segments__segment__retired_at=None)
    mine = Q(segments__segment__state__in=OPEN_SEGMENTS)
    theirs = Q(
        recordings__recording__segments__state__in=OPEN_SEGMENTS,
        recordings__recording__segments__retired_at=None,
    )
    rows = Batch.objects.filter(project=project, closed_at=None).select_related("assignee")
    return rows.annotate(
        segment_count=Count("segments", filter=live, distinct=True),
        recording_count=Count("recordings", distinct=True),
        open_count=Count("segments", filter=live & mine, distinct=True)
        + Count("recordings__recording__segments", filter=theirs, distinct=True),
    )
