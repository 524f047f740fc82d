"""Double annotation: two people read a segment blind, and their texts are compared.

What the two write never enters the segment before both are done: until then the segment, its revisions,
its history, every list, search and export hold the machine's text, so nothing has to be hidden from anybody.
Which segments are read twice is drawn by the project's seed (`annotation_blind` in the database). Where the
two are too far apart, `services.disputes` has a third person decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from annotation.errors import Conflict
from annotation.models import Decision, Draft, Pair, Project, Reading, Revision, Segment, User
from annotation.selectors import machine_of
from annotation.services import leases, sampling
from annotation.services.checks import check, warnings_of
from annotation.services.clock import ClockTimestamp
from annotation.services.decisions import PROFILE, Evidence, Wording, decision_of, record
from annotation.services.segments import announce, circumstances, refusal
from annotation.states import OPEN_PAIRS, Choice, DecisionKind, PairState, SegmentState, Source
from transcription.text.metrics import ErrorCounts, count_errors


@dataclass(frozen=True, slots=True)
class Agreement:
    """Count the edits between two texts; neither is the reference."""

    words: ErrorCounts
    """Edits that lead from the first to the second, over the words of the first."""
    characters: ErrorCounts

    @property
    def wer(self) -> float:
        """Return the symmetric word error rate, 0 to 2: edits over the mean length of both."""
        return symmetric(self.words)

    @property
    def cer(self) -> float:
        """Return the symmetric character error rate, 0 to 2."""
        return symmetric(self.characters)


def compare(first: str, second: str) -> Agreement:
    """Count the edits between two texts, by the profile of all figures of quality."""
    return Agreement(
        count_errors(first, second, profile=PROFILE),
        count_errors(first, second, unit="character", profile=PROFILE),
    )


def other_length(counts: ErrorCounts) -> int:
    """Return the length of the text that is not the reference."""
    return counts.reference_length - counts.deletions + counts.insertions


def symmetric(counts: ErrorCounts) -> float:
    """Return edits over the mean length of both texts: 0 for two empty ones, 2 where only one is empty."""
    return _symmetric(counts.errors, counts.reference_length + other_length(counts))


def rate(pair: Pair) -> float | None:
    """Return the symmetric word error rate of a pair, by its counts; None before it is compared."""
    if pair.first_words is None or pair.second_words is None:
        return None
    edits = (pair.substitutions or 0) + (pair.deletions or 0) + (pair.insertions or 0)
    return _symmetric(edits, pair.first_words + pair.second_words)


def character_rate(pair: Pair) -> float | None:
    """Return the symmetric character error rate of a pair; None before it is compared."""
    if pair.first_characters is None or pair.second_characters is None:
        return None
    return _symmetric(pair.character_edits or 0, pair.first_characters + pair.second_characters)


def _symmetric(edits: int, both: int) -> float:
    return 2 * edits / both if both else 0.0


def is_blind(segment: Segment) -> bool:
    """Say whether what is written about the segment goes into a reading."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT annotation_blind(%s)", [segment.pk])
        row = cursor.fetchone()
    return bool(row and row[0])


@dataclass(frozen=True, slots=True)
class Act:
    """Hold a decision about a text as `services.segments.decide` has cleaned it."""

    kind: DecisionKind
    text: str | None
    """None = as it stands."""
    reason: str
    base_revision: int
    lease: int | None
    operation_id: UUID | None
    evidence: Evidence
    release: bool


def read(*, user: User, segment: Segment, act: Act) -> tuple[Segment, Decision]:
    """Keep a decision about a segment that is read twice; `services.segments.decide` leads here.

    Returns the segment as its reader sees it (`as_read`) and the decision. Until the second reading is there
    a person may change theirs by deciding again. Raises what `decide` raises, and Conflict with the code
    `being_settled` once two others have read it.
    """
    with transaction.atomic():
        now = Segment.everything.select_for_update(of=("self",), no_key=True)
        row = now.select_related("project", "recording", "locked_by", "annotator").get(pk=segment.pk)
        held = leases.live([row.pk]).get(row.pk)
        foreign = held is not None and (
            held.holder_id != user.pk or (act.lease is not None and held.token != act.lease)
        )
        if row.retired_at is not None or row.locked or row.revision != act.base_revision or foreign:
            raise refusal(row, act.base_revision, user, mine=act.text)
        if act.operation_id is not None:
            done = decision_of(row, act.operation_id)
            if done is not None:
                return as_read(row, user), done
        pair, _ = Pair.objects.get_or_create(segment=row, defaults={"project_id": row.project_id})
        readings = {one.author_id: one for one in pair.readings.all()}
        if pair.state != PairState.READING or (len(readings) == 2 and user.pk not in readings):
            raise Conflict(
                "Two people have read this segment; a reviewer decides between their texts.",
                code="being_settled",
            )
        said = row.text if act.text is None else act.text
        accepted = act.kind == DecisionKind.SAVE and said == row.text
        kind = DecisionKind.ACCEPT if accepted else act.kind
        values = {"kind": kind, "text": said, "reason": act.reason, "base_revision": act.base_revision}
        if user.pk in readings:
            Reading.objects.filter(pk=readings[user.pk].pk).update(**values, changed_at=ClockTimestamp())
        else:
            Reading.objects.create(pair=pair, segment=row, place=len(readings) + 1, author=user, **values)
        machine = machine_of(row)
        known = circumstances(row, act.evidence.heard_share, machine.text if machine else None)
        decision = record(
            user=user,
            segment=row,
            kind=kind,
            reason=act.reason,
            evidence=act.evidence,
            warned=warnings_of(check(said, known)),
            wording=Wording(said, machine) if kind in (DecisionKind.SAVE, DecisionKind.ACCEPT) else None,
            # It left nothing that others could see, and nothing that an undo could put back.
            before={},
            after={},
            operation_id=act.operation_id,
        )
        sampling.score_gold(row, user, kind, said, decision)
        Draft.objects.filter(segment=row, author=user).delete()
        if act.release and leases.end(row.pk, user):
            leases.announce(row, None)
        if pair.readings.count() == 2:
            _close(pair, row)
    return as_read(row, user), decision


def as_read(segment: Segment, user: User) -> Segment:
    """Show a segment to one of its readers: with their own text in it, as if it were an ordinary one."""
    overlay(user, [segment])
    return segment


def overlay(user: User, segments: Sequence[Segment]) -> None:
    """Put a person's own readings into the segments they are shown; nothing is saved by that."""
    wanted = [row.pk for row in segments if row.state in (SegmentState.DRAFT, SegmentState.REFINED)]
    if not wanted:
        return
    mine = Reading.objects.filter(segment__in=wanted, author=user, pair__state__in=OPEN_PAIRS)
    found = {one.segment_id: one for one in mine}
    for row in segments:
        own = found.get(row.pk)
        if own is not None:
            row.text, row.annotator, row.source = own.text, user, Source.HUMAN
            row.state = SegmentState.SKIPPED if own.kind == DecisionKind.SKIP else SegmentState.CORRECTED


def _close(pair: Pair, segment: Segment) -> None:
    """Compare the two readings: near enough, the first becomes the text; else a third person is asked."""
    first, second = pair.readings.select_related("author").order_by("place")
    # Who skips says that nothing is to be written there; the text in it is the machine's.
    found = compare(*("" if one.kind == DecisionKind.SKIP else one.text for one in (first, second)))
    skipped = [one.kind == DecisionKind.SKIP for one in (first, second)]
    agreed = all(skipped) or (not any(skipped) and found.wer <= segment.project.dispute_above + 1e-9)
    values: dict[str, Any] = {
        "profile": PROFILE,
        "substitutions": found.words.substitutions,
        "deletions": found.words.deletions,
        "insertions": found.words.insertions,
        "first_words": found.words.reference_length,
        "second_words": other_length(found.words),
        "character_edits": found.characters.errors,
        "first_characters": found.characters.reference_length,
        "second_characters": other_length(found.characters),
        "limit": segment.project.dispute_above,
        "compared_at": ClockTimestamp(),
    }
    if agreed:
        number = publish(segment, first.text, first.author, skipped=all(skipped))
        values |= {"choice": Choice.FIRST, "revision": number, "settled_at": ClockTimestamp()}
    state = PairState.AGREED if agreed else PairState.DISPUTED
    Pair.objects.filter(pk=pair.pk, state=PairState.READING).update(state=state, **values)


def publish(segment: Segment, text: str, author: User, *, skipped: bool) -> int:
    """Make a text the segment's own, as a revision of its author; return its number."""
    number = segment.revision + 1
    state = SegmentState.SKIPPED if skipped else SegmentState.CORRECTED
    # Who skips leaves the text to whoever wrote it.
    source = segment.source if skipped and text == segment.text else Source.HUMAN
    rows = Segment.objects.filter(pk=segment.pk, revision=segment.revision, locked=False)
    if not rows.update(
        text=text,
        revision=number,
        source=source,
        state=state,
        annotator=author,
        return_reason="",
        updated_at=ClockTimestamp(),
    ):
        raise Conflict("The segment was changed meanwhile; look at it again.", code="changed")
    Revision.objects.create(
        segment=segment, number=number, base=segment.revision, text=text, source=source, author=author
    )
    segment.text, segment.revision, segment.source = text, number, source
    segment.state, segment.annotator = state, author
    sampling.note_decided(segment.project, segment, author)
    announce(segment, revision=number, state=state, kind="pair", by=author.get_username())
    return number


AGREEMENT: Final = """
SELECT count(*) FILTER (WHERE compared_at IS NOT NULL), count(*) FILTER (WHERE state = 'agreed'),
       count(*) FILTER (WHERE state = 'disputed'), count(*) FILTER (WHERE state = 'settled'),
       count(*) FILTER (WHERE state = 'reading'),
       coalesce(sum(substitutions + deletions + insertions), 0)::bigint,
       coalesce(sum(first_words + second_words), 0)::bigint,
       coalesce(sum(character_edits), 0)::bigint,
       coalesce(sum(first_characters + second_characters), 0)::bigint,
       string_agg(DISTINCT nullif(profile, ''), ', ')
  FROM annotation_pair WHERE project_id = %s
"""


def agreement(project: Project) -> dict[str, Any]:
    """Return how far readers agree in a project: pairs by outcome, and symmetric error rates, pooled."""
    with connection.cursor() as cursor:
        cursor.execute(AGREEMENT, [project.pk])
        compared, agreed, disputed, settled, reading, *counts = cursor.fetchone()
    edits, words, letter_edits, letters, profiles = counts
    return {
        "compared": compared,
        "agreed": agreed,
        "disputed": disputed,
        "settled": settled,
        "reading": reading,
        "edits": edits,
        "words": words,
        "character_edits": letter_edits,
        "characters": letters,
        "wer": 2 * edits / words if words else None,
        "cer": 2 * letter_edits / letters if letters else None,
        "profile": profiles or PROFILE,
    }
