"""Make segments out of segments: deal text, words and hypotheses of the old ones to the new ones.

Nothing a person wrote is lost: the old segments keep their revisions, and a part whose text is a person's
begins with its share of the machine's text and has the person's on top, as the old one had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import IntegrityError, transaction

from annotation.errors import Conflict
from annotation.models import Hypothesis, Revision, Segment, User
from annotation.states import UNTOUCHED_SEGMENTS, Pass, SegmentState, Source
from transcription.dealing import deal, spread
from transcription.types import Span, Word

UNSPACED: Final = frozenset({"zh", "yue", "ja", "th", "lo", "km", "my"})
"""Languages that are written without spaces between words."""

MACHINE: Final = (Source.DRAFT, Source.REFINE)


@dataclass(frozen=True, slots=True)
class Part:
    """Describe one new segment: where it lies, and its text as it is now."""

    start_ms: int
    end_ms: int
    text: str
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one pass heard in the old segments together, and each part's share of it."""

    newest: Hypothesis
    shares: tuple[tuple[Word, ...], ...]
    texts: tuple[str, ...]
    risk: float | None
    reasons: tuple[str, ...]


def join_text(texts: Sequence[str], language: str) -> str:
    """Join texts that were said one after the other, as their language is written."""
    return ("" if language in UNSPACED else " ").join(text for text in texts if text)


def make(user: User, old: Sequence[Segment], parts: Sequence[Part], *, by_hand: bool) -> list[Segment]:
    """Put new segments in the place of retired ones, in the transaction that retired them.

    `by_hand` says that the text of the first one was the person's own and not only their cut.
    """
    state, source = _state(old, by_hand), _source(old, by_hand)
    by_pass = {name: heard for name in Pass if (heard := _together(old, parts, name)) is not None}
    machine, model = _machine(old)
    annotators = [user.pk] if by_hand else [row.annotator_id for row in old if row.annotator_id is not None]
    if state in UNTOUCHED_SEGMENTS:
        annotators = []  # nobody has decided about it
    risks = [row.risk for row in old if row.risk is not None]
    made = []
    for number, part in enumerate(parts):
        segment = Segment(
            project_id=old[0].project_id,
            recording_id=old[0].recording_id,
            channel=old[0].channel,
            start_ms=part.start_ms,
            end_ms=part.end_ms,
            speaker=part.speaker,
            language=next((row.language for row in old if row.language), ""),
            state=state,
            text=part.text,
            source=source,
            risk=max(risks, default=None),
            risk_reasons=list(dict.fromkeys(reason for row in old for reason in row.risk_reasons)),
            annotator_id=next(iter(annotators), None),
            return_reason=next((row.return_reason for row in old if row.return_reason), ""),
        )
        heard = by_pass.get(Pass(machine.value)) if machine is not None else None
        share = heard.texts[number] if heard is not None else None
        revisions = _revisions(segment, user, machine, model, share)
        segment.revision = len(revisions)
        try:
            with transaction.atomic():
                segment.save(force_insert=True)
        except IntegrityError as error:
            raise Conflict("Another segment has just these edges; look at the list again.") from error
        Revision.objects.bulk_create(revisions)
        segment.parents.add(*old)
        Hypothesis.objects.bulk_create(_dealt(segment, heard, number) for heard in by_pass.values())
        made.append(segment)
    return made


def _state(old: Sequence[Segment], by_hand: bool) -> SegmentState:
    if any(row.state == SegmentState.RETURNED for row in old):
        return SegmentState.RETURNED  # still to be looked at, whatever its shape
    states = [SegmentState(row.state) for row in old]
    if by_hand:
        states[0] = SegmentState.CORRECTED  # the box was the first one's
    if len(set(states)) == 1:
        return states[0]
    # Not decided as a whole: what one of them was does not make the others heard.
    return SegmentState.DRAFT if set(states) & set(UNTOUCHED_SEGMENTS) else SegmentState.CORRECTED


def _source(old: Sequence[Segment], by_hand: bool) -> str:
    sources = {row.source for row in old}
    if by_hand:
        return Source.HUMAN
    # What a person wrote is a person's; of machines, the one that heard less.
    order = (Source.HUMAN, Source.IMPORT, Source.DRAFT, Source.REFINE)
    return next((source.value for source in order if source in sources), "")


def _machine(old: Sequence[Segment]) -> tuple[Source | None, str]:
    """Return which pass's text stood in the old segments before any person's, and its model."""
    newest: dict[int, Revision] = {}
    for revision in Revision.objects.filter(segment__in=old, source__in=MACHINE).order_by("number"):
        newest[revision.segment_id] = revision
    if not newest:
        return None, ""
    first = next(iter(newest.values()))
    same = len(newest) == len(old) and all(r.source == Source.REFINE for r in newest.values())
    return (Source.REFINE if same else Source.DRAFT), first.model


def _revisions(
    segment: Segment, user: User, machine: Source | None, model: str, share: str | None
) -> list[Revision]:
    """Return the revisions a new segment begins with: the machine's share, and what a person made of it."""
    if segment.state == SegmentState.PENDING and not segment.text:
        return []
    made: list[Revision] = []

    def add(text: str, source: str, model: str = "") -> None:
        number = len(made) + 1
        made.append(
            Revision(
                segment=segment,
                number=number,
                base=number - 1,
                text=text,
                source=source,
                author=user,
                model=model,
            )
        )

    machines_own = segment.source in MACHINE
    if machine is not None and share is not None and not machines_own:
        add(share, machine.value, model)
    add(segment.text, segment.source or Source.HUMAN, model if machines_own else "")
    return made


def _together(old: Sequence[Segment], parts: Sequence[Part], name: Pass) -> _Heard | None:
    """Deal what a pass heard in the old segments to the parts; None unless it heard all of them."""
    newest: dict[int, Hypothesis] = {}
    for hypothesis in Hypothesis.objects.filter(segment__in=old, pass_name=name).order_by("pk"):
        newest[hypothesis.segment_id] = hypothesis
    if len(newest) < len(old):
        return None
    heard = [newest[row.pk] for row in old]
    spans = [Span(part.start_ms, part.end_ms) for part in parts]
    words: list[Word] = []
    spoken: list[Word] = []
    for row, hypothesis in zip(old, heard, strict=True):
        placed = [Word(int(w[0]), int(w[1]), str(w[2]), float(w[3])) for w in hypothesis.words]
        words += placed
        # A text without words is dealt by its length; such words are stored for nobody.
        span = Span(row.start_ms, row.end_ms)
        spoken += placed or [
            Word(w.start_ms + row.start_ms, w.end_ms + row.start_ms, w.text, 0.0)
            for w in spread(hypothesis.text, span)
        ]
    whole = Span(0, max(part.end_ms for part in parts))  # so that times are the recording's
    if len(parts) == 1:
        texts = [join_text([h.text for h in heard], old[0].language or old[0].project.language)]
    else:
        texts = ["".join(w.text for w in share).strip() for share in deal(spoken, whole, spans)]
    risks = [h.risk for h in heard if h.risk is not None]
    return _Heard(
        newest=max(heard, key=lambda h: h.decoding_id),
        shares=tuple(deal(words, whole, spans)),
        texts=tuple(texts),
        risk=max(risks, default=None),
        reasons=tuple(dict.fromkeys(reason for h in heard for reason in h.risk_reasons)),
    )


def _dealt(segment: Segment, heard: _Heard, number: int) -> Hypothesis:
    newest = heard.newest
    return Hypothesis(
        decoding_id=newest.decoding_id,
        segment=segment,
        pass_name=newest.pass_name,
        model=newest.model,
        text=heard.texts[number],
        words=[[w.start_ms, w.end_ms, w.text, w.probability] for w in heard.shares[number]],
        signals=newest.signals,
        risk=heard.risk,
        risk_reasons=list(heard.reasons),
    )
