"""How far a project is, how fast it goes, and when it will be done: counted, never guessed from a browser."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from django.db import connection
from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from annotation.duty import returned_to
from annotation.models import Decision, Lease, Project, Segment, User
from annotation.selectors import out_of_trash
from annotation.states import DONE_SEGMENTS, OPEN_SEGMENTS, TEXT_DECISIONS, PairState, SegmentState

NOW_WINDOW_S: Final = 2 * 3600
"""The present pace is that of the last two hours."""
DAYS: Final = 14
"""The daily pace is the median of the days of the last two weeks on which anybody worked."""
ENOUGH: Final = 10
"""With fewer decisions a pace is chance."""

#: Each segment counts once in a span of time, at its last decision there that was not undone.
DECIDED: Final = """
WITH decided AS (
    SELECT DISTINCT ON (d.segment_id) d.segment_id, d.author_id, d.audio_ms, d.created_at
      FROM annotation_decision d
     WHERE d.project_id = %(project)s AND d.created_at >= %(since)s AND d.kind = ANY(%(kinds)s)
       AND NOT EXISTS (SELECT 1 FROM annotation_decision u WHERE u.undoes_id = d.id)
     ORDER BY d.segment_id, d.id DESC)
"""
BY_DAY: Final = "".join(
    (
        DECIDED,
        "SELECT (created_at AT TIME ZONE 'UTC')::date AS day, sum(audio_ms)::bigint FROM decided",
        " GROUP BY day ORDER BY day",
    )
)
AUDIO: Final = "".join(
    (
        DECIDED,
        """SELECT coalesce(sum(audio_ms), 0)::bigint FROM decided
          WHERE %(author)s::bigint IS NULL OR author_id = %(author)s""",
    )
)
LATELY: Final = "".join(
    (
        DECIDED,
        """SELECT count(*), coalesce(sum(audio_ms), 0)::bigint, count(DISTINCT author_id), min(created_at),
       clock_timestamp() FROM decided""",
    )
)


def progress_of_project(
    user: User, project: Project, *, since: datetime, recording: int | None = None
) -> dict[str, Any]:
    """Count what `user` and all have done since `since`, how much is left, and how long that will take.

    Audio in milliseconds of the recordings. With `recording` the counts of segments are of that recording
    alone; work and pace stay the project's.
    """
    segments, audio = _segments(project, recording)
    pace = _pace(project)
    return {
        "since": since,
        "today": {"mine": _work(project, since, user), "all": _work(project, since)},
        "segments": segments,
        "audio_ms": audio,
        "returned_to_you": returned_to(user, project),
        "pace": pace,
        "eta": _eta(audio["left"], pace),
    }


def counts_for_queue(user: User, project: Project) -> dict[str, int]:
    """Count what could be handed out, what is held, and what is not ready, for an empty queue's words."""
    counts, _ = _segments(project, None)
    heard = _live(project).filter(state__in=OPEN_SEGMENTS, locked=False)
    held = Lease.objects.filter(expires_at__gt=Now(), segment__in=heard).count()
    finished = _live(project).filter(state__in=OPEN_SEGMENTS, locked=True).count()
    # What two people read is nobody's once both have, and not theirs who has read it.
    read = Q(pair__state=PairState.DISPUTED) | Q(pair__state=PairState.READING, pair__readings__author=user)
    closed = heard.filter(read).count()
    return {
        "total": counts["total"],
        "open": max(0, sum(counts[state] for state in OPEN_SEGMENTS) - finished - held - closed),
        "leased": held,
        "waiting_for_machine": counts[SegmentState.PENDING],
        "returned_to_you": returned_to(user, project),
        "done": counts["done"],
    }


def _live(project: Project) -> QuerySet[Segment]:
    return out_of_trash(Segment.objects.filter(project=project), project.pk)


def _segments(project: Project, recording: int | None) -> tuple[dict[str, int], dict[str, int]]:
    rows = _live(project).order_by()
    if recording is not None:
        rows = rows.filter(recording=recording)
    length = ExpressionWrapper(F("end_ms") - F("start_ms"), output_field=BigIntegerField())
    counts = {"total": 0, **dict.fromkeys(SegmentState.values, 0), "locked": 0, "done": 0}
    audio = {"total": 0, "done": 0, "left": 0}
    for group in rows.values("state", "locked").annotate(rows=Count("pk"), audio=Sum(length)):
        done = group["state"] in DONE_SEGMENTS or group["locked"]
        counts["total"] += group["rows"]
        counts[group["state"]] += group["rows"]
        counts["locked"] += group["rows"] if group["locked"] else 0
        counts["done"] += group["rows"] if done else 0
        audio["total"] += group["audio"]
        audio["done" if done else "left"] += group["audio"]
    return counts, audio


def _work(project: Project, since: datetime, user: User | None = None) -> dict[str, int]:
    rows = Decision.objects.filter(
        project=project, created_at__gte=since, kind__in=TEXT_DECISIONS, undone_by=None
    )
    if user is not None:
        rows = rows.filter(author=user)
    counted = rows.aggregate(
        decisions=Count("pk"), segments=Count("segment", distinct=True), active_ms=Sum("active_ms")
    )
    values = {**_of(project), "since": since, "author": user.pk if user is not None else None}
    with connection.cursor() as cursor:
        cursor.execute(AUDIO, values)
        (audio,) = cursor.fetchone()
    return {
        "decisions": counted["decisions"],
        "segments": counted["segments"],
        "audio_ms": audio,
        "active_ms": counted["active_ms"] or 0,
    }


def _of(project: Project) -> dict[str, Any]:
    return {"project": project.pk, "kinds": [str(kind) for kind in TEXT_DECISIONS]}


def _pace(project: Project) -> dict[str, Any]:
    now = timezone.now()
    values = _of(project)
    with connection.cursor() as cursor:
        cursor.execute(LATELY, {**values, "since": now - timedelta(seconds=NOW_WINDOW_S)})
        count, audio, people, first, clock = cursor.fetchone()
        cursor.execute(BY_DAY, {**values, "since": (now - timedelta(days=DAYS)).replace(hour=0, minute=0)})
        # Today is not over: what was done by ten in the morning is no day's work.
        days = [audio for day, audio in cursor.fetchall() if audio and day < clock.date()]
    enough = count >= ENOUGH
    # From the first of them until now, pauses included: that is how the next hours will be, too.
    window = max(60.0, (clock - first).total_seconds()) if enough else None
    return {
        "audio_ms_per_hour": round(audio * 3600 / window) if window else None,
        "people": people,
        "window_s": round(window) if window else None,
        "audio_ms_per_day": round(median(days)) if days and sum(days) else None,
        "days": len(days),
    }


def _eta(left_ms: int, pace: dict[str, Any]) -> dict[str, Any]:
    hourly, daily = pace["audio_ms_per_hour"], pace["audio_ms_per_day"]
    if left_ms == 0:
        return {"hours_at_this_pace": 0.0, "working_days": 0.0, "basis": "Nothing is left."}
    if hourly:
        minutes = max(1, round(pace["window_s"] / 60))
        people = "1 person" if pace["people"] == 1 else f"{pace['people']} people"
        basis = f"At the pace of the last {minutes} min, {people} at work."
    elif daily:
        basis = f"By the median of the last {pace['days']} working days; nobody is at work now."
    else:
        basis = "Too few decisions yet to tell."
    return {
        "hours_at_this_pace": round(left_ms / hourly, 2) if hourly else None,
        "working_days": round(left_ms / daily, 2) if daily else None,
        "basis": basis,
    }
