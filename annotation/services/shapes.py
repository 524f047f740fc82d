"""Change the shape of segments: split, merge, move the edges, set the speaker.

Each is one transaction that names the revisions its writer saw, and leaves a revision and a decision, so it
can be undone. What is split or merged is retired, never deleted: its revisions, hypotheses and drafts stay,
and what took its place knows it as a parent. A row that is locked, or that somebody else is editing, stays
as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan

from annotation import progress
from annotation.errors import AnnotationError, Conflict, Invalid
from annotation.models import Decision, Decoding, Reading, Recording, Segment, User
from annotation.permissions import require
from annotation.services import leases, pairs, sampling
from annotation.services.clock import ClockTimestamp
from annotation.services.decisions import NO_EVIDENCE, Evidence, decision_of, record
from annotation.services.offspring import Part, join_text, make
from annotation.services.segments import announce, clean_text, refusal
from annotation.states import (
    EDITABLE_SEGMENTS,
    LIVE_DECODINGS,
    OPEN_PAIRS,
    UNTOUCHED_SEGMENTS,
    DecisionKind,
    SegmentState,
    Source,
)

SHORTEST_MS: Final = 200
"""A shorter segment holds no word and cannot be clicked."""
LONGEST_MS: Final = 30_000
"""What a model hears at once."""
MAX_SPEAKER: Final = 100


@dataclass(frozen=True, slots=True)
class Grip:
    """Say what a person saw and held when they changed a shape."""

    base_revision: int
    lease: int | None = None
    client: str = ""
    operation_id: UUID | None = None
    evidence: Evidence = NO_EVIDENCE


@dataclass(frozen=True, slots=True)
class Reshaped:
    """Tell what came of it: the live segments by time, the retired ones, and the leases that passed on."""

    decision: Decision
    segments: tuple[int, ...]
    retired: tuple[int, ...] = ()
    leases: tuple[tuple[int, leases.Held], ...] = ()


def split(
    *, user: User, segment: Segment, at_ms: int, offset: int, grip: Grip, text: object = None
) -> Reshaped:
    """Cut a segment in two at `at_ms` of the recording; its text at `offset`, in UTF-16 code units.

    With `text`, what stands in the person's box and was not saved, the offset counts in it and both parts
    are the person's. Raises Invalid for a cut that leaves a part too short.
    """

    def act() -> Reshaped:
        (row,) = _hold(user, [(segment.pk, grip.base_revision)], grip)
        if not row.start_ms + SHORTEST_MS <= at_ms <= row.end_ms - SHORTEST_MS:
            raise Invalid(
                f"Cut at least {SHORTEST_MS} ms from both ends of the segment.",
                at_ms=f"{row.start_ms + SHORTEST_MS} to {row.end_ms - SHORTEST_MS}",
            )
        whole = row.text if text is None else _typed(text)
        left, right = cut_text(whole, offset)
        typed = None if text is None or clean_text(text) == row.text else clean_text(text)
        parts = [
            Part(row.start_ms, at_ms, clean_text(left), row.speaker),
            Part(at_ms, row.end_ms, clean_text(right), row.speaker),
        ]
        return _replace(user, [row], parts, DecisionKind.SPLIT, grip, typed)

    return _once(user, segment, grip, DecisionKind.SPLIT, act)


def merge(
    *,
    user: User,
    segment: Segment,
    following: int,
    following_revision: int,
    grip: Grip,
    text: object = None,
) -> Reshaped:
    """Join a segment with the one after it on its channel; `text` is the person's box, if not saved."""

    def act() -> Reshaped:
        wanted = [(segment.pk, grip.base_revision), (following, following_revision)]
        if segment.pk == following:
            raise Invalid("A segment cannot be merged with itself.", next="the next segment")
        one, other = _hold(user, wanted, grip)
        _, after = neighbours_of(one)
        if after is None or after.pk != other.pk:
            raise Conflict("Only neighbours can be merged; look at the list again.", code="not_neighbours")
        if other.end_ms - one.start_ms > LONGEST_MS:
            raise Invalid(
                f"Together they are longer than {LONGEST_MS // 1000} s, more than a model hears at once.",
                next=f"at most {LONGEST_MS} ms together",
            )
        mine = one.text if text is None else clean_text(text)
        joined = join_text([mine, other.text], one.language or one.project.language)
        speaker = one.speaker or other.speaker
        end = max(one.end_ms, other.end_ms)
        parts = [Part(one.start_ms, end, clean_text(joined), speaker)]
        typed = None if mine == one.text else mine
        return _replace(user, [one, other], parts, DecisionKind.MERGE, grip, typed)

    return _once(user, segment, grip, DecisionKind.MERGE, act)


def move_edges(*, user: User, segment: Segment, start_ms: int, end_ms: int, grip: Grip) -> Reshaped:
    """Give a segment other edges, within its neighbours; the text stays."""

    def act() -> Reshaped:
        (row,) = _hold(user, [(segment.pk, grip.base_revision)], grip)
        room = room_of(row)
        length = end_ms - start_ms
        fits = room.earliest_ms <= start_ms and end_ms <= room.latest_ms
        if not (fits and SHORTEST_MS <= length <= max(LONGEST_MS, row.end_ms - row.start_ms)):
            raise Invalid(
                "The edges stay between the neighbours, and the segment neither too short nor too long.",
                start_ms=f"from {room.earliest_ms}",
                end_ms=f"to {room.latest_ms}, {SHORTEST_MS} to {LONGEST_MS} ms after the start",
            )
        return _alter(user, row, DecisionKind.EDGES, grip, start_ms=start_ms, end_ms=end_ms)

    return _once(user, segment, grip, DecisionKind.EDGES, act)


def set_speaker(*, user: User, segment: Segment, speaker: object, grip: Grip) -> Reshaped:
    """Say who speaks in a segment; empty = not known."""
    name = clean_text(speaker, field="speaker", longest=MAX_SPEAKER)
    if "\n" in name or "\t" in name:
        raise Invalid("A speaker's name is one line.", speaker="one line")

    def act() -> Reshaped:
        (row,) = _hold(user, [(segment.pk, grip.base_revision)], grip)
        return _alter(user, row, DecisionKind.SPEAKER, grip, speaker=name)

    return _once(user, segment, grip, DecisionKind.SPEAKER, act)


@dataclass(frozen=True, slots=True)
class Room:
    """Tell how far the edges of a segment may go."""

    earliest_ms: int
    latest_ms: int


def room_of(segment: Segment) -> Room:
    """Return how far the edges of a segment may go: to its neighbours, or the ends of the recording."""
    return room_between(segment, *neighbours_of(segment))


def room_between(segment: Segment, before: Segment | None, after: Segment | None) -> Room:
    """Return how far the edges of a segment may go between the segments before and after it."""
    ends = segment.recording.duration_ms or segment.end_ms
    return Room(
        # Neighbours that overlap already are left alone: nothing is pushed by asking.
        earliest_ms=min(before.end_ms, segment.start_ms) if before else 0,
        latest_ms=max(after.start_ms, segment.end_ms) if after else max(ends, segment.end_ms),
    )


def neighbours_of(segment: Segment) -> tuple[Segment | None, Segment | None]:
    """Return the segments before and after one, by time, on the same channel."""
    rows = Segment.objects.filter(recording=segment.recording_id, channel=segment.channel)
    place = (segment.start_ms, segment.pk)
    order = Tuple(F("start_ms"), F("id"))
    return (
        rows.filter(TupleLessThan(order, place)).order_by("-start_ms", "-id").first(),
        rows.filter(TupleGreaterThan(order, place)).order_by("start_ms", "id").first(),
    )


def cut_text(text: str, offset: int) -> tuple[str, str]:
    """Return the text before and after `offset`, which counts UTF-16 code units; Invalid when outside."""
    whole = text.encode("utf-16-le")
    if not 0 <= offset * 2 <= len(whole):
        raise Invalid("The offset lies outside the text.", offset=f"0 to {len(whole) // 2}")
    try:
        return whole[: offset * 2].decode("utf-16-le"), whole[offset * 2 :].decode("utf-16-le")
    except UnicodeDecodeError:
        raise Invalid("The offset lies within a character.", offset="between characters") from None


def _typed(text: object) -> str:
    """Check a text as it stands in a box without trimming it: an offset counts in it."""
    clean_text(text)
    return str(text)


def _once(
    user: User, segment: Segment, grip: Grip, kind: DecisionKind, act: Callable[[], Reshaped]
) -> Reshaped:
    """Do an act in one transaction, unless it was done before: then return what that made."""
    require(user, "edit", segment.project)
    leases.check_client(grip.client)
    done = _done_before(segment, grip, kind)
    if done is not None:
        return done
    try:
        with transaction.atomic():
            take_turn(segment.recording_id)
            return act()
    except AnnotationError:
        # The same act may have been done by a request that is being answered at this moment.
        done = _done_before(segment, grip, kind)
        if done is None:
            raise
        return done


def take_turn(recording_id: int) -> None:
    """Wait until nobody else changes the shapes of a recording, to the end of the transaction.

    How far an edge may go depends on neighbours that are not locked: two people who move theirs towards each
    other would both find room. Not `FOR UPDATE`, which would wait for everybody who writes a segment, too.
    """
    Recording.objects.select_for_update(no_key=True).only("pk").get(pk=recording_id)


def _done_before(segment: Segment, grip: Grip, kind: DecisionKind) -> Reshaped | None:
    if grip.operation_id is None:
        return None
    done = decision_of(segment, grip.operation_id)
    if done is None:
        return None
    if done.kind != kind:
        raise Conflict("This operation id was used for something else; make a new one.")
    live = Segment.objects.filter(pk__in=[int(pk) for pk in done.after]).order_by("start_ms", "id")
    retired = [int(pk) for pk in done.before if pk not in done.after]
    return Reshaped(done, tuple(live.values_list("pk", flat=True)), tuple(retired))


def _hold(user: User, wanted: Sequence[tuple[int, int]], grip: Grip) -> list[Segment]:
    """Lock the rows and return them as asked for; raise unless each may be changed as it was seen."""
    rows = {
        row.pk: row
        for row in Segment.everything.select_for_update(of=("self",))
        .select_related("project", "recording", "locked_by")
        .filter(pk__in=[pk for pk, _ in wanted])
        .order_by("pk")
    }
    held = leases.live([pk for pk, _ in wanted])
    found: list[Segment] = []
    for number, (pk, revision) in enumerate(wanted):
        row = rows.get(pk)
        if row is None or (found and row.recording_id != found[0].recording_id):
            raise Invalid("There is no such segment in this recording.", next="the next segment")
        lease = held.get(pk)
        token = grip.lease if number == 0 else None
        foreign = lease is not None and (
            lease.holder_id != user.pk or (token is not None and lease.token != token)
        )
        stale = row.retired_at is not None or row.revision != revision
        if stale or row.locked or foreign or row.state not in EDITABLE_SEGMENTS:
            raise refusal(row, revision, user)
        if Reading.objects.filter(segment=row, pair__state__in=OPEN_PAIRS).exists():
            raise Conflict(
                "This segment is being read by two people; its shape stays until they are compared.",
                code="being_read",
            )
        if row.state == SegmentState.PENDING and _being_heard(row):
            raise Conflict(
                "A model is still working on this segment. Change its shape once its text is there.",
                code="not_heard_yet",
            )
        found.append(row)
    return found


def _being_heard(row: Segment) -> bool:
    return Decoding.objects.filter(
        recording=row.recording_id,
        channel=row.channel,
        state__in=LIVE_DECODINGS,
        start_ms__lt=row.end_ms,
        end_ms__gt=row.start_ms,
    ).exists()


def _replace(
    user: User,
    old: Sequence[Segment],
    parts: Sequence[Part],
    kind: DecisionKind,
    grip: Grip,
    typed: str | None,
) -> Reshaped:
    """Retire the old segments and put new ones in their place, with all that belongs to them.

    `typed` is what the person wrote into the first one and did not save: a decision about it, which counts
    for the second check and for gold as any other.
    """
    first_time = typed is not None and old[0].state in UNTOUCHED_SEGMENTS
    if first_time and pairs.is_blind(old[0]):
        raise Conflict(
            "Two people write this segment down, each by themselves. Change its shape before you type.",
            code="being_read",
        )
    Segment.objects.filter(pk__in=[row.pk for row in old]).update(
        retired_at=ClockTimestamp(), updated_at=ClockTimestamp()
    )
    made = make(user, old, parts, by_hand=typed is not None)
    sampling.pass_on(old, made)
    held = any(leases.end(row.pk, user) for row in old)
    passed = leases.grant(user, [row.pk for row in made], client=grip.client) if held or grip.client else {}
    decision = record(
        user=user,
        segment=old[0],
        kind=kind,
        evidence=grip.evidence,
        before={str(row.pk): {"revision": row.revision} for row in old},
        after={str(row.pk): row.revision for row in made},
        operation_id=grip.operation_id,
    )
    if first_time and typed is not None:
        sampling.score_gold(old[0], user, DecisionKind.SAVE, typed, decision)
        for row in made:
            if row.state == SegmentState.CORRECTED:
                sampling.note_decided(old[0].project, row, user)
    announce_reshaped(old[0], [row.pk for row in old], [row.pk for row in made], user)
    return Reshaped(
        decision,
        tuple(row.pk for row in made),
        tuple(row.pk for row in old),
        tuple(sorted(passed.items())),
    )


def _alter(user: User, row: Segment, kind: DecisionKind, grip: Grip, **values: Any) -> Reshaped:
    """Change a segment in place, as a revision of the same text."""
    before = {name: getattr(row, name) for name in values}
    try:
        with transaction.atomic():
            Segment.objects.filter(pk=row.pk).update(
                revision=row.revision + 1, updated_at=ClockTimestamp(), **values
            )
    except IntegrityError as error:
        raise Conflict("Another segment has just these edges; look at the list again.") from error
    row.revisions.create(
        number=row.revision + 1,
        base=row.revision,
        text=row.text,
        source=row.source or Source.HUMAN,
        author=user,
        operation_id=grip.operation_id,
    )
    decision = record(
        user=user,
        segment=row,
        kind=kind,
        evidence=grip.evidence,
        before={str(row.pk): {"revision": row.revision, "state": row.state, "source": row.source, **before}},
        after={str(row.pk): row.revision + 1},
        operation_id=grip.operation_id,
    )
    announce(row, revision=row.revision + 1, kind=kind, by=user.get_username())
    return Reshaped(decision, (row.pk,))


def announce_reshaped(segment: Segment, retired: Sequence[int], made: Sequence[int], user: User) -> None:
    """Tell open pages that segments took the place of others; they fetch what they show."""
    progress.publish_on_commit(
        segment.project_id,
        "segments.reshaped",
        {
            "recording": str(segment.recording_id),
            "retired": [str(pk) for pk in retired],
            "made": [str(pk) for pk in made],
            "by": user.get_username(),
        },
    )
