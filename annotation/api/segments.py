"""Segments: read them, save them, hold, finish and reopen them."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import PAGING, operation, page_of, text
from annotation.api.pagination import BY_RISK, BY_TIME, Key, paginated
from annotation.api.serializers import (
    LeaseOut,
    LockIn,
    RevisionOut,
    SaveIn,
    SegmentOut,
    UnlockIn,
)
from annotation.models import Segment
from annotation.permissions import get_visible
from annotation.selectors import SEGMENT_ORDERS, history_of, segments_for, with_details
from annotation.services import leases, segments
from annotation.states import SegmentState

ORDERS: dict[str, tuple[Key, ...]] = {"time": BY_TIME, "risk": BY_RISK}
LATEST = (Key("number", descending=True),)


class SegmentList(ApiView):
    """The rows people work on."""

    @operation(
        "list_segments",
        gives=page_of(SegmentOut),
        query=(
            text("project"),
            text("recording"),
            text("state", enum=SegmentState.values),
            text("order", "time, or the worst first", enum=list(SEGMENT_ORDERS)),
            text("search", "Part of the text."),
            text("words", "1 = with the words of each hypothesis.", enum=["0", "1"]),
            *PAGING,
        ),
    )
    def get(self, request: Request) -> Response:
        """List segments by time or by risk, with their lease, hypotheses and suggestion."""
        self.only_query("project", "recording", "state", "order", "search", "words", "cursor", "page_size")
        order = self.word("order") or "time"
        rows = segments_for(
            self.person,
            project=self.number("project"),
            recording=self.number("recording"),
            state=self.word("state"),
            order=order,
            search=self.word("search"),
            words=self.number("words", 0, 0, 1) == 1,
        )
        return paginated(request, rows, ORDERS[order], lambda found: list(SegmentOut(found, many=True).data))


class _OfSegment(ApiView):
    def segment(self, segment_id: int) -> Segment:
        """Return the segment a change is about, or NotFound."""
        rows = Segment.objects.select_related("project", "recording", "locked_by")
        return get_visible(rows, self.person, pk=segment_id)

    def shown(self, segment_id: int) -> dict[str, Any]:
        """Return the segment in full, as it is now."""
        rows = with_details(Segment.objects.select_related("recording", "locked_by"))
        return dict(SegmentOut(get_visible(rows, self.person, pk=segment_id)).data)


class SegmentDetail(_OfSegment):
    """One row."""

    throttle_scopes: ClassVar = {"PATCH": "save"}

    @operation("get_segment", gives=SegmentOut)
    def get(self, request: Request, segment_id: int) -> Response:
        """Show a segment with the words of each hypothesis."""
        return Response(self.shown(segment_id))

    @operation("save_segment", takes=SaveIn, gives=SegmentOut, refuses=(409, 423))
    def patch(self, request: Request, segment_id: int) -> Response:
        """Write a new revision on top of the one you saw.

        409 `stale_revision` carries both texts when somebody was faster; 423 `locked` or `leased` names
        who holds the row. A save repeated with its `operation_id` is answered as it was the first time.
        """
        segment = self.segment(segment_id)
        values = self.valid(SaveIn(data=request.data))
        segments.save_text(
            user=self.person,
            segment=segment,
            text=values["text"],
            base_revision=values["base_revision"],
            lease=values.get("lease"),
            operation_id=values.get("operation_id"),
        )
        return Response(self.shown(segment_id))


class SegmentLease(_OfSegment):
    """Who is editing a row."""

    throttle_scopes: ClassVar = {"POST": "save", "DELETE": "save"}

    @operation("lease_segment", gives=LeaseOut, refuses=(423,))
    def post(self, request: Request, segment_id: int) -> Response:
        """Take the lease on a segment, or renew yours; send it again before `expires_at`."""
        held = leases.acquire(user=self.person, segment=self.segment(segment_id))
        return Response(
            {
                "token": str(held.token),
                "holder": self.person.get_username(),
                "expires_at": held.expires_at,
            }
        )

    @operation("release_segment", gives=None, status=204)
    def delete(self, request: Request, segment_id: int) -> Response:
        """Give your lease back; giving back what you do not hold changes nothing."""
        leases.release(user=self.person, segment=self.segment(segment_id))
        return Response(status=204)


class SegmentLock(_OfSegment):
    """Finishing a row."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("lock_segment", takes=LockIn, gives=SegmentOut, refuses=(409,))
    def post(self, request: Request, segment_id: int) -> Response:
        """Finish a segment: saves are refused until somebody entitled unlocks it."""
        segment = self.segment(segment_id)
        values = self.valid(LockIn(data=request.data))
        segments.lock(user=self.person, segment=segment, base_revision=values.get("base_revision"))
        return Response(self.shown(segment_id))


class SegmentUnlock(_OfSegment):
    """Reopening a row."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("unlock_segment", takes=UnlockIn, gives=SegmentOut, refuses=(409,))
    def post(self, request: Request, segment_id: int) -> Response:
        """Reopen a finished segment; the reason is kept in the audit."""
        segment = self.segment(segment_id)
        values = self.valid(UnlockIn(data=request.data))
        segments.unlock(user=self.person, segment=segment, reason=values["reason"])
        return Response(self.shown(segment_id))


class SegmentHistory(_OfSegment):
    """Every version of a row."""

    @operation("segment_history", gives=page_of(RevisionOut), query=PAGING)
    def get(self, request: Request, segment_id: int) -> Response:
        """List every version of a segment's text, newest first: who, when, source, text."""
        self.only_query("cursor", "page_size")
        rows = history_of(self.segment(segment_id))
        return paginated(request, rows, LATEST, lambda found: list(RevisionOut(found, many=True).data))
