"""Learn from a project's corrections what its risk scores are worth: the share of texts that people changed.

The score that a text gets everywhere (`transcription.confidence`) was fitted on other recordings. In a
project whose people have corrected enough, a rising map from that score to the share they changed is learnt
for each model, and every score stored from then on goes through it. The order of texts stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from annotation.models import Hypothesis, Project, RiskCalibration
from annotation.services.clock import ClockTimestamp
from annotation.services.references import corrected, spoken
from transcription.confidence import disagreement_in, risk
from transcription.monotone import Points, learn_rising, read_off
from transcription.text.metrics import ErrorCounts, count_errors
from transcription.types import Signals

MIN_SEGMENTS: Final = 100
"""Corrected segments of a model without which nothing is learnt."""
MOST: Final = 2_000
"""The newest are learnt from: models, recordings and guidelines change."""
STEPS: Final = 12
"""Points of a map at most, so that each rests on at least a twelfth of the segments."""
NEW_FOR_LEARNING: Final = 25
"""Corrections since the last time, without which the map would come out the same."""


def maps_for(wanted: Iterable[tuple[int, str]]) -> Mapping[tuple[int, str], Points]:
    """Return the maps of some (project id, model), those that there are."""
    pairs = set(wanted)
    found = RiskCalibration.objects.filter(
        project__in={project for project, _ in pairs}, model__in={model for _, model in pairs}
    )
    return {(row.project_id, row.model): row.points for row in found if row.points}


def learn(project: Project) -> list[RiskCalibration]:
    """Learn the map of each model whose texts people have corrected often enough; return the new ones.

    A map that is learnt from one half and does not predict the other half better than the plain score is not
    kept: the plain score is in force then.
    """
    learnt = []
    for model, examples in _examples(project).items():
        if len(examples) < MIN_SEGMENTS:
            continue
        points = _map(examples) if _predicts_better(examples) else []
        row, _ = RiskCalibration.objects.update_or_create(
            project=project,
            model=model,
            defaults={"points": points, "segments": len(examples), "learnt_at": ClockTimestamp()},
        )
        learnt.append(row)
    return learnt


def learn_where_due() -> int:
    """Learn in every project with new corrections since it was last done; return how many maps were made."""
    made = 0
    for project in Project.objects.filter(archived_at=None).order_by("pk"):
        rows = corrected(project)
        newest = RiskCalibration.objects.filter(project=project).order_by("-learnt_at").first()
        if newest is None:
            due = rows[:MIN_SEGMENTS].count() == MIN_SEGMENTS
        else:
            new = rows.filter(updated_at__gt=newest.learnt_at)
            due = new[:NEW_FOR_LEARNING].count() == NEW_FOR_LEARNING
        if due:
            made += len(learn(project))
    return made


def _examples(project: Project) -> dict[str, list[tuple[float, float]]]:
    """Return (plain score, 1.0 where a person changed a word) by model, in the order of segments."""
    rows = list(
        corrected(project)
        .order_by("-updated_at", "-id")
        .values_list("pk", "text", "end_ms", "start_ms")[:MOST]
    )
    texts = {pk: (spoken(text), end - start) for pk, text, end, start in rows}
    newest: dict[tuple[str, int], tuple[float, float]] = {}
    for heard in Hypothesis.objects.filter(segment__in=texts).order_by("id").iterator(chunk_size=500):
        text, duration_ms = texts[heard.segment_id]
        changed = count_errors(text, heard.text).errors > 0
        newest[heard.model, heard.segment_id] = plain_score(heard, duration_ms), float(changed)
    found: dict[str, list[tuple[float, float]]] = {}
    for (model, _), example in sorted(newest.items()):
        found.setdefault(model, []).append(example)
    return found


def plain_score(heard: Hypothesis, duration_ms: int) -> float:
    """Return the score of a stored hypothesis before any map of its project."""
    signals: dict[str, Any] = heard.signals
    apart = disagreement_in(ErrorCounts(**heard.changes)) if heard.changes else None
    score, _ = risk(
        Signals.from_json(signals), heard.text, duration_ms, tuple(signals.get("flags", ())), apart,
        word_probabilities=[word[3] for word in heard.words],
    )  # fmt: skip
    return score


def _map(examples: list[tuple[float, float]]) -> list[list[float]]:
    points = learn_rising(examples, least=max(10, len(examples) // STEPS))
    known = [[score, min(0.99, max(0.01, share))] for score, share in points]
    # The ends lead on towards nought and one: the most and the least risky rows keep their order.
    return [[0.0, round(known[0][1] / 2, 4)], *known, [1.0, round((1 + known[-1][1]) / 2, 4)]]


def _predicts_better(examples: list[tuple[float, float]]) -> bool:
    """Compare the squared errors of the plain and the mapped score, each half judged by the other's map."""
    halves = examples[::2], examples[1::2]
    plain = mapped = 0.0
    for seen, unseen in (halves, halves[::-1]):
        points = _map(seen)
        plain += sum((score - changed) ** 2 for score, changed in unseen)
        mapped += sum((read_off(points, score) - changed) ** 2 for score, changed in unseen)
    return mapped < plain
