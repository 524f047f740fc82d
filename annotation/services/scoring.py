"""Count how far machines' texts were from people's, off every request: only what is new, each pair once.

A score says by which revision, hypothesis and profile it was counted. What has no such score is due; so a
lost message, a crash or a second worker changes nothing but the time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from annotation.models import (
    Decision,
    Decoding,
    Hypothesis,
    Job,
    MachineScore,
    Project,
    ProjectQuality,
    Review,
    ReviewScore,
    Revision,
    Segment,
)
from annotation.quality.catalogue import make_ready
from annotation.services import error_estimate
from annotation.services.references import corrected
from annotation.states import DecodingState, Pass, SegmentState, Verdict
from transcription.text.alignment import replaced_words
from transcription.text.metrics import ErrorCounts, count_errors

PROFILE: Final = "spoken-1"
"""The profile of every score; another one means that all are counted again."""
BATCH: Final = 200
MOST_PAIRS: Final = 40
"""Replaced words kept of one segment: a text that was written anew teaches no substitution."""
SLACK: Final = timedelta(minutes=10)
"""A transaction that began before the last look may have ended after it."""
CHECK_EVERY: Final = timedelta(hours=6)
"""How often everything is looked through, whatever seems new."""
ESTIMATE_EVERY: Final = timedelta(minutes=10)
"""The resamples behind an estimate take about a second, the figures of a large project some seconds."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Count what one round did, and tell whether it came to the end."""

    segments: int
    finished: bool


def score_due(budget_s: float = 60.0) -> Scored:
    """Score what is new in every project until the budget is spent, and estimate anew where it changed."""
    deadline, segments = time.monotonic() + budget_s, 0
    for project in Project.objects.filter(archived_at=None).order_by("pk"):
        known = ProjectQuality.objects.filter(project=project).first()
        if known is not None and not _has_news(project, known):
            continue
        done = score(project, deadline)
        segments += done.segments
        if not done.finished:
            return Scored(segments, False)
    return Scored(segments, True)


def score(project: Project, deadline: float | None = None) -> Scored:
    """Score all of a project that is due; `deadline` by `time.monotonic`. Safe to run twice at once."""
    began, done = _clock(), 0
    for due, count in ((_machine_due, _score_machines), (_reviews_due, _score_reviews)):
        after = 0
        while batch := list(due(project).filter(pk__gt=after).order_by("pk")[:BATCH]):
            count(batch)
            done += len(batch)
            after = batch[-1].pk
            if deadline is not None and time.monotonic() > deadline:
                return Scored(done, False)
    _finish(project, began)
    return Scored(done, True)


def _clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    return moment  # type: ignore[no-any-return]


def _has_news(project: Project, known: ProjectQuality) -> bool:
    """Tell by indexed signs whether people or models may have done something since; or it is time anyway."""
    since = known.scored_at - SLACK
    if known.checked_at is None or known.checked_at < _clock() - CHECK_EVERY:
        return True
    return any(
        rows.exists()
        for rows in (
            Decision.objects.filter(project=project, created_at__gte=since),
            Review.objects.filter(project=project, created_at__gte=since),
            Decoding.objects.filter(project=project, state=DecodingState.DONE, finished_at__gte=since),
            Job.objects.filter(project=project, finished_at__gte=since),
        )
    )


def _finish(project: Project, began: datetime) -> None:
    """Note until when all is counted. A round that began later has said so already, and is not undone."""
    row, _ = ProjectQuality.objects.get_or_create(project=project, defaults={"scored_at": began})
    ProjectQuality.objects.filter(Q(checked_at=None) | Q(scored_at__lte=began), project=project).update(
        scored_at=began, checked_at=began
    )
    if row.estimated_at is None or row.estimated_at < began - ESTIMATE_EVERY:
        error_estimate.estimate(project)
        make_ready(project)


def _machine_due(project: Project) -> QuerySet[Segment]:
    counted = MachineScore.objects.filter(
        segment=OuterRef("segment"),
        pass_name=OuterRef("pass_name"),
        model=OuterRef("model"),
        heard__gte=OuterRef("pk"),
        profile=PROFILE,
        revision=OuterRef(OuterRef("revision")),
    )
    uncounted = Hypothesis.objects.filter(~Exists(counted), segment=OuterRef("pk"))
    return corrected(project).filter(Exists(uncounted)).select_related("annotator")


def _score_machines(segments: Sequence[Segment]) -> None:
    decided = _revisions((segment.pk, segment.revision) for segment in segments)
    heard: dict[int, dict[tuple[str, str], Hypothesis]] = {}
    found = Hypothesis.objects.filter(segment__in=segments).order_by("pk")
    for one in found.defer("words", "signals", "risk_reasons"):
        heard.setdefault(one.segment_id, {})[one.pass_name, one.model] = one
    rows = []
    for segment in segments:
        revision = decided.get((segment.pk, segment.revision))
        if revision is None:
            continue  # it has moved on since it was read, and is due again
        newest = heard.get(segment.pk, {})
        best = _best(newest.values())
        rows += [
            {
                **_counts(segment.text, hypothesis.text),
                "project_id": segment.project_id,
                "segment_id": segment.pk,
                "revision": segment.revision,
                "author_id": segment.annotator_id or revision.author_id,
                "decided_at": revision.created_at.isoformat(),
                "pass_name": hypothesis.pass_name,
                "model": hypothesis.model,
                "heard": hypothesis.pk,
                "best": hypothesis is best,
                "risk": hypothesis.risk,
                "processing_ms": hypothesis.processing_ms,
                "audio_ms": segment.end_ms - segment.start_ms,
                "replaced": replaced_words(segment.text, hypothesis.text, PROFILE)[:MOST_PAIRS],
            }
            for hypothesis in newest.values()
        ]
    _write(MachineScore, rows, ("segment_id", "pass_name", "model"), ("revision", "heard"))


def _best(heard: Iterable[Hypothesis]) -> Hypothesis | None:
    """Return what an export calls the machine's text: the newest refine, or the newest draft without one."""
    return max(heard, key=lambda one: (one.pass_name == Pass.REFINE, one.pk), default=None)


def _reviews_due(project: Project) -> QuerySet[Segment]:
    """List segments whose last verdict left the present text, where that was not counted yet."""
    last = (
        Review.objects.filter(segment=OuterRef("pk")).exclude(verdict=Verdict.RETURN).order_by("-pk")
    ).values("result")[:1]
    counted = ReviewScore.objects.filter(
        segment=OuterRef("pk"), revision=OuterRef("revision"), profile=PROFILE
    )
    return (
        Segment.objects.filter(project=project, state=SegmentState.ACCEPTED)
        .annotate(left=Subquery(last))
        .filter(~Exists(counted), left=F("revision"))
    )


def _score_reviews(segments: Sequence[Segment]) -> None:
    verdicts: dict[int, list[Review]] = {}
    for review in Review.objects.filter(segment__in=segments).order_by("pk"):
        verdicts.setdefault(review.segment_id, []).append(review)
    # What the annotator handed in first, against what stands now: what was returned counts as it was then.
    texts = _revisions((pk, reviews[0].revision) for pk, reviews in verdicts.items())
    rows = []
    for segment in segments:
        reviews = verdicts.get(segment.pk, [])
        first = texts.get((segment.pk, reviews[0].revision)) if reviews else None
        if first is None:
            continue
        rows.append(
            {
                **_counts(segment.text, first.text),
                "project_id": segment.project_id,
                "segment_id": segment.pk,
                "revision": segment.revision,
                "authored": first.number,
                "author_id": reviews[0].annotator_id,
                "reviewer_id": reviews[-1].reviewer_id,
                "decided_at": reviews[-1].created_at.isoformat(),
            }
        )
    _write(ReviewScore, rows, ("segment_id",), ("revision",))


def _revisions(wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Revision]:
    pairs = set(wanted)
    found = Revision.objects.filter(
        segment__in={pk for pk, _ in pairs}, number__in={number for _, number in pairs}
    )
    return {(row.segment_id, row.number): row for row in found if (row.segment_id, row.number) in pairs}


def _counts(reference: str, text: str) -> dict[str, Any]:
    words = count_errors(reference, text, profile=PROFILE)
    characters = count_errors(reference, text, unit="character", profile=PROFILE)
    return {
        "profile": PROFILE,
        **_named(words, "", "words"),
        **_named(characters, "character_", "characters"),
    }


def _named(counts: ErrorCounts, prefix: str, of: str) -> dict[str, int]:
    return {
        f"{prefix}substitutions": counts.substitutions,
        f"{prefix}deletions": counts.deletions,
        f"{prefix}insertions": counts.insertions,
        of: counts.reference_length,
    }


# Never an older score over a newer one: of two workers the slower may be the one that read earlier. A segment
# that is gone meanwhile takes its scores with it.
WRITE: Final = """
INSERT INTO {table} ({columns}, scored_at)
SELECT {values}, clock_timestamp() FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb) AS new
  JOIN annotation_segment ON annotation_segment.id = new.segment_id
ON CONFLICT ({key}) DO UPDATE SET {updates}, scored_at = EXCLUDED.scored_at
 WHERE ({table_version}) <= ({new_version})
"""


def _write(
    model: type[MachineScore] | type[ReviewScore],
    rows: Sequence[Mapping[str, Any]],
    key: Sequence[str],
    version: Sequence[str],
) -> None:
    if not rows:
        return
    table, columns = model._meta.db_table, list(rows[0])
    statement = WRITE.format(
        table=table,
        columns=", ".join(columns),
        values=", ".join(f"new.{name}" for name in columns),
        key=", ".join(key),
        updates=", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in key),
        table_version=", ".join(f"{table}.{name}" for name in version),
        new_version=", ".join(f"EXCLUDED.{name}" for name in version),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows)])
