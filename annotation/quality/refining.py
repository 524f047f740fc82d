"""Reads about what the second pass is worth: its cost, its changes, and what leaving it out would lose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, Sum

from annotation.models import Decoding, Project
from annotation.quality.intervals import Interval, Z, wilson
from annotation.states import DecodingState, Pass

NEWEST: Final = 2_000
"""Refine windows looked at: the newest ones. At that many an interval is a few points wide."""
BANDS: Final = 10
FEW: Final = 20
"""Windows without which nothing is estimated."""


@dataclass(frozen=True, slots=True)
class Band:
    """Count the windows whose riskiest draft lies in `[low, high)`; `words` are those of the drafts."""

    low: float
    high: float
    refined: int = 0
    skipped: int = 0
    changed: int = 0
    """Windows in which refine changed a word."""
    words: int = 0
    words_changed: int = 0
    audio_ms: int = 0
    refined_audio_ms: int = 0

    @property
    def windows(self) -> int:
        """Return how many windows there are, refined or not."""
        return self.refined + self.skipped

    @property
    def share_changed(self) -> float | None:
        """Return the share of refined windows in which a word was changed; None where none was refined."""
        return self.changed / self.refined if self.refined else None

    @property
    def estimated_changes(self) -> float:
        """Return how many words refine would change in all windows of the band, by those it has heard."""
        return self.words_changed * self.audio_ms / self.refined_audio_ms if self.refined_audio_ms else 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """Say what refining only above a risk would save of the work, and miss of the changes; shares 0..1."""

    above: float
    saved: float
    missed: float


@dataclass(frozen=True, slots=True)
class Effect:
    """Hold what the second pass did in a project, and what its rule saves and loses."""

    draft_ms: int
    refine_ms: int
    refined: int
    skipped: int
    waiting: int
    saved_ms: int
    """Estimated: skipped audio by the real-time factor of what was refined."""
    rtf: float | None
    bands: tuple[Band, ...]
    curve: tuple[Point, ...]
    sample: int
    """Windows below the rule's threshold that were refined all the same."""
    sample_changed: Interval | None
    """Share of those in which refine changed a word."""
    missed_words: Interval | None
    """Words that refine would have changed in the skipped windows."""

    @property
    def looked_at(self) -> int:
        """Return how many windows the bands count."""
        return sum(band.windows for band in self.bands)


@dataclass(frozen=True, slots=True)
class Window:
    """One refine window: how risky its drafts were, and what refining changed where it was refined."""

    risk: float
    refined: bool
    audio_ms: int
    words: int
    words_changed: int


def refine_effect(project: Project) -> Effect:
    """Return what the second pass costs and changes in a project, from its newest windows.

    A change is no proof of a mistake in the draft: it is what the better model would write.
    """
    spent: dict[str, Any] = {
        row["pass_name"]: row
        for row in Decoding.objects.filter(project=project, state=DecodingState.DONE)
        .order_by()
        .values("pass_name")
        .annotate(
            windows=Count("pk"),
            ms=Sum("processing_ms"),
            audio=Sum(ExpressionWrapper(F("end_ms") - F("start_ms"), output_field=BigIntegerField())),
        )
    }
    refines = Decoding.objects.filter(project=project, pass_name=Pass.REFINE)
    skipped = refines.filter(state=DecodingState.SKIPPED).aggregate(
        windows=Count("pk"),
        audio=Sum(ExpressionWrapper(F("end_ms") - F("start_ms"), output_field=BigIntegerField())),
    )
    waiting = refines.filter(
        state__in=(DecodingState.WAITING, DecodingState.QUEUED, DecodingState.RUNNING)
    ).count()
    refined = spent.get(Pass.REFINE.value, {"windows": 0, "ms": 0, "audio": 0})
    rtf = (refined["ms"] or 0) / refined["audio"] if refined["audio"] else None
    windows = _windows(project)
    bands = bands_of(windows)
    calm = [w for w in windows if w.refined and w.risk < project.refine_above]
    missed = _missed(calm, [w for w in windows if not w.refined], skipped["windows"])
    return Effect(
        draft_ms=spent.get(Pass.DRAFT.value, {}).get("ms") or 0,
        refine_ms=refined["ms"] or 0,
        refined=refined["windows"],
        skipped=skipped["windows"],
        waiting=waiting,
        saved_ms=round((rtf or 0.0) * (skipped["audio"] or 0)),
        rtf=rtf,
        bands=bands,
        curve=curve_of(bands),
        sample=len(calm),
        sample_changed=wilson(sum(w.words_changed > 0 for w in calm), len(calm))
        if len(calm) >= FEW
        else None,
        missed_words=missed,
    )


# The newest draft of each segment stands for it, the riskiest segment for its window; a window with a
# segment that has no draft says nothing about drafts.
WINDOWS: Final = """
WITH newest AS (
    SELECT id, recording_id, channel, start_ms, end_ms, state FROM annotation_decoding
     WHERE project_id = %(project)s AND pass_name = 'refine' AND state IN ('done', 'skipped')
     ORDER BY id DESC LIMIT %(most)s
)
SELECT drafted.risk, newest.state = 'done', newest.end_ms - newest.start_ms,
       coalesce(heard.words, 0), coalesce(heard.changed, 0)
  FROM newest
  JOIN LATERAL (
    SELECT max(draft.risk) AS risk
      FROM annotation_segment s
      LEFT JOIN LATERAL (
        SELECT h.risk FROM annotation_hypothesis h
         WHERE h.segment_id = s.id AND h.pass_name = 'draft' ORDER BY h.id DESC LIMIT 1) AS draft ON true
     WHERE s.recording_id = newest.recording_id AND s.channel = newest.channel AND s.retired_at IS NULL
       AND s.start_ms >= newest.start_ms AND s.end_ms <= newest.end_ms
    HAVING count(*) = count(draft.risk)) AS drafted ON drafted.risk IS NOT NULL
  LEFT JOIN LATERAL (
    SELECT sum((h.changes->>'reference_length')::int) AS words,
           sum((h.changes->>'substitutions')::int + (h.changes->>'deletions')::int
               + (h.changes->>'insertions')::int) AS changed
      FROM annotation_hypothesis h WHERE h.decoding_id = newest.id AND h.changes IS NOT NULL) AS heard ON true
"""


def _windows(project: Project) -> list[Window]:
    with connection.cursor() as cursor:
        cursor.execute(WINDOWS, {"project": project.pk, "most": NEWEST})
        return [Window(*row) for row in cursor.fetchall()]


def bands_of(windows: Sequence[Window]) -> tuple[Band, ...]:
    """Count windows in ten bands of risk."""
    found: list[dict[str, Any]] = [{} for _ in range(BANDS)]
    for window in windows:
        here = found[min(BANDS - 1, int(window.risk * BANDS))]
        added = {"audio_ms": window.audio_ms}
        if window.refined:
            added |= {
                "refined": 1,
                "changed": int(window.words_changed > 0),
                "words": window.words,
                "words_changed": window.words_changed,
                "refined_audio_ms": window.audio_ms,
            }
        else:
            added["skipped"] = 1
        for name, value in added.items():
            here[name] = here.get(name, 0) + value
    return tuple(
        Band(low=index / BANDS, high=(index + 1) / BANDS, **counts) for index, counts in enumerate(found)
    )


def curve_of(bands: Sequence[Band]) -> tuple[Point, ...]:
    """Return what each threshold would save and miss; empty where there is too little to tell.

    Windows that were skipped count by what was changed in refined ones of the same band.
    """
    work = sum(band.audio_ms for band in bands)
    changes = sum(band.estimated_changes for band in bands)
    if sum(band.refined for band in bands) < FEW or not work or not changes:
        return ()
    points, saved, missed = [Point(0.0, 0.0, 0.0)], 0.0, 0.0
    for band in bands:
        saved += band.audio_ms
        missed += band.estimated_changes
        points.append(Point(band.high, saved / work, missed / changes))
    return tuple(points)


def _missed(calm: Sequence[Window], skipped: Sequence[Window], in_all: int) -> Interval | None:
    """Estimate the words that refine would have changed in skipped windows, by its changes in calm ones.

    A ratio of words to seconds, with the spread between windows; where no change was seen, the upper bound
    is that of three changed words in the sample (the rule of three).
    """
    seconds = sum(window.audio_ms for window in calm)
    if len(calm) < FEW or not skipped or not seconds:
        return None
    rate = sum(window.words_changed for window in calm) / seconds
    spread = sum((window.words_changed - rate * window.audio_ms) ** 2 for window in calm) / (len(calm) - 1)
    half = Z * math.sqrt(len(calm) * spread) / seconds
    high = rate + half if rate else 3 / seconds
    unheard = sum(window.audio_ms for window in skipped) * in_all / len(skipped)
    return Interval(rate * unheard, max(0.0, rate - half) * unheard, high * unheard)
