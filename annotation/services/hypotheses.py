"""Hypotheses: what an accepted decoding heard, dealt to its segments and published as their text.

The draft becomes the text of segments that have none yet; refine replaces text that no person has touched
and nobody is editing. Otherwise the hypothesis waits beside the person's text as a suggestion.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import Q

from annotation import progress
from annotation.models import Hypothesis, Revision, Segment
from annotation.states import Pass, Source
from transcription.confidence import risk

if TYPE_CHECKING:
    from annotation.services.decodings import Result


def keep(results: Sequence[Result]) -> None:
    """Store what accepted results heard, in the transaction that accepts them, and publish their text."""
    by_recording = _segments_under(results)
    made = [
        hypothesis
        for result in results
        for hypothesis in _deal(result, by_recording.get(result.claimed.recording_id, []))
    ]
    Hypothesis.objects.bulk_create(made, batch_size=500)
    for pass_name in Pass:
        _publish_text([h for h in made if h.pass_name == pass_name], pass_name)


def _segments_under(results: Sequence[Result]) -> dict[int, list[Segment]]:
    wanted = Q()
    for result in results:
        claimed = result.claimed
        wanted |= Q(
            recording_id=claimed.recording_id,
            channel=claimed.channel,
            start_ms__gte=claimed.start_ms,
            end_ms__lte=claimed.end_ms,
        )
    found: dict[int, list[Segment]] = {}
    for segment in Segment.objects.filter(wanted).order_by("recording_id", "start_ms"):
        found.setdefault(segment.recording_id, []).append(segment)
    return found


def _deal(result: Result, segments: Sequence[Segment]) -> list[Hypothesis]:
    """Give each segment under the window its share of the words; one segment takes the text whole."""
    claimed, heard = result.claimed, result.heard
    mine = [
        s
        for s in segments
        if s.channel == claimed.channel and claimed.start_ms <= s.start_ms and s.end_ms <= claimed.end_ms
    ]
    words: list[tuple[int, int, str, float]] = [
        (claimed.start_ms + w.start_ms, claimed.start_ms + w.end_ms, w.text, round(w.probability, 4))
        for w in heard.words
    ]
    dealt: list[Hypothesis] = []
    for index, segment in enumerate(mine):
        if len(mine) == 1:
            share, text = words, heard.text
        else:
            # A word belongs where its middle lies; what falls in a gap goes to the segment after it.
            begin = mine[index - 1].end_ms if index else claimed.start_ms
            end = segment.end_ms if index + 1 < len(mine) else claimed.end_ms + 1
            share = [w for w in words if begin <= (w[0] + w[1]) // 2 < end]
            text = "".join(str(w[2]) for w in share).strip()
        score, reasons = risk(heard.signals, text, segment.end_ms - segment.start_ms, heard.flags)
        dealt.append(
            Hypothesis(
                decoding_id=claimed.id,
                segment=segment,
                pass_name=claimed.pass_name,
                model=claimed.model,
                text=text,
                words=[list(word) for word in share],
                signals={**heard.signals.to_json(), "flags": list(heard.flags)},
                risk=score,
                risk_reasons=list(reasons),
            )
        )
    return dealt


PUBLISH: Final = """
UPDATE annotation_segment AS segment
   SET text = heard.text, revision = segment.revision + 1, source = %(pass)s, state = %(state)s,
       risk = heard.risk, risk_reasons = heard.reasons, language = heard.language,
       updated_at = clock_timestamp()
  FROM unnest(%(ids)s::bigint[], %(texts)s::text[], %(risks)s::float8[], %(reasons)s::jsonb[],
              %(languages)s::text[]) AS heard (id, text, risk, reasons, language)
 WHERE segment.id = heard.id
   AND NOT segment.locked
   AND CASE WHEN %(pass)s = 'draft' THEN segment.state = 'pending' AND segment.revision = 0
            ELSE segment.state IN ('pending', 'draft', 'refined') AND NOT EXISTS (
                SELECT 1 FROM annotation_lease lease
                 WHERE lease.segment_id = segment.id AND lease.expires_at > clock_timestamp())
       END
RETURNING segment.id, segment.revision
"""


def _publish_text(hypotheses: Sequence[Hypothesis], pass_name: Pass) -> None:
    if not hypotheses:
        return
    by_segment = {hypothesis.segment_id: hypothesis for hypothesis in hypotheses}
    chosen = list(by_segment.values())
    with connection.cursor() as cursor:
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
    for hypothesis in chosen:
        segment = hypothesis.segment
        number = changed.get(segment.pk)
        what: dict[str, Any] = {"revision": number} if number is not None else {"suggestion": True}
        progress.publish_on_commit(
            segment.project_id,
            "segment.changed",
            {
                "segment": str(segment.pk),
                "recording": str(segment.recording_id),
                "by": pass_name.value,
                **what,
            },
        )
