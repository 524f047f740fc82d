"""Hypotheses: what an accepted decoding heard, dealt to its segments and published as their text.

The draft becomes the text of segments that have none yet; refine replaces text that no person has touched
and nobody is editing. Otherwise the hypothesis waits beside the person's text as a suggestion.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import Q

from annotation import progress
from annotation.models import Hypothesis, Revision, Segment
from annotation.progress import Event
from annotation.services import calibration
from annotation.states import Pass, Source
from transcription import dealing
from transcription.confidence import disagreement_in, risk
from transcription.monotone import Points
from transcription.text.metrics import ErrorCounts, count_errors
from transcription.types import Flag, Signals, Span, Word

if TYPE_CHECKING:
    from annotation.services.decodings import Result

Share = tuple[Segment, str, Sequence[Word], Signals, tuple[Flag, ...]]
"""What one segment gets of a window: its text, its words in times of the recording, signals, flags."""

BEYOND_MS: Final = 300
"""A word whose middle lies further than this outside of all segments belongs to none of them any more."""


def keep(results: Sequence[Result]) -> None:
    """Store what accepted results heard, in the transaction that accepts them, and publish their text."""
    by_place = _segments_under(results)
    dealt = [(r, _deal(r, by_place.get((r.claimed.recording_id, r.claimed.channel), []))) for r in results]
    drafts = _drafts_of(
        segment
        for result, shares in dealt
        for segment, *_ in shares
        if result.claimed.pass_name == Pass.REFINE
    )
    maps = calibration.maps_for((s.project_id, r.claimed.model) for r, shares in dealt for s, *_ in shares)
    made = [h for result, shares in dealt for h in _hypotheses(result, shares, drafts, maps)]
    # Storing them locks their segments (migration 0011): in the order in which everybody locks them.
    made.sort(key=lambda h: h.segment_id)
    Hypothesis.objects.bulk_create(made, batch_size=500)
    for pass_name in Pass:
        _publish_text([h for h in made if h.pass_name == pass_name], pass_name)


def _segments_under(results: Sequence[Result]) -> dict[tuple[int, int], list[Segment]]:
    """Return the segments that windows touch, by place and time."""
    wanted = Q()
    for result in results:
        claimed = result.claimed
        wanted |= Q(
            recording_id=claimed.recording_id,
            channel=claimed.channel,
            start_ms__lt=claimed.end_ms,
            end_ms__gt=claimed.start_ms,
        )
    found: dict[tuple[int, int], list[Segment]] = {}
    for segment in Segment.objects.filter(wanted).order_by("recording_id", "start_ms"):
        found.setdefault((segment.recording_id, segment.channel), []).append(segment)
    return found


def _drafts_of(segments: Iterable[Segment]) -> dict[int, str]:
    """Return the newest draft's text of each segment that has one."""
    ids = [segment.pk for segment in segments]
    if not ids:
        return {}
    rows = Hypothesis.objects.filter(segment__in=ids, pass_name=Pass.DRAFT).order_by("pk")
    return dict(rows.values_list("segment_id", "text"))


def _deal(result: Result, segments: Sequence[Segment]) -> list[Share]:
    """Give each segment in the window its share of the words; one that is all of it takes the text whole.

    Segments may have been joined, cut or moved since the window was planned. One that reaches out of it was
    not heard whole: it gets nothing, and its words are nobody else's.
    """
    claimed, heard = result.claimed, result.heard
    near = [s for s in segments if s.start_ms < claimed.end_ms and s.end_ms > claimed.start_ms]
    if not near:
        return []
    window = Span(claimed.start_ms, claimed.end_ms)
    spans = [Span(segment.start_ms, segment.end_ms) for segment in near]
    if spans == [window]:
        (whole,) = dealing.deal(heard.words, window, spans)
        return [(near[0], heard.text, whole, heard.signals, heard.flags)]
    first, last = spans[0].start_ms - BEYOND_MS, spans[-1].end_ms + BEYOND_MS

    def deal(words: Sequence[Word]) -> list[tuple[Word, ...]]:
        middle = [claimed.start_ms + (word.start_ms + word.end_ms) // 2 for word in words]
        inside = [word for word, at in zip(words, middle, strict=True) if first <= at <= last]
        return dealing.deal(inside, window, spans)

    words = deal(heard.words)
    spoken = words if heard.words else deal(dealing.spread(heard.text, window))
    texts = ["".join(word.text for word in share).strip() for share in spoken]
    signals = [
        dealing.signals_of(share, text, heard.words, heard.signals) if heard.words else heard.signals
        for share, text in zip(words, texts, strict=True)
    ]
    flags = dealing.flags_of(heard.flags, signals)
    return [
        share
        for share in zip(near, texts, words, signals, flags, strict=True)
        if claimed.start_ms <= share[0].start_ms and share[0].end_ms <= claimed.end_ms
    ]


def _hypotheses(
    result: Result,
    shares: Sequence[Share],
    drafts: Mapping[int, str],
    maps: Mapping[tuple[int, str], Points],
) -> list[Hypothesis]:
    claimed = result.claimed
    audio_ms = sum(segment.end_ms - segment.start_ms for segment, *_ in shares)
    made = []
    for segment, text, words, signals, flags in shares:
        length_ms = segment.end_ms - segment.start_ms
        changes: ErrorCounts | None = None
        if claimed.pass_name == Pass.REFINE and segment.pk in drafts:
            changes = count_errors(drafts[segment.pk], text)
        score, reasons = risk(
            signals,
            text,
            length_ms,
            flags,
            disagreement=None if changes is None else disagreement_in(changes),
            calibration=maps.get((segment.project_id, claimed.model)),
            word_probabilities=[word.probability for word in words],
        )
        made.append(
            Hypothesis(
                decoding_id=claimed.id,
                segment=segment,
                pass_name=claimed.pass_name,
                model=claimed.model,
                text=text,
                words=[[w.start_ms, w.end_ms, w.text, round(w.probability, 4)] for w in words],
                signals={**signals.to_json(), "flags": list(flags)},
                risk=score,
                risk_reasons=list(reasons),
                processing_ms=round(result.processing_ms * length_ms / max(1, audio_ms)),
                changes=None if changes is None else asdict(changes),
            )
        )
    return made


LOCK: Final = "SELECT id FROM annotation_segment WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE"
PUBLISH: Final = """
UPDATE annotation_segment AS segment
   SET text = heard.text, revision = segment.revision + 1, source = %(pass)s, state = %(state)s,
       risk = heard.risk, risk_reasons = heard.reasons, language = heard.language,
       updated_at = clock_timestamp()
  FROM unnest(%(ids)s::bigint[], %(texts)s::text[], %(risks)s::float8[], %(reasons)s::jsonb[],
              %(languages)s::text[]) AS heard (id, text, risk, reasons, language)
 WHERE segment.id = heard.id
   AND NOT segment.locked
   AND segment.source <> 'import'
   AND segment.retired_at IS NULL
   AND CASE WHEN %(pass)s = 'draft' THEN segment.state = 'pending'
            ELSE segment.state IN ('pending', 'draft', 'refined') AND NOT EXISTS (
                SELECT 1 FROM annotation_lease lease
                 WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp())
            -- A person may have replaced words in it without deciding about it.
            AND segment.source <> 'human'
       END
RETURNING segment.id, segment.revision
"""


def _publish_text(hypotheses: Sequence[Hypothesis], pass_name: Pass) -> None:
    if not hypotheses:
        return
    by_segment = {hypothesis.segment_id: hypothesis for hypothesis in hypotheses}
    chosen = list(by_segment.values())
    with connection.cursor() as cursor:
        # In the order in which shapes and cuts lock them, so that neither waits for the other.
        cursor.execute(LOCK, [[h.segment_id for h in chosen]])
        cursor.execute(
            PUBLISH,
            {
                "pass": pass_name.value,
                "state": "draft" if pass_name == Pass.DRAFT else "refined",
                "ids": [h.segment_id for h in chosen],
                "texts": [h.text for h in chosen],
                "risks": [h.risk for h in chosen],
                "reasons": [json.dumps(h.risk_reasons) for h in chosen],
                "languages": [str(h.signals.get("language") or "")[:12] for h in chosen],
            },
        )
        changed = dict(cursor.fetchall())
    Revision.objects.bulk_create(
        Revision(
            segment_id=segment_id,
            number=number,
            base=number - 1,
            text=by_segment[segment_id].text,
            source=Source(pass_name.value),
            model=by_segment[segment_id].model,
        )
        for segment_id, number in changed.items()
    )
    progress.publish_all_on_commit(
        [_event(hypothesis, pass_name, changed.get(hypothesis.segment_id)) for hypothesis in chosen]
    )


def _event(hypothesis: Hypothesis, pass_name: Pass, number: int | None) -> Event:
    segment = hypothesis.segment
    what: dict[str, Any] = {"revision": number} if number is not None else {"suggestion": True}
    named = {"segment": str(segment.pk), "recording": str(segment.recording_id), "by": pass_name.value}
    return Event(segment.project_id, "segment.changed", {**named, **what})
