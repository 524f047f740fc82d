"""Lay segments over a recording while it is prepared, and take away those that are not to be.

Rows that a person has touched, locked or holds stay whatever is cut anew: text, span and all. The others may
be retired, never deleted, and what is new fits in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import Decoding, Draft, Lease, Reading, Recording, Revision, Segment
from annotation.services.clock import ClockTimestamp
from annotation.services.models import card_of
from annotation.states import LIVE_DECODINGS, UNTOUCHED_SEGMENTS, DecodingState, Segmentation, Source
from transcription.segmentation import Cutting, Kind
from transcription.types import ChannelSpan, Span

SPEAKERS: Final = {1: "Left", 2: "Right"}
"""What the speakers on two channels are called until somebody names them."""
SHORTEST_MS: Final = 200
"""What is left between two kept segments is no segment when it is shorter: it holds no word."""
SENTENCE_PAUSE_MS: Final = 2_000


def cutting_for(
    recording: Recording,
    *,
    segmentation: str | None = None,
    target_ms: int | None = None,
    max_ms: int | None = None,
) -> Cutting:
    """Say how a recording is cut: as told here, else as it says itself, else as its project does."""
    project = recording.project
    wanted = segmentation or recording.segmentation or project.segmentation
    kinds: dict[str, Kind] = {Segmentation.FIXED: "fixed", Segmentation.VOICE: "voice"}
    # A model that hears one sentence at a time wants cuts at shorter pauses; its card says so.
    cards = [card_of(name) for name in (project.draft_model, project.refine_model) if name]
    pauses = [card.pause_ms for card in cards if card is not None and card.pause_ms is not None]
    longest = max_ms or project.segment_max_ms
    target = min(target_ms or project.segment_target_ms, longest)
    return Cutting(
        kind=kinds.get(wanted, "pauses"),
        target_ms=target,
        max_ms=longest,
        min_ms=min(1_000, target),
        pause_ms=min(pauses, default=SENTENCE_PAUSE_MS),
    )


def add(recording: Recording, spans: Sequence[ChannelSpan]) -> None:
    """Write segments that are not there yet. Where a person's segment lies, only what it leaves is taken."""
    if not spans:
        return
    first, last = min(s.span.start_ms for s in spans), max(s.span.end_ms for s in spans)
    near = Segment.objects.filter(recording=recording, start_ms__lt=last, end_ms__gt=first)
    Segment.objects.bulk_create(
        (
            Segment(
                project_id=recording.project_id,
                recording=recording,
                channel=place.channel,
                start_ms=place.span.start_ms,
                end_ms=place.span.end_ms,
                speaker=SPEAKERS.get(place.channel, ""),
            )
            for place in around(spans, places(kept(near)))
        ),
        batch_size=1000,
        ignore_conflicts=True,
    )


def settle(recording: Recording, spans: Sequence[ChannelSpan]) -> None:
    """Make the segments of a recording those that were cut, and those that a person has touched."""
    retired = retire(recording.pk, but=spans)
    add(recording, spans)
    if retired:
        drop_decodings(recording.pk)


def give_up(recording_id: int) -> None:
    """Take back the segments of a recording that turned out to be no good, but those a person touched."""
    if retire(recording_id, but=()):
        drop_decodings(recording_id)


RETIRE: Final = """
UPDATE annotation_segment AS segment
   SET retired_at = clock_timestamp(), updated_at = clock_timestamp()
 WHERE segment.recording_id = %(recording)s AND segment.retired_at IS NULL AND NOT segment.locked
   AND segment.state = ANY(%(untouched)s) AND segment.source <> 'import'
   AND NOT EXISTS (SELECT 1 FROM annotation_revision revision
                    WHERE revision.segment_id = segment.id AND revision.author_id IS NOT NULL)
   AND NOT EXISTS (SELECT 1 FROM annotation_draft draft WHERE draft.segment_id = segment.id)
   AND NOT EXISTS (SELECT 1 FROM annotation_reading reading WHERE reading.segment_id = segment.id)
   AND NOT EXISTS (SELECT 1 FROM annotation_lease lease
                    WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp())
   AND {where}
RETURNING segment.id
"""
"""A save that is on its way when this runs is waited for, and its row is looked at again: it stays."""

BUT: Final = RETIRE.format(
    where="""NOT EXISTS (SELECT 1 FROM unnest(%(channels)s::int[], %(starts)s::bigint[], %(ends)s::bigint[])
                                 AS wanted (channel, start_ms, end_ms)
                    WHERE (wanted.channel, wanted.start_ms, wanted.end_ms)
                          = (segment.channel, segment.start_ms, segment.end_ms))"""
)
UNDER: Final = RETIRE.format(
    where="""segment.external_id = ''
   AND EXISTS (SELECT 1 FROM unnest(%(starts)s::bigint[], %(ends)s::bigint[]) AS row (start_ms, end_ms)
                WHERE row.start_ms < segment.end_ms AND row.end_ms > segment.start_ms)"""
)


def hold(recording_id: int) -> list[Segment]:
    """Lock the live segments of a recording until the end of the transaction, and return them.

    Saves that are on their way are waited for, and leases are looked at afterwards, so that nobody who had a
    row before this moment loses it.
    """
    rows = Segment.objects.filter(recording=recording_id).order_by("pk")
    return list(rows.select_for_update(of=("self",)))


def retire(recording_id: int, *, but: Sequence[ChannelSpan]) -> list[int]:
    """Retire the segments that no person has touched and that are not among `but`; return their ids.

    Call it in a transaction.
    """
    hold(recording_id)
    return _retire(BUT, recording_id, [p.span for p in but], channels=[place.channel for place in but])


def retire_under(recording_id: int, spans: Sequence[Span]) -> list[int]:
    """Retire the segments under `spans` that no person has touched and no table named; return their ids.

    On every channel: a table names none. Call `hold` first, in the same transaction.
    """
    return _retire(UNDER, recording_id, spans)


def _retire(statement: str, recording_id: int, spans: Sequence[Span], **more: list[int]) -> list[int]:
    values: dict[str, Any] = {
        "recording": recording_id,
        "untouched": [state.value for state in UNTOUCHED_SEGMENTS],
        "starts": [span.start_ms for span in spans],
        "ends": [span.end_ms for span in spans],
        **more,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def kept(rows: QuerySet[Segment]) -> QuerySet[Segment]:
    """Narrow rows to those that nothing but a person may change: touched, imported, locked, or held now."""
    mine = OuterRef("pk")
    by_hand = Exists(Revision.objects.filter(segment=mine, author__isnull=False))
    typed = Exists(Draft.objects.filter(segment=mine)) | Exists(Reading.objects.filter(segment=mine))
    held = Exists(Lease.objects.filter(segment=mine, expires_at__gt=ClockTimestamp()))
    imported = Q(source=Source.IMPORT)
    return rows.filter(~Q(state__in=UNTOUCHED_SEGMENTS) | Q(locked=True) | imported | by_hand | typed | held)


def places(rows: QuerySet[Segment]) -> list[ChannelSpan]:
    """Say where segments lie, by channel and time."""
    found = rows.order_by("channel", "start_ms", "end_ms").values_list("channel", "start_ms", "end_ms")
    return [ChannelSpan(channel, Span(start, end)) for channel, start, end in found]


def around(spans: Iterable[ChannelSpan], taken: Sequence[ChannelSpan]) -> list[ChannelSpan]:
    """Give what `taken` (by time) leaves of `spans`, each a piece of one of them and worth having."""
    left = []
    for place in spans:
        at, end = place.span.start_ms, place.span.end_ms
        pieces = []
        for other in taken:
            if other.channel != place.channel or other.span.end_ms <= at or other.span.start_ms >= end:
                continue
            pieces.append((at, other.span.start_ms))
            at = other.span.end_ms
        pieces.append((at, end))
        whole = len(pieces) == 1
        left += [
            ChannelSpan(place.channel, Span(start, stop))
            for start, stop in pieces
            if stop - start >= (1 if whole else SHORTEST_MS)
        ]
    return left


DROP: Final = """
SELECT decoding.id FROM annotation_decoding decoding
 WHERE decoding.recording_id = %(recording)s AND decoding.state = ANY(%(live)s)
   AND (NOT EXISTS (
            SELECT 1 FROM annotation_segment segment
             WHERE segment.recording_id = decoding.recording_id AND segment.retired_at IS NULL
               AND segment.channel = decoding.channel
               AND segment.start_ms >= decoding.start_ms AND segment.end_ms <= decoding.end_ms)
     OR EXISTS (
            SELECT 1 FROM annotation_segment segment
             WHERE segment.recording_id = decoding.recording_id AND segment.retired_at IS NULL
               AND segment.channel = decoding.channel
               AND segment.start_ms < decoding.end_ms AND segment.end_ms > decoding.start_ms
               AND (segment.start_ms < decoding.start_ms OR segment.end_ms > decoding.end_ms)))
 ORDER BY decoding.id FOR UPDATE
"""


def drop_decodings(recording_id: int) -> int:
    """Cancel the live decodings whose window holds no segment any more or cuts through one."""
    with connection.cursor() as cursor:
        cursor.execute(DROP, {"recording": recording_id, "live": [state.value for state in LIVE_DECODINGS]})
        ids = [row[0] for row in cursor.fetchall()]
    return Decoding.objects.filter(pk__in=ids, state__in=LIVE_DECODINGS).update(
        state=DecodingState.CANCELLED, finished_at=ClockTimestamp()
    )
