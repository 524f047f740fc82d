"""The work of the models: plan it over segments, and store what was heard.

Between a claim and its result no transaction is open. Claims have a file of their own; what others need of
them is named here as well.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any, Final

from django.db import connection, transaction

from annotation.models import Decoding, Job, Project, Recording, Segment
from annotation.services import gates, hypotheses, jobs, languages, refining
from annotation.services.claims import (
    HELD,
    Batch,
    Claimed,
    Fit,
    claim_batch,
    fail,
    hand_back,
    is_waiting,
    named,
    put_back,
    reclaim_expired,
    renew,
)
from annotation.services.models import card_of
from annotation.states import DecodingState, LanguageScope, Pass, Priority
from annotation.terms import hotwords
from transcription.types import ChannelSpan, DecodingOptions, Heard, Span
from transcription.windows import PAUSE_MS, plan_windows

HeardIn = Mapping[Pass, Collection[ChannelSpan]]
"""Segments that each pass has heard already, whoever asked for it."""

__all__ = [
    "Batch",
    "Claimed",
    "Fit",
    "Result",
    "Stored",
    "claim_batch",
    "fail",
    "hand_back",
    "is_waiting",
    "options_for",
    "plan",
    "put_back",
    "reclaim_expired",
    "renew",
    "segments_under",
    "store",
]

FRESH_MS: Final = 120_000
"""What is heard of an upload before other bulk: more than anybody has read when the rest arrives."""
FULL_WINDOW_MS: Final = 28_000
"""Whisper takes 30 s; the rest is for a word that runs over the end. Windows up to 29.9 s were no fewer once
long pauses were left out, and one of 29.2 s lost a sentence when decoded beside another (tiny.en)."""
FULL_GAP_MS: Final = 30_000
"""Long pauses inside a window are left out of what is decoded, and another window costs 30 s of encoder."""
FIT_WINDOW_MS: Final = 9_000
"""In a fitted context short windows are the cheapest: 71 x real time up to 8 s against 46-61 at 13 s (tiny).
With the usual margin of 3 s this is what 12 s of encoder hold, which 8 s would be padded to as well."""
FIT_GAP_MS: Final = 600
"""There every second of silence costs as much as one of speech."""
PROMPTED_FROM_MS: Final = 15_000
"""Models of shorter windows were trained on bare sentences; a prompt is noise to them."""
PRELIMINARY_BEAM: Final = 1
"""Of a draft that is refined anyway. Five beams are half the cost of a fitted window (7.4 against 5.2 s of
processor time for 168 s of speech, tiny.en), and the second pass has them."""


@dataclass(frozen=True, slots=True)
class Result:
    """Carry what was heard in one claimed window; word times are relative to the window."""

    claimed: Claimed
    heard: Heard
    processing_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """Count what became of a batch: accepted results, and those whose claim was gone."""

    accepted: int
    fenced: int


def options_for(
    project: Project,
    model: str,
    language: str = "",
    *,
    recording: Recording | None = None,
    preliminary: bool = False,
) -> DecodingOptions:
    """State every decoding option for one model in one project; stored with each decoding.

    Of a long glossary the model is told first what the name or the metadata of a `recording` speak of.
    `preliminary` says that a better model hears the same again: then one beam is enough, unless the model's
    card wants more.
    """
    asked: dict[str, Any] = {
        "language": language or project.language or None,
        "hotwords": hotwords(project, language or project.language, recording),
    }
    card = card_of(model)
    if preliminary and (card is None or "beam_size" not in card.decoding):
        asked["beam_size"] = PRELIMINARY_BEAM
    if card is None:
        return DecodingOptions(**asked)
    if not card.multilingual:
        asked["language"] = card.languages[0] if card.languages else "en"
    if card.window_ms < PROMPTED_FROM_MS:
        asked["hotwords"] = None
    return card.options(**asked, context=gates.context_for(project, model))


@dataclass(frozen=True, slots=True)
class _Plan:
    """One pass over a recording: its model, options, and how segments become windows for it."""

    pass_name: Pass
    model: str
    options: DecodingOptions
    document: dict[str, Any]
    digest: str
    merge: bool
    window_ms: int
    gap_ms: int

    def windows(self, segments: Sequence[Span], settled_ms: int | None) -> list[Span]:
        return plan_windows(
            segments,
            self.window_ms,
            merge=self.merge,
            max_gap_ms=self.gap_ms,
            pause_ms=PAUSE_MS,
            settled_ms=settled_ms,
        )


def _passes(project: Project, recording: Recording) -> list[_Plan]:
    draft = _pass(recording, Pass.DRAFT, project.draft_model, preliminary=bool(project.refine_model))
    if not project.refine_model:
        return [draft]
    return [draft, _pass(recording, Pass.REFINE, project.refine_model)]


def _pass(recording: Recording, pass_name: Pass, model: str, *, preliminary: bool = False) -> _Plan:
    project = recording.project
    options = options_for(project, model, recording.language, recording=recording, preliminary=preliminary)
    card = card_of(model)
    fitted = options.context == "fit"
    # A window is heard in one language: where each segment may have its own, it is a window.
    alone = options.language is None and project.language_scope == LanguageScope.SEGMENT
    window_ms, gap_ms = (FIT_WINDOW_MS, FIT_GAP_MS) if fitted else (FULL_WINDOW_MS, FULL_GAP_MS)
    return _Plan(
        pass_name=pass_name,
        model=model,
        options=options,
        document=options.to_json(),
        digest=options.digest(),
        # A model that is still on the hub is one of Whisper's, and those are trained on 30 s.
        merge=(card.merge if card is not None else True) and not alone,
        window_ms=min(window_ms, card.window_ms) if card is not None else window_ms,
        gap_ms=gap_ms,
    )


def plan_again(*, job: Job, recording: Recording, model: str, wanted: Collection[ChannelSpan]) -> int:
    """Queue one model over the segments `wanted` of a recording, as its refine pass; return how many windows.

    Windows reach over no segment that is not wanted. What is heard becomes the text only where no person has
    touched it, as with every refine.
    """
    made = _pass(recording, Pass.REFINE, model)
    rows: list[Decoding] = []
    for channel, spans in _segments_of(recording).items():
        for chosen, run in groupby(spans, key=lambda span: ChannelSpan(channel, span) in wanted):
            if chosen:
                windows = made.windows(list(run), None)
                rows += [_decoding(job, recording, made, channel, window) for window in windows]
    for row in rows:
        row.state = DecodingState.QUEUED  # nothing is drafted before it
    return len(Decoding.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True))


def plan(*, job: Job, recording: Recording, settled: bool = True, heard: HeardIn | None = None) -> int:
    """Queue the passes of the recording's project over its segments; return how many windows were planned.

    Segments that a window of this job covers already are left alone, so planning twice changes nothing, and a
    recording can be planned while its end is still being decoded: with `settled=False` only windows that no
    later segment can change are planned; up to `recording.settled_ms` the segments are final. Refine windows
    wait until their drafts were heard; see `refining`. Segments that a pass has `heard` otherwise need no
    window either.
    """
    project = recording.project
    segments = _segments_of(recording)
    passes = _passes(project, recording)
    if (
        not settled
        and _language_is_open(project, passes)
        and sum(map(len, segments.values())) < languages.SEGMENTS
    ):
        return 0
    with transaction.atomic():
        refining.take_turn([recording.pk])
        planned = _planned(job)
        # As it is now: a person may have opened the recording since it was read.
        recording.priority = Recording.objects.values_list("priority", flat=True).get(pk=recording.pk)
        rows: list[Decoding] = []
        for channel, spans in segments.items():
            drafted_ms = 0
            for made in passes:
                covered = planned.setdefault((made.pass_name.value, made.model, channel), [])
                if heard:
                    covered += [p.span for p in heard.get(made.pass_name, ()) if p.channel == channel]
                    covered.sort()
                fresh = _windows(made, spans, covered, settled=settled, settled_ms=recording.settled_ms)
                if made.pass_name == Pass.DRAFT:
                    drafted_ms = max((w.end_ms for w in [*covered, *fresh]), default=0)
                elif not settled:
                    fresh = [window for window in fresh if window.end_ms <= drafted_ms]
                rows += [_decoding(job, recording, made, channel, window) for window in fresh]
        Decoding.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)
        if any(row.pass_name == Pass.REFINE for row in rows):
            refining.release_in([recording.pk])
    return len(rows)


def _segments_of(recording: Recording) -> dict[int, list[Span]]:
    found = (
        Segment.objects.filter(recording=recording)
        .order_by("channel", "start_ms")
        .values_list("channel", "start_ms", "end_ms")
    )
    return {
        channel: [Span(start, end) for _, start, end in rows]
        for channel, rows in groupby(found, key=lambda row: row[0])
    }


def _planned(job: Job) -> dict[tuple[str, str, int], list[Span]]:
    """Return the windows that a job has planned and not dropped, by pass, model and channel."""
    found: dict[tuple[str, str, int], list[Span]] = {}
    rows = Decoding.objects.filter(job=job).exclude(state=DecodingState.CANCELLED).order_by("start_ms")
    for pass_name, model, channel, start, end in rows.values_list(
        "pass_name", "model", "channel", "start_ms", "end_ms"
    ):
        found.setdefault((pass_name, model, channel), []).append(Span(start, end))
    return found


def _language_is_open(project: Project, passes: Sequence[_Plan]) -> bool:
    asked = any(made.options.language is None for made in passes)
    return asked and project.language_scope == LanguageScope.RECORDING


def _windows(
    made: _Plan, segments: Sequence[Span], covered: Sequence[Span], *, settled: bool, settled_ms: int
) -> list[Span]:
    """Plan windows over the segments that none covers yet; no window reaches over one that is covered."""
    windows: list[Span] = []
    for open_run in _uncovered(segments, covered):
        may_go_on = not settled and open_run[-1] == segments[-1]
        windows += made.windows(open_run, settled_ms if may_go_on else None)
    return windows


def _uncovered(segments: Sequence[Span], covered: Sequence[Span]) -> Iterator[list[Span]]:
    """Give the runs of neighbouring segments that lie in no window; both in order of their starts."""
    starts = [window.start_ms for window in covered]
    latest_ends = list(accumulate((window.end_ms for window in covered), max))

    def is_covered(segment: Span) -> bool:
        before = bisect_right(starts, segment.start_ms)
        return before > 0 and latest_ends[before - 1] >= segment.end_ms

    for is_done, run in groupby(segments, key=is_covered):
        if not is_done:
            yield list(run)


UNDER: Final = """
SELECT mine.id, segment.start_ms, segment.end_ms
  FROM unnest(%(ids)s::bigint[], %(recordings)s::bigint[], %(channels)s::int[], %(starts)s::bigint[],
              %(ends)s::bigint[]) AS mine (id, recording_id, channel, start_ms, end_ms)
  JOIN annotation_segment segment
    ON segment.recording_id = mine.recording_id AND segment.channel = mine.channel
   AND segment.start_ms >= mine.start_ms AND segment.start_ms < mine.end_ms AND segment.end_ms <= mine.end_ms
 WHERE segment.retired_at IS NULL
 ORDER BY segment.start_ms
"""


def segments_under(claims: Sequence[Claimed]) -> dict[int, list[Span]]:
    """Return the segments that lie in claimed windows, in order, by the id of the decoding."""
    values = {
        "ids": [c.id for c in claims],
        "recordings": [c.recording_id for c in claims],
        "channels": [c.channel for c in claims],
        "starts": [c.start_ms for c in claims],
        "ends": [c.end_ms for c in claims],
    }
    found: dict[int, list[Span]] = {claimed.id: [] for claimed in claims}
    with connection.cursor() as cursor:
        cursor.execute(UNDER, values)
        for decoding_id, start, end in cursor.fetchall():
            found[decoding_id].append(Span(start, end))
    return found


def _decoding(job: Job, recording: Recording, made: _Plan, channel: int, window: Span) -> Decoding:
    return Decoding(
        project=recording.project,
        recording=recording,
        job=job,
        pass_name=made.pass_name,
        model=made.model,
        options=made.document,
        options_digest=made.digest,
        channel=channel,
        start_ms=window.start_ms,
        end_ms=window.end_ms,
        priority=_priority(recording, window),
        state=DecodingState.QUEUED if made.pass_name == Pass.DRAFT else DecodingState.WAITING,
    )


def _priority(recording: Recording, window: Span) -> int:
    """Return how soon a window is heard: the first minutes of a fresh upload at once, the rest of it as bulk.

    So a short clip does not wait for the whole of an hour that the same person dropped before it.
    """
    if recording.priority == Priority.FRESH and window.start_ms >= FRESH_MS:
        return Priority.BULK
    return recording.priority


def store(results: Sequence[Result]) -> Stored:
    """Accept the results whose claims still hold, in one transaction; refuse the others.

    Each accepted window leaves a hypothesis per segment. The draft becomes the text of segments that
    have none yet; refine replaces text that no person has touched and nobody is editing. Otherwise the
    hypothesis waits beside the person's text as a suggestion. The last draft under a refine lets it go.
    """
    with transaction.atomic():
        accepted = _accept(results)
        if accepted:
            hypotheses.keep(accepted)
            refining.release_under([r.claimed for r in accepted if r.claimed.pass_name == Pass.DRAFT])
    # Of all results: when this is a second call after a lost answer, the first one may have got no further.
    jobs.refresh(result.claimed.job_id for result in results)
    return Stored(accepted=len(accepted), fenced=len(results) - len(accepted))


def _accept(results: Sequence[Result]) -> list[Result]:
    with connection.cursor() as cursor:
        cursor.execute(
            HELD
            + """
            UPDATE annotation_decoding AS d
               SET state = 'done', finished_at = clock_timestamp(), claim_expires_at = NULL,
                   processing_ms = spent.ms, cause = '', cause_code = ''
              FROM held
              JOIN unnest(%(ids)s::bigint[], %(spent)s::int[]) AS spent (id, ms) ON spent.id = held.id
             WHERE d.id = held.id
            RETURNING d.id
            """,
            {"spent": [r.processing_ms for r in results], **named([r.claimed for r in results])},
        )
        ids = {row[0] for row in cursor.fetchall()}
    return [result for result in results if result.claimed.id in ids]
