"""Disputes: a third person decides between two texts, or ends a pair whose second reader does not come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, transaction

from annotation.errors import Conflict, Denied, Invalid
from annotation.models import Pair, Project, Segment, User
from annotation.permissions import require
from annotation.selectors import machine_of
from annotation.services import leases, pairs
from annotation.services.checks import check, warnings_of
from annotation.services.clock import ClockTimestamp
from annotation.services.decisions import NO_EVIDENCE, Evidence, Wording, record
from annotation.services.leases import Held
from annotation.services.segments import circumstances, clean_text, refusal
from annotation.states import OPEN_PAIRS, Choice, DecisionKind, PairState, SegmentState

PATIENCE_DAYS: Final = 3
"""A second reader who has not come by then is waited for no longer."""

#: Pairs that `user` may settle: those in dispute, and those whose second reader does not come, or is nobody:
#: no other annotator of the project is at work. Not what they read themselves, where nobody judges their own.
OPEN: Final = """
      FROM annotation_pair pair
      JOIN annotation_segment segment ON segment.id = pair.segment_id
      JOIN annotation_recording recording ON recording.id = segment.recording_id
      JOIN annotation_project project ON project.id = pair.project_id
     WHERE pair.project_id = %(project)s AND segment.retired_at IS NULL
       AND segment.state IN ('draft', 'refined') AND recording.trashed_at IS NULL
       AND (pair.state = 'disputed' OR (pair.state = 'reading' AND (
            pair.opened_at < clock_timestamp() - make_interval(days => %(patience)s)
            OR NOT EXISTS (
                SELECT 1 FROM annotation_membership member
                  JOIN annotation_user person ON person.id = member.user_id AND person.is_active
                 WHERE member.project_id = pair.project_id AND member.role = 'annotator'
                   AND member.paused_at IS NULL
                   AND NOT EXISTS (SELECT 1 FROM annotation_reading reading
                        WHERE reading.pair_id = pair.id AND reading.author_id = member.user_id)))))
       AND (project.review_own OR NOT EXISTS (SELECT 1 FROM annotation_reading reading
             WHERE reading.pair_id = pair.id AND reading.author_id = %(user)s))
"""

CHOOSE: Final = """
    SELECT segment.id AS segment_id, pair.id AS pair_id {open} AND pair.id <> ALL(%(exclude)s)
       AND {held} EXISTS (SELECT 1 FROM annotation_lease lease
                           WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp(){mine})
     ORDER BY pair.state = 'reading', pair.id LIMIT 1 FOR UPDATE OF segment SKIP LOCKED
"""
FREE: Final = CHOOSE.format(open=OPEN, held="NOT", mine="")
MINE: Final = CHOOSE.format(
    open=OPEN, held="", mine=" AND lease.holder_id = %(user)s AND lease.client = %(client)s"
)
COUNT: Final = f"SELECT count(*) {OPEN}"
ONE: Final = f"SELECT EXISTS (SELECT 1 {OPEN} AND pair.id = %(pair)s)"


def next_dispute(
    *, user: User, project: Project, client: str = "", exclude: Sequence[int] = ()
) -> tuple[Pair, Held] | None:
    """Lease a pair that nobody else is settling to `user`; None when there is none.

    Disputes first, then pairs that wait in vain for their second reader; of each the oldest.
    """
    require(user, "review", project)
    leases.check_client(client)
    values = {**_whose(user, project), "exclude": list(exclude)}
    with transaction.atomic():
        taken = leases.take_next(MINE, values, user=user, client=client, again=True) if client else None
        taken = taken or leases.take_next(FREE, values, user=user, client=client)
    if taken is None:
        return None
    (_segment, pk), lease = taken
    return Pair.objects.select_related("segment__recording", "project").get(pk=pk), lease


def waiting(user: User, project: Project) -> int:
    """Count the pairs that `user` may settle."""
    return int(_asked(COUNT, _whose(user, project)))


def _asked(statement: str, values: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        (value,) = cursor.fetchone()
    return value


def _whose(user: User, project: Project) -> dict[str, Any]:
    return {"user": user.pk, "project": project.pk, "patience": PATIENCE_DAYS}


def settle(
    *, user: User, pair: Pair, choice: Choice, text: object = None, evidence: Evidence = NO_EVIDENCE
) -> Pair:
    """Take one of two texts, or write a third; the segment gets it as a revision of whoever wrote it.

    It is a decision of whoever settles, with what they heard and how long they worked. Where the second
    reader does not come, or is nobody, the one reading there is may be taken. Raises Conflict where it is
    settled already, with `second_to_come` while a second reader is waited for, and with `in_trash` or
    `decided` where its segment waits for no text; Leased while somebody else is at it; Denied with
    `own_work` for a reader of it.
    """
    require(user, "review", pair.project)
    if (choice == Choice.THIRD) != (text is not None):
        raise Invalid("A third choice brings a text, and only that.", text="with the third choice")
    written = clean_text(text) if text is not None else ""
    with transaction.atomic():
        segment = (
            Segment.everything.select_for_update(of=("self",), no_key=True)
            .select_related("project", "recording", "locked_by")
            .get(pk=pair.segment_id)
        )
        now = Pair.objects.select_for_update().get(pk=pair.pk)
        readings = {one.place: one for one in now.readings.select_related("author")}
        if now.state not in OPEN_PAIRS or not readings:
            raise Conflict("This pair is settled already, or nobody has read it.", code="settled")
        if len(readings) == 1 and choice == Choice.SECOND:
            raise Invalid("Only one person has read it.", choice="first or third")
        if segment.retired_at is not None or segment.locked:
            raise refusal(segment, segment.revision, user)
        lease = leases.live([segment.pk]).get(segment.pk)
        if lease is not None and lease.holder_id != user.pk:
            raise leases.leased_error(segment, user)
        if not segment.project.review_own and user.pk in {one.author_id for one in readings.values()}:
            raise Denied("You read it yourself; somebody else has to settle it.", code="own_work")
        if not _asked(ONE, {**_whose(user, now.project), "pair": now.pk}):
            raise _not_open(now, segment)
        taken = readings.get({Choice.FIRST: 1, Choice.SECOND: 2}.get(choice, 0))
        skipped = taken is not None and taken.kind == DecisionKind.SKIP
        before = {
            "revision": segment.revision,
            "state": segment.state,
            "source": segment.source,
            "annotator": segment.annotator_id,
            "return_reason": segment.return_reason,
        }
        said, author = (taken.text, taken.author) if taken else (written, user)
        unchanged = said == segment.text
        number = pairs.publish(segment, said, author, skipped=skipped)
        machine = machine_of(segment)
        known = circumstances(segment, evidence.heard_share, machine.text if machine else None)
        kind = DecisionKind.SKIP if skipped else DecisionKind.ACCEPT if unchanged else DecisionKind.SAVE
        record(
            user=user,
            segment=segment,
            kind=kind,
            reason=taken.reason if taken else "",
            evidence=evidence,
            warned=warnings_of(check(said, known)),
            wording=None if skipped else Wording(said, machine),
            before={str(segment.pk): before},
            after={str(segment.pk): number},
        )
        Pair.objects.filter(pk=now.pk, state=now.state).update(
            state=PairState.SETTLED,
            choice=choice,
            settled_by=user,
            settled_at=ClockTimestamp(),
            revision=number,
        )
        if leases.end(segment.pk, user):
            leases.announce(segment, None)
    now.refresh_from_db()
    return now


def _not_open(pair: Pair, segment: Segment) -> Conflict:
    """Say why a pair that is not settled is nobody's to settle now."""
    if segment.recording.trashed_at is not None:
        return Conflict("Its recording is in the trash. Have it taken out first.", code="in_trash")
    if segment.state not in (SegmentState.DRAFT, SegmentState.REFINED):
        return Conflict(f"The segment is {segment.state} already; it waits for no text.", code="decided")
    return Conflict(
        f"Its second reader may still come. With one reading it can be settled {PATIENCE_DAYS} days after the"
        " first, or when no other annotator of the project is at work.",
        code="second_to_come",
    )
