"""Changing the shape of segments, and taking decisions back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.detail import for_acting
from annotation.api.docs import operation
from annotation.api.segment_serializers import SegmentOut
from annotation.api.segments import OfSegment, evidence_of
from annotation.api.work_serializers import (
    DecisionOut,
    EdgesIn,
    MergeIn,
    PassedLease,
    ReshapedOut,
    SpeakerIn,
    SplitIn,
    UndoIn,
    UndoneOut,
)
from annotation.models import Segment, User
from annotation.permissions import get_visible
from annotation.selectors import with_details
from annotation.services import leases, shapes, undo

REFUSES = (409, 410, 423)


class Shaping(OfSegment):
    """Views that change a segment's shape."""

    throttle_scopes: ClassVar = {"POST": "save"}

    def begun(self, segment_id: int, values: dict[str, Any]) -> tuple[Segment, shapes.Grip]:
        """Return the segment, retired or not, and what the person saw and held.

        A retired one is let through to the service, which knows whether the same act retired it.
        """
        grip = shapes.Grip(
            base_revision=values["base_revision"],
            lease=values.get("lease"),
            client=values["client"],
            operation_id=values.get("operation_id"),
            evidence=evidence_of(values),
        )
        return get_visible(for_acting(), self.person, pk=segment_id), grip

    def answer(self, made: shapes.Reshaped) -> Response:
        """Show what became of it."""
        return Response(
            {
                "segments": live(self.person, made.segments),
                "retired": [str(pk) for pk in made.retired],
                "decision": DecisionOut(made.decision).data,
                "leases": passed(made.leases),
            }
        )


def live(person: User, ids: Sequence[int]) -> list[Any]:
    """Show segments by time."""
    rows = with_details(for_acting().filter(pk__in=ids, retired_at=None)).order_by("start_ms", "id")
    return list(SegmentOut(rows, many=True, context={"user": person}).data)


def passed(held: Sequence[tuple[int, leases.Held]]) -> list[Any]:
    """Show the leases that went over to other segments."""
    shown = [{"segment": pk, "token": str(one.token), "expires_at": one.expires_at} for pk, one in held]
    return list(PassedLease(shown, many=True).data)


class SegmentSplit(Shaping):
    """Cutting a segment in two."""

    @operation("split_segment", takes=SplitIn, gives=ReshapedOut, refuses=REFUSES)
    def post(self, request: Request, segment_id: int) -> Response:
        """Cut a segment at a moment, and its text at an offset; both parts get their words and hypotheses.

        With `text` what stands in the box is saved with it, as yours. 409 `not_heard_yet` while a model
        still works on it.
        """
        values = self.valid(SplitIn(data=request.data))
        segment, grip = self.begun(segment_id, values)
        made = shapes.split(
            user=self.person,
            segment=segment,
            at_ms=values["at_ms"],
            offset=values["offset"],
            text=values.get("text"),
            grip=grip,
        )
        return self.answer(made)


class SegmentMerge(Shaping):
    """Joining two segments."""

    @operation("merge_segment", takes=MergeIn, gives=ReshapedOut, refuses=REFUSES)
    def post(self, request: Request, segment_id: int) -> Response:
        """Join a segment with the next one of its channel; 409 `not_neighbours` when that is another now."""
        values = self.valid(MergeIn(data=request.data))
        segment, grip = self.begun(segment_id, values)
        made = shapes.merge(
            user=self.person,
            segment=segment,
            following=values["next"],
            following_revision=values["next_revision"],
            text=values.get("text"),
            grip=grip,
        )
        return self.answer(made)


class SegmentEdges(Shaping):
    """Moving the edges of a segment."""

    @operation("move_segment_edges", takes=EdgesIn, gives=ReshapedOut, refuses=REFUSES)
    def post(self, request: Request, segment_id: int) -> Response:
        """Let a segment begin and end elsewhere, within `edges` of its detail; its text stays."""
        values = self.valid(EdgesIn(data=request.data))
        segment, grip = self.begun(segment_id, values)
        made = shapes.move_edges(
            user=self.person,
            segment=segment,
            start_ms=values["start_ms"],
            end_ms=values["end_ms"],
            grip=grip,
        )
        return self.answer(made)


class SegmentSpeaker(Shaping):
    """Saying who speaks."""

    @operation("set_segment_speaker", takes=SpeakerIn, gives=ReshapedOut, refuses=REFUSES)
    def post(self, request: Request, segment_id: int) -> Response:
        """Say who speaks in a segment; empty = not known."""
        values = self.valid(SpeakerIn(data=request.data))
        segment, grip = self.begun(segment_id, values)
        made = shapes.set_speaker(user=self.person, segment=segment, speaker=values["speaker"], grip=grip)
        return self.answer(made)


class SegmentUndo(Shaping):
    """Taking a decision back."""

    @operation("undo_decision", takes=UndoIn, gives=UndoneOut, refuses=(409, 423))
    def post(self, request: Request, segment_id: int) -> Response:
        """Take back your last decision on a segment: text, state and shape, as new revisions.

        Any segment the decision touched will do, also one it retired. 409 `changed` when somebody has been
        there since, `too_old` beyond your last twenty, `nothing_to_undo`.
        """
        values = self.valid(UndoIn(data=request.data))
        segment = get_visible(for_acting(), self.person, pk=segment_id)
        undone = undo.undo(
            user=self.person,
            segment=segment,
            decision_id=values.get("decision"),
            operation_id=values.get("operation_id"),
        )
        return Response(
            {
                "undone": DecisionOut(undone.decision).data,
                "segments": live(self.person, undone.segments),
                "retired": [str(pk) for pk in undone.retired],
                "leases": passed(undone.leases),
            }
        )
