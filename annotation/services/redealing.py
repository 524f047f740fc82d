"""Give segments that were cut anew the words that were heard where they lie.

What the models heard in the segments before is dealt to the new ones by its times, so that no model has to
listen again and nobody waits.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from annotation.models import Hypothesis, Revision, Segment
from annotation.states import Pass, SegmentState, Source
from transcription.dealing import deal, spread
from transcription.types import ChannelSpan, Span, Word

BEST_FIRST: Final = (
    (Pass.REFINE, SegmentState.REFINED, Source.REFINE),
    (Pass.DRAFT, SegmentState.DRAFT, Source.DRAFT),
)


@dataclass(frozen=True, slots=True)
class _Share:
    """What one pass heard in one new segment, and in which of the old ones it lies."""

    text: str
    words: tuple[Word, ...]
    sources: tuple[Hypothesis, ...]
    """Newest of each old segment that it touches, the one it lies in most first."""

    def hypothesis(self, segment: Segment) -> Hypothesis:
        main = self.sources[0]
        risks = [source.risk for source in self.sources if source.risk is not None]
        return Hypothesis(
            decoding_id=main.decoding_id,
            segment=segment,
            pass_name=main.pass_name,
            model=main.model,
            text=self.text,
            words=[[w.start_ms, w.end_ms, w.text, w.probability] for w in self.words],
            signals=main.signals,
            risk=max(risks, default=None),
            risk_reasons=list(dict.fromkeys(r for source in self.sources for r in source.risk_reasons)),
        )


def fill(segments: Sequence[Segment], old: Sequence[Segment]) -> None:
    """Store new segments with the text, words and hypotheses of the retired `old` ones they lie in.

    A segment that touches an old one which a pass has not heard has not been heard by it either.
    """
    shares = {pass_name: _shares(segments, old, pass_name) for pass_name in Pass}
    hypotheses: list[Hypothesis] = []
    revisions: list[Revision] = []
    for index, segment in enumerate(segments):
        heard = {name: share for name in Pass if (share := shares[name][index]) is not None}
        made = {name: share.hypothesis(segment) for name, share in heard.items()}
        hypotheses += made.values()
        for pass_name, state, source in BEST_FIRST:
            if (best := made.get(pass_name)) is None:
                continue
            segment.text, segment.state, segment.source, segment.revision = best.text, state, source, 1
            segment.risk, segment.risk_reasons = best.risk, best.risk_reasons
            segment.language = str(best.signals.get("language") or "")[:12]
            revisions.append(
                Revision(segment=segment, number=1, base=0, text=best.text, source=source, model=best.model)
            )
            break
    Segment.objects.bulk_create(segments, batch_size=1000)
    Revision.objects.bulk_create(revisions, batch_size=1000)
    Hypothesis.objects.bulk_create(hypotheses, batch_size=500)
    link = Segment.parents.through
    link.objects.bulk_create(
        (
            link(from_segment_id=segment.pk, to_segment_id=before.pk)
            for segment, touched in zip(segments, _touched(segments, old), strict=True)
            for before in touched
        ),
        batch_size=2000,
    )


def heard_by(segments: Iterable[Segment]) -> dict[Pass, set[ChannelSpan]]:
    """Say which of `segments` each pass has heard, so that nobody plans them again."""
    rows = {segment.pk: segment for segment in segments}
    found: dict[Pass, set[ChannelSpan]] = {pass_name: set() for pass_name in Pass}
    pairs = Hypothesis.objects.filter(segment__in=rows).values_list("segment_id", "pass_name").distinct()
    for pk, pass_name in pairs:
        found[Pass(pass_name)].add(place_of(rows[pk]))
    return found


def place_of(segment: Segment) -> ChannelSpan:
    """Say where a segment lies."""
    return ChannelSpan(segment.channel, Span(segment.start_ms, segment.end_ms))


def _touched(segments: Sequence[Segment], old: Sequence[Segment]) -> list[list[Segment]]:
    """List for each segment the old ones it overlaps, the longest overlap first."""

    by_channel = {
        channel: list(rows)
        for channel, rows in groupby(
            sorted(old, key=lambda o: (o.channel, o.start_ms)), key=lambda o: o.channel
        )
    }
    found = []
    for segment in segments:
        rows = by_channel.get(segment.channel, [])
        first = bisect_right(rows, segment.start_ms, key=lambda o: o.end_ms)
        last = bisect_left(rows, segment.end_ms, key=lambda o: o.start_ms)

        def overlap(o: Segment, segment: Segment = segment) -> int:
            return min(segment.end_ms, o.end_ms) - max(segment.start_ms, o.start_ms)

        found.append(sorted(rows[first:last], key=overlap, reverse=True))
    return found


def _shares(segments: Sequence[Segment], old: Sequence[Segment], pass_name: Pass) -> list[_Share | None]:
    newest = {
        hypothesis.segment_id: hypothesis
        for hypothesis in Hypothesis.objects.filter(segment__in=old, pass_name=pass_name).order_by("pk")
    }
    words: dict[int, tuple[Word, ...]] = {}
    spoken: dict[int, tuple[Word, ...]] = {}
    for channel, rows in groupby(range(len(segments)), key=lambda index: segments[index].channel):
        indexes = list(rows)
        spans = [Span(segments[i].start_ms, segments[i].end_ms) for i in indexes]
        whole = Span(0, spans[-1].end_ms)
        before = [newest[o.pk] for o in old if o.channel == channel and o.pk in newest]
        timed, said = _words(before, {o.pk: o for o in old})
        words.update(zip(indexes, deal(timed, whole, spans), strict=True))
        spoken.update(zip(indexes, deal(said, whole, spans), strict=True))
    made: list[_Share | None] = []
    for index, touched in enumerate(_touched(segments, old)):
        sources = tuple(newest[o.pk] for o in touched if o.pk in newest)
        if not touched or len(sources) < len(touched):
            made.append(None)
            continue
        text = "".join(word.text for word in spoken[index]).strip()
        made.append(_Share(text, words[index], sources))
    return made


def _words(hypotheses: Sequence[Hypothesis], old: dict[int, Segment]) -> tuple[list[Word], list[Word]]:
    """Give the words in times of the recording; and the same with those spread that texts came without."""
    timed: list[Word] = []
    said: list[Word] = []
    for hypothesis in hypotheses:
        placed = [Word(int(w[0]), int(w[1]), str(w[2]), float(w[3])) for w in hypothesis.words]
        timed += placed
        if not placed:
            segment = old[hypothesis.segment_id]
            span = Span(segment.start_ms, segment.end_ms)
            placed = [
                Word(span.start_ms + w.start_ms, span.start_ms + w.end_ms, w.text, 0.0)
                for w in spread(hypothesis.text, span)
            ]
        said += placed
    return timed, said
