"""Hand out the next segment: each to one person at a time, returned work first, then the worst.

One statement chooses a row that nobody holds (`FOR UPDATE SKIP LOCKED`) and leases it (`leases.take_next`).

Gold (`services.gold`) is mixed in at the project's share. So that a row out of its turn tells nothing, as
many others come out of their turn, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import connection, transaction

from annotation.duty import AT_WORK, DUTY
from annotation.errors import Conflict
from annotation.models import Gold, Membership, Project, Segment, User
from annotation.permissions import require
from annotation.services import leases
from annotation.services.leases import Held

Why = Literal["held", "returned", "assigned", "queue"]
Order = Literal["risk", "time"]

CHANCE: Final = random.SystemRandom().random
"""Nobody may foresee when gold comes."""

# What was meant for somebody who has left the project is anybody's: otherwise nobody would get it. What a row
# must be is asked in subqueries that are no joins: rows are looked at in their order until one will do, and
# never all of them to be sorted.
CHOOSE: Final = """
    WITH at_work AS ({at_work})
    SELECT segment.id AS segment_id FROM annotation_segment AS segment
     WHERE segment.project_id = %(project)s AND segment.retired_at IS NULL AND NOT segment.locked
       AND {where} AND {unread}
       AND (segment.state = 'returned' OR NOT EXISTS (
            SELECT 1 FROM annotation_batchsegment item
             WHERE item.segment_id = segment.id AND item.batch_id = ANY(%(others)s)))
       AND (SELECT trashed_at FROM annotation_recording WHERE id = segment.recording_id) IS NULL
       AND (%(recording)s::bigint IS NULL OR segment.recording_id = %(recording)s)
       AND segment.id <> ALL(%(exclude)s)
       AND NOT EXISTS (SELECT 1 FROM annotation_lease lease
                        WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp())
     ORDER BY {order} LIMIT 1
       FOR UPDATE OF segment SKIP LOCKED
"""

HELD: Final = """
SELECT segment.id FROM annotation_lease lease JOIN annotation_segment segment ON segment.id = lease.segment_id
 WHERE lease.holder_id = %(user)s AND lease.client = %(client)s AND lease.expires_at > clock_timestamp()
   AND segment.project_id = %(project)s AND segment.retired_at IS NULL AND NOT segment.locked
   AND segment.state IN ('draft', 'refined', 'returned') AND {unread}
   AND (%(recording)s::bigint IS NULL OR segment.recording_id = %(recording)s)
   AND segment.id <> ALL(%(exclude)s)
 ORDER BY lease.acquired_at, segment.id LIMIT 1
"""

#: The batches in force: the person's own, and those whose rows they are not given.
BATCHES: Final = """
SELECT coalesce(array_agg(batch.id) FILTER (
            WHERE batch.assignee_id = %(user)s AND batch.paused_at IS NULL), '{}'),
       coalesce(array_agg(batch.id) FILTER (
            WHERE batch.paused_at IS NOT NULL
               OR (batch.assignee_id <> %(user)s AND person.is_active AND member.paused_at IS NULL
                   AND member.id IS NOT NULL)), '{}')
  FROM annotation_batch batch JOIN annotation_user person ON person.id = batch.assignee_id
  LEFT JOIN annotation_membership member
         ON member.user_id = person.id AND member.project_id = batch.project_id
 WHERE batch.project_id = %(project)s AND batch.closed_at IS NULL
"""

#: Of segments that are read twice: not by whoever has read them, nor by anybody once both readings are there.
UNREAD: Final = """coalesce((
            SELECT pair.state <> 'disputed' AND (pair.state <> 'reading' OR NOT EXISTS (
                    SELECT 1 FROM annotation_reading reading
                     WHERE reading.pair_id = pair.id AND reading.author_id = %(user)s))
              FROM annotation_pair pair WHERE pair.segment_id = segment.id), true)"""

OPEN: Final = "segment.state IN ('draft', 'refined')"
#: Recordings that nobody was asked to work on, or only people who are not at work.
UNASKED: Final = """segment.recording_id NOT IN (
            SELECT recording_id FROM annotation_assignment
             WHERE project_id = %(project)s AND assignee_id <> %(user)s
               AND assignee_id IN (SELECT user_id FROM at_work))
       AND segment.recording_id NOT IN (
            SELECT item.recording_id FROM annotation_batchrecording item
             WHERE item.batch_id = ANY(%(others)s))"""

#: What is handed out, in this order; the words are constants of this file.
TIERS: Final[tuple[tuple[Why, str], ...]] = (
    ("returned", f"segment.state = 'returned' AND {DUTY.format(person='%(user)s')}"),
    (
        "assigned",
        "segment.state IN ('draft', 'refined') AND segment.recording_id IN ("
        "SELECT recording_id FROM annotation_assignment"
        " WHERE project_id = %(project)s AND assignee_id = %(user)s)",
    ),
    (
        "assigned",
        "segment.state IN ('draft', 'refined') AND segment.recording_id IN ("
        "SELECT item.recording_id FROM annotation_batchrecording item"
        " WHERE item.batch_id = ANY(%(mine)s))",
    ),
    (
        "assigned",
        "segment.state IN ('draft', 'refined') AND segment.id IN ("
        "SELECT item.segment_id FROM annotation_batchsegment item"
        " WHERE item.batch_id = ANY(%(mine)s))",
    ),
    ("queue", " AND ".join((OPEN, UNASKED))),
)
#: Out of their turn: gold that the person has not met, and any other row.
IS_GOLD: Final = """EXISTS (
            SELECT 1 FROM annotation_gold gold
             WHERE gold.segment_id = segment.id AND gold.withdrawn_at IS NULL
               AND gold.author_id IS DISTINCT FROM %(user)s)"""
GOLD: Final = " AND ".join((OPEN, UNASKED, IS_GOLD))
ANY: Final = " AND ".join((OPEN, UNASKED, "segment.risk <= %(below)s"))
ORDERS: Final[dict[str, str]] = {
    "risk": "segment.risk DESC NULLS LAST, segment.id",
    "time": "segment.recording_id, segment.start_ms, segment.id",
}


@dataclass(frozen=True, slots=True)
class Given:
    """Tell which segment was handed out, by what lease, and why this one."""

    segment: int
    held: Held
    why: Why


def next_segment(
    *,
    user: User,
    project: Project,
    client: str = "",
    recording: int | None = None,
    order: Order = "risk",
    exclude: Sequence[int] = (),
    dice: Callable[[], float] = CHANCE,
) -> Given | None:
    """Lease the next segment for `user` in the tab `client`; None when nothing is left to hand out.

    First what this tab holds and did not name in `exclude` (its answer was lost, or it was left undecided),
    then work that was returned to the person, then the recordings they were asked to work on, then the rest.
    What another tab of theirs holds is never handed out. `dice` decides, 0 to 1, when gold is mixed in.
    Raises Conflict with the code `paused` where a lead has paused the person.
    """
    require(user, "edit", project)
    if Membership.objects.filter(project=project, user=user, paused_at__isnull=False).exists():
        raise Conflict("Your work in this project is paused. Ask its reviewers or managers.", code="paused")
    leases.check_client(client)
    values: dict[str, Any] = {
        "user": user.pk,
        "client": client,
        "project": project.pk,
        "recording": recording,
        "exclude": list(exclude),
    }
    with connection.cursor() as cursor:
        cursor.execute(BATCHES, values)
        values["mine"], values["others"] = cursor.fetchone()
    with transaction.atomic():
        given = _held(user, values) if client else None
        for why, where in _tiers(project, dice, values):
            if given is not None:
                break
            chosen = CHOOSE.format(at_work=AT_WORK, where=where, unread=UNREAD, order=ORDERS[order])
            taken = leases.take_next(chosen, values, user=user, client=client)
            given = Given(taken[0][0], taken[1], why) if taken else None
        if given is not None and given.why != "held":
            segment = Segment.objects.get(pk=given.segment)
            leases.announce(segment, user, given.held.expires_at)
    return given


def _tiers(project: Project, dice: Callable[[], float], values: dict[str, Any]) -> list[tuple[Why, str]]:
    """Return where to look, in which order: returned work always comes first, then chance has its say."""
    share, rolled = project.gold_percent / 100, dice()
    # Tiers that can have nothing are left out: the planner cannot know.
    returned, *rest = TIERS if values["mine"] else (TIERS[0], TIERS[1], TIERS[-1])
    if rolled >= 2 * share or not Gold.objects.filter(project=project, withdrawn_at=None).exists():
        return [returned, *rest]
    if rolled < share:
        return [returned, ("queue", GOLD), *rest]
    values["below"] = dice()
    return [returned, ("queue", ANY), *rest]


def _held(user: User, values: dict[str, Any]) -> Given | None:
    with connection.cursor() as cursor:
        cursor.execute(HELD.format(unread=UNREAD), values)
        row = cursor.fetchone()
    if row is None:
        return None
    held = leases.grant(user, [row[0]], client=values["client"]).get(row[0])
    return Given(row[0], held, "held") if held is not None else None
