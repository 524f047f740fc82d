"""Take one's own decisions back: text, state and shape as they were before, as new revisions.

History stays whole: nothing is removed, an undo is a decision of its own. It is refused once anybody has
changed what the decision left, and for anything but a person's last twenty decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from annotation.errors import Conflict
from annotation.models import Decision, Revision, Segment, User
from annotation.permissions import require
from annotation.services import leases
from annotation.services.clock import ClockTimestamp
from annotation.services.decisions import decision_of, record
from annotation.services.segments import announce
from annotation.services.shapes import announce_reshaped, room_of, take_turn
from annotation.states import SEGMENT_TRANSITIONS, DecisionKind, SegmentState, Source

UNDOABLE: Final = 20
"""How many of a person's last decisions in a project may be taken back."""
LOOKED_THROUGH: Final = 200
"""How many are looked at to say that one is too old, or was taken back."""


@dataclass(frozen=True, slots=True)
class Undone:
    """Tell what was taken back, the segments that are there again, and those that are gone."""

    decision: Decision
    segments: tuple[int, ...]
    retired: tuple[int, ...] = ()
    leases: tuple[tuple[int, leases.Held], ...] = ()


def recent(user: User, **where: Any) -> list[Decision]:
    """List the person's last decisions that are not undone, newest first: those that may be taken back."""
    rows = _own(user).filter(**where).select_related("author", "undone_by", "segment")
    return list(rows[:UNDOABLE])


def undo(
    *, user: User, segment: Segment, decision_id: int | None = None, operation_id: UUID | None = None
) -> Undone:
    """Take back the user's last decision on the segment, or the one named.

    `segment` may be any that the decision touched, also one it retired. Raises Conflict with the code
    `nothing_to_undo`, `too_old` or `changed`; Locked or Leased.
    """
    require(user, "edit", segment.project)
    with transaction.atomic():
        if operation_id is not None:
            again = decision_of(segment, operation_id)
            if again is not None and again.undoes is not None:
                return _outcome(again.undoes)
        take_turn(segment.recording_id)
        chosen = _chosen(user, segment, decision_id)
        ids = sorted({int(pk) for pk in (*chosen.before, *chosen.after)})
        rows = {
            row.pk: row
            for row in Segment.everything.select_for_update(of=("self",))
            .select_related("project", "recording", "locked_by")
            .filter(pk__in=ids)
            .order_by("pk")
        }
        # Asked again under the locks of its rows: two tabs may undo the same.
        if Decision.objects.filter(undoes=chosen).exists():
            if operation_id is not None and decision_of(segment, operation_id) is not None:
                return _outcome(chosen)  # by this very request, sent twice
            raise Conflict("This decision is undone already.", code="nothing_to_undo")
        _refuse_if_changed(user, chosen, rows)
        shaped = any(pk not in chosen.after for pk in chosen.before)
        passed: dict[int, leases.Held] = {}
        if shaped:
            after, passed = _revive(user, chosen, rows)
        else:
            after = _restore(user, chosen, rows)
        record(
            user=user,
            segment=segment,
            kind=DecisionKind.UNDO,
            before={},
            after=after,
            undoes=chosen,
            operation_id=operation_id,
        )
    return replace(_outcome(chosen), leases=tuple(sorted(passed.items())))


def _own(user: User) -> QuerySet[Decision]:
    rows = Decision.objects.filter(author=user, undone_by=None).exclude(kind=DecisionKind.UNDO)
    # A blind reading left nothing to take back: its author decides again instead.
    rows = rows.exclude(after={})
    return rows.order_by("-pk")


def _chosen(user: User, segment: Segment, decision_id: int | None) -> Decision:
    name = str(segment.pk)
    last = list(_own(user).filter(project=segment.project_id).select_related("segment")[:LOOKED_THROUGH])
    for number, decision in enumerate(last):
        touched = name in decision.before or name in decision.after
        if touched and decision_id in (None, decision.pk):
            if number >= UNDOABLE:
                raise Conflict(f"Only your last {UNDOABLE} decisions can be undone.", code="too_old")
            return decision
    raise Conflict("There is no decision of yours here to undo.", code="nothing_to_undo")


def stands(user: User, project_id: int, revisions: Mapping[str, int]) -> dict[str, set[int]]:
    """Return, by segment, the revisions that its present one stands for.

    What an undo put back stands for what was there before, so that decisions can be taken back one after
    the other. `revisions` are the present ones, by the segment's id.
    """
    back: dict[tuple[str, int], int] = {}
    undos = Decision.objects.filter(author=user, project=project_id, kind=DecisionKind.UNDO)
    for undone in undos.select_related("undoes").order_by("-pk")[:LOOKED_THROUGH]:
        for name, revision in undone.after.items():
            before = undone.undoes.before.get(name) if undone.undoes else None
            if before is not None:
                back[name, revision] = before["revision"]
    found: dict[str, set[int]] = {}
    for name, revision in revisions.items():
        line = {revision}
        while (name, revision) in back:
            revision = back[name, revision]  # always an earlier one
            line.add(revision)
        found[name] = line
    return found


def _refuse_if_changed(user: User, chosen: Decision, rows: dict[int, Segment]) -> None:
    held = leases.live(list(rows))
    standing = stands(user, chosen.project_id, {str(pk): row.revision for pk, row in rows.items()})
    for name, revision in chosen.after.items():
        row = rows.get(int(name))
        if row is None or row.retired_at is not None or revision not in standing[name]:
            newest = row.revisions.select_related("author").order_by("-number").first() if row else None
            by = newest.author.get_username() if newest and newest.author else ""
            raise Conflict(
                "This was changed after your decision; look at it as it is now.",
                code="changed",
                by=by,
                at=newest.created_at.isoformat() if newest else None,
                revision=row.revision if row else None,
            )
        judged = (SegmentState.ACCEPTED, *(() if name in chosen.before else (SegmentState.RETURNED,)))
        if row.state in judged:
            raise Conflict(f"A reviewer has seen it: it is {row.state}, and that stands.", code="changed")
        if row.locked:
            raise leases.locked_error(row)
        lease = held.get(row.pk)
        if lease is not None and lease.holder_id != user.pk:
            raise leases.leased_error(row, user)


def _restore(user: User, chosen: Decision, rows: dict[int, Segment]) -> dict[str, int]:
    """Put one segment back to what it was, as a new revision."""
    ((name, before),) = chosen.before.items()
    row = rows[int(name)]
    base = Revision.objects.filter(segment=row, number=before["revision"]).first()
    values: dict[str, Any] = {
        field: before[field]
        for field in ("state", "source", "return_reason", "speaker", "start_ms", "end_ms")
        if field in before
    }
    if "annotator" in before:
        known = User.objects.filter(pk=before["annotator"]).exists()
        values["annotator_id"] = before["annotator"] if known else None
    if "start_ms" in values:
        room = room_of(row)
        if values["start_ms"] < room.earliest_ms or values["end_ms"] > room.latest_ms:
            raise Conflict("A neighbour has taken the place since; move the edges by hand.", code="changed")
    state = values.get("state", row.state)
    judged = row.state in (SegmentState.ACCEPTED, SegmentState.RETURNED)
    if state != row.state and (judged or state not in SEGMENT_TRANSITIONS[SegmentState(row.state)]):
        raise Conflict(f"It is {row.state} by now, and that stands.", code="changed", revision=row.revision)
    text = base.text if base is not None else ""
    number = row.revision + 1
    try:
        with transaction.atomic():
            Segment.objects.filter(pk=row.pk).update(
                text=text, revision=number, updated_at=ClockTimestamp(), **values
            )
    except IntegrityError as error:
        raise Conflict("Another segment has its old edges now.", code="changed") from error
    _revise(user, row, number, text, str(values.get("source", row.source)))
    announce(row, revision=number, kind=DecisionKind.UNDO, by=user.get_username())
    return {name: number}


def _revive(
    user: User, chosen: Decision, rows: dict[int, Segment]
) -> tuple[dict[str, int], dict[int, leases.Held]]:
    """Retire what a split or merge made, and bring back what it was made of, with the lease on it."""
    made = [int(name) for name in chosen.after]
    gone = [rows[int(name)] for name in chosen.before]
    Segment.objects.filter(pk__in=made).update(retired_at=ClockTimestamp(), updated_at=ClockTimestamp())
    after = {}
    for row in gone:
        number = row.revision + 1
        try:
            with transaction.atomic():
                back = Segment.everything.filter(pk=row.pk, revision=row.revision)
                back.update(retired_at=None, revision=number, updated_at=ClockTimestamp())
        except IntegrityError as error:
            raise Conflict("Another segment has its old edges now.", code="changed") from error
        _revise(user, row, number, row.text, row.source)
        after[str(row.pk)] = number
    tabs = [lease.client for lease in leases.live(made).values() if lease.holder_id == user.pk]
    for pk in made:
        leases.end(pk, user)
    passed = leases.grant(user, [row.pk for row in gone], client=tabs[0]) if tabs else {}
    announce_reshaped(gone[0], made, [row.pk for row in gone], user)
    return after, passed


def _revise(user: User, row: Segment, number: int, text: str, source: str) -> None:
    Revision.objects.create(
        segment=row,
        number=number,
        base=number - 1,
        text=text,
        source=source or Source.HUMAN,
        author=user,
    )


def _outcome(chosen: Decision) -> Undone:
    live = Segment.objects.filter(pk__in=[int(pk) for pk in chosen.before]).order_by("start_ms", "id")
    retired = [int(pk) for pk in chosen.after if pk not in chosen.before]
    fresh = Decision.objects.select_related("author", "undone_by").get(pk=chosen.pk)
    return Undone(fresh, tuple(live.values_list("pk", flat=True)), tuple(retired))
