"""Segments: read them, save them, hold, finish and reopen them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.detail import acted_on, for_acting, shown
from annotation.api.docs import PAGING, operation, page_of, text
from annotation.api.pagination import BY_RISK, BY_TIME, Key, paginated
from annotation.api.queue_serializers import LeaseIn
from annotation.api.segment_serializers import LeaseOut, LockIn, RevisionOut, SegmentOut, UnlockIn
from annotation.api.work_serializers import (
    ChecksIn,
    ChecksOut,
    DraftIn,
    DraftOut,
    SavedOut,
    SaveIn,
    SegmentDetailOut,
)
from annotation.models import Segment, User
from annotation.permissions import get_visible
from annotation.selectors import SEGMENT_ORDERS, history_of, segments_for, with_details
from annotation.services import drafts, leases, pairs, segments
from annotation.services.checks import check
from annotation.services.decisions import Evidence
from annotation.states import DecisionKind, SegmentState

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
        return paginated(request, rows, ORDERS[order], self._shown)

    def _shown(self, found: Sequence[Segment]) -> list[dict[str, Any]]:
        pairs.overlay(self.person, found)
        return list(SegmentOut(found, many=True, context={"user": self.person}).data)


class OfSegment(ApiView):
    """Views of one segment."""

    def with_details(self, segment_id: int) -> Any:
        """Return the segment with its hypotheses and lease, retired or not."""
        return get_visible(with_details(for_acting()), self.person, pk=segment_id)

    def shown(self, segment_id: int) -> dict[str, Any]:
        """Return the segment with its hypotheses, as it is now."""
        row = acted_on(self.person, segment_id, details=True)
        pairs.overlay(self.person, [row])
        return dict(SegmentOut(row, context={"user": self.person}).data)


class SegmentDetail(OfSegment):
    """One row."""

    throttle_scopes: ClassVar = {"PATCH": "save"}

    @operation("get_segment", gives=SegmentDetailOut, refuses=(410,))
    def get(self, request: Request, segment_id: int) -> Response:
        """Show a segment with all its page needs: words, your draft, neighbours, history, checks.

        410 `reshaped` names what took the place of a segment that was split, merged or cut anew.
        """
        return Response(shown(self.person, segment_id))

    @operation("save_segment", takes=SaveIn, gives=SavedOut, refuses=(409, 410, 423))
    def patch(self, request: Request, segment_id: int) -> Response:
        """Save, accept, skip or mark as unintelligible, on top of the revision you saw.

        409 `stale_revision` carries both texts and the one they began with when somebody was faster; 423
        `locked` or `leased` names who holds the row. An act repeated with its `operation_id` is answered as
        it was the first time. Checks warn and never refuse.
        """
        # Read once: what is answered is what was read, brought up to date by what was written. A row that was
        # reshaped is let through to the service, which knows whether this very act was done before that.
        segment: Any = self.with_details(segment_id)
        values = self.valid(SaveIn(data=request.data))
        saved: Any
        saved, decision = segments.decide(
            user=self.person,
            segment=segment,
            kind=DecisionKind(values["decision"]),
            text=values.get("text"),
            base_revision=values["base_revision"],
            lease=values.get("lease"),
            operation_id=values.get("operation_id"),
            reason=values.get("reason", ""),
            evidence=evidence_of(values),
            release=values["release"],
        )
        if saved is not segment:
            saved = self.with_details(segment_id)
            pairs.overlay(self.person, [saved])
        elif values["release"] and (segment.lease_more or {}).get("id") == self.person.pk:
            segment.lease_holder = segment.lease_until = segment.lease_more = None
        saved.decided = decision
        share = values.get("heard_share")
        saved.checks_found = check(saved.text, segments.circumstances(saved, share))
        return Response(SavedOut(saved, context={"user": self.person}).data)


def evidence_of(values: dict[str, Any]) -> Evidence:
    """Return how a decision came about, as the page says."""
    return Evidence(
        heard_share=values.get("heard_share"),
        active_ms=values.get("active_ms"),
        overrode=values.get("overrode", ()),
    )


class SegmentChecks(OfSegment):
    """Looking over a text before it is saved."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("check_segment", takes=ChecksIn, gives=ChecksOut, refuses=(410,))
    def post(self, request: Request, segment_id: int) -> Response:
        """Say what is probably wrong with a text for this segment; nothing is changed."""
        segment = acted_on(self.person, segment_id)
        values = self.valid(ChecksIn(data=request.data))
        found = check(values["text"], segments.circumstances(segment, values.get("heard_share")))
        return Response(ChecksOut({"checks": found}).data)


class SegmentDraft(OfSegment):
    """What you are typing and have not saved."""

    throttle_scopes: ClassVar = {"PUT": "save", "DELETE": "save"}

    @operation("keep_draft", takes=DraftIn, gives=DraftOut, refuses=(410,))
    def put(self, request: Request, segment_id: int) -> Response:
        """Keep what you are typing, for you alone; it changes no segment and is in no export."""
        segment = acted_on(self.person, segment_id)
        values = self.valid(DraftIn(data=request.data))
        draft = drafts.keep(user=self.person, segment=segment, **values)
        shown = {
            "text": draft.text,
            "base_revision": draft.base_revision,
            "at": draft.at,
            "revision": segment.revision,
            "stale": draft.base_revision != segment.revision,
            "checks": check(draft.text, segments.circumstances(segment)),
        }
        return Response(DraftOut(shown).data)

    @operation("drop_draft", gives=None, status=204)
    def delete(self, request: Request, segment_id: int) -> Response:
        """Throw your draft away; that there is none is no error."""
        drafts.drop(user=self.person, segment=get_visible(for_acting(), self.person, pk=segment_id))
        return Response(status=204)


class SegmentLease(OfSegment):
    """Who is editing a row."""

    throttle_scopes: ClassVar = {"POST": "save", "DELETE": "save"}

    @operation("lease_segment", takes=LeaseIn, gives=LeaseOut, refuses=(410, 423))
    def post(self, request: Request, segment_id: int) -> Response:
        """Take the lease on a segment for your tab, or renew it; send it again before `expires_at`.

        423 `leased` says who holds it; `yours` there means another tab of yours, from which `take` moves it.
        """
        segment = acted_on(self.person, segment_id)
        values = self.valid(LeaseIn(data=request.data))
        held = leases.acquire(user=self.person, segment=segment, **values)
        return Response(lease_out(self.person, held))

    @operation("release_segment", gives=None, status=204, query=(text("client", "Only this tab's."),))
    def delete(self, request: Request, segment_id: int) -> Response:
        """Give your lease back; giving back what you do not hold changes nothing."""
        self.only_query("client")
        segment = get_visible(for_acting(), self.person, pk=segment_id)
        leases.release(user=self.person, segment=segment, client=self.word("client", 64))
        return Response(status=204)


class SegmentAsk(OfSegment):
    """Asking for a row that somebody else holds."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("ask_for_segment", gives=None, status=204, refuses=(409, 410))
    def post(self, request: Request, segment_id: int) -> Response:
        """Ask whoever edits a segment to hand it over; 409 where nobody else holds it."""
        leases.ask(user=self.person, segment=acted_on(self.person, segment_id))
        return Response(status=204)


def lease_out(person: User, held: leases.Held) -> dict[str, Any]:
    """Show a lease to its holder."""
    return {
        "token": str(held.token),
        "holder": person.get_username(),
        "name": leases.display_name(person),
        "expires_at": held.expires_at,
    }


class SegmentLock(OfSegment):
    """Finishing a row."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("lock_segment", takes=LockIn, gives=SegmentOut, refuses=(409, 410))
    def post(self, request: Request, segment_id: int) -> Response:
        """Finish a segment: saves are refused until somebody entitled unlocks it."""
        segment = acted_on(self.person, segment_id)
        values = self.valid(LockIn(data=request.data))
        segments.lock(user=self.person, segment=segment, base_revision=values.get("base_revision"))
        return Response(self.shown(segment_id))


class SegmentUnlock(OfSegment):
    """Reopening a row."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("unlock_segment", takes=UnlockIn, gives=SegmentOut, refuses=(409, 410))
    def post(self, request: Request, segment_id: int) -> Response:
        """Reopen a finished segment; the reason is kept in the audit."""
        segment = acted_on(self.person, segment_id)
        values = self.valid(UnlockIn(data=request.data))
        segments.unlock(user=self.person, segment=segment, reason=values["reason"])
        return Response(self.shown(segment_id))


class SegmentHistory(OfSegment):
    """Every version of a row."""

    @operation("segment_history", gives=page_of(RevisionOut), query=PAGING)
    def get(self, request: Request, segment_id: int) -> Response:
        """List every version of a segment's text, newest first: who, when, source, text.

        Answered for segments that were reshaped, too: history outlives them.
        """
        self.only_query("cursor", "page_size")
        rows = history_of(get_visible(for_acting(), self.person, pk=segment_id))
        return paginated(request, rows, LATEST, lambda found: list(RevisionOut(found, many=True).data))
