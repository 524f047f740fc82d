"""Everything a page shows of one segment, gathered in a fixed number of reads."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Q, QuerySet

from annotation.api.work_serializers import detail_out
from annotation.models import Decision, Draft, Segment, User
from annotation.permissions import get_visible
from annotation.selectors import machine_text_of, with_details
from annotation.services import comments, leases, pairs, shapes
from annotation.services.checks import check
from annotation.services.segments import circumstances

HISTORY: Final = 5


def for_acting() -> QuerySet[Segment]:
    """Return segments, retired ones too, with what services and answers need of their surroundings."""
    return Segment.everything.select_related("project", "recording", "locked_by", "annotator")


def acted_on(person: User, segment_id: int, *, details: bool = False) -> Segment:
    """Return the segment an act is about; NotFound, or Reshaped with what took its place."""
    rows = with_details(for_acting()) if details else for_acting()
    segment = get_visible(rows, person, pk=segment_id)
    if segment.retired_at is not None:
        raise leases.reshaped_error(segment)
    return segment


def shown(person: User, segment_id: int) -> dict[str, Any]:
    """Return a segment with everything its page shows."""
    segment: Any = acted_on(person, segment_id, details=True)
    pairs.overlay(person, [segment])
    gather(person, segment)
    kinds = {d.after[str(segment.pk)]: d.kind for d in segment.recent_decisions}
    return detail_out(segment, user=person, kinds=kinds)


def gather(person: User, segment: Any) -> None:
    """Put on a segment what `SegmentDetailOut` shows besides its own fields."""
    name = str(segment.pk)
    decisions = Decision.objects.select_related("author", "undone_by").filter(segment=segment)
    segment.recent_decisions = [d for d in decisions.order_by("-pk")[: HISTORY * 2] if name in d.after]
    segment.last_decision = next((d for d in segment.recent_decisions if d.kind != "undo"), None)
    segment.newest_revisions = list(segment.revisions.select_related("author").order_by("-number")[:HISTORY])
    segment.machine_text = machine_text_of(segment)
    segment.draft = Draft.objects.filter(segment=segment, author=person).first()
    segment.about = circumstances(segment)
    segment.checks_found = check(segment.text, segment.about)
    links = Segment.parents.through.objects.filter(from_segment=segment.pk).order_by("to_segment")
    segment.parent_ids = [str(pk) for pk in links.values_list("to_segment", flat=True)]
    segment.open_comments = comments.count_open(person, segment)
    earlier = Q(start_ms__lt=segment.start_ms) | Q(start_ms=segment.start_ms, pk__lt=segment.pk)
    beside = Segment.objects.filter(recording=segment.recording_id)
    segment.index = beside.filter(earlier).count()
    previous, following = shapes.neighbours_of(segment)
    segment.neighbours = {"previous": previous, "next": following}
    room = shapes.room_between(segment, previous, following)
    segment.edges = {
        "earliest_ms": room.earliest_ms,
        "latest_ms": room.latest_ms,
        "shortest_ms": shapes.SHORTEST_MS,
        "longest_ms": shapes.LONGEST_MS,
    }
