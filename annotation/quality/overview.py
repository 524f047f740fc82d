"""What is said of a project's quality at a glance: until when it is scored, and what is left by estimate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from annotation.models import MachineScore, Project, ProjectQuality
from annotation.quality.intervals import Interval
from annotation.quality.scope import Scope
from transcription.text.normalize import PROFILES

PROFILE: Final = PROFILES["spoken-1"]
"""The normalisation of every score; `services.scoring` counts by it."""
NEEDED: Final = 100
"""Reviewed segments from which on an estimate is shown."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hold the machine's word error rate: of what was reviewed, of the rest by a fit, of both together."""

    reviewed: Interval
    remaining: Interval | None
    overall: Interval
    segments: int
    remaining_segments: int
    points: tuple[tuple[float, float], ...]
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Say until when a project's scores are counted, and what is estimated; None before either is there."""

    scored_at: datetime | None
    reviewed: int
    estimate: Estimate | None


def standing(project: Project) -> Standing:
    """Return how a project stands."""
    row = ProjectQuality.objects.filter(project=project).first()
    if row is None:
        return Standing(None, 0, None)
    return Standing(row.scored_at, row.reviewed, _estimate(row))


def estimates_of(projects: Iterable[int]) -> dict[int, Estimate]:
    """Return the estimates of some projects, those that have one, by one query."""
    rows = ProjectQuality.objects.filter(project__in=list(projects), overall_rate__isnull=False)
    found = {row.project_id: _estimate(row) for row in rows}
    return {pk: estimate for pk, estimate in found.items() if estimate is not None}


def models_in(scope: Scope) -> list[str]:
    """Return the names of the models that were scored in a project, for a choice of them."""
    rows = MachineScore.objects.filter(project=scope.project)
    if scope.own:
        rows = rows.filter(author=scope.author)
    return sorted(set(rows.order_by().values_list("model", flat=True).distinct()))


def _estimate(row: ProjectQuality) -> Estimate | None:
    overall, reviewed = _interval(row, "overall"), _interval(row, "reviewed")
    if overall is None or reviewed is None:
        return None
    return Estimate(
        reviewed=reviewed,
        remaining=_interval(row, "remaining"),
        overall=overall,
        segments=row.reviewed,
        remaining_segments=row.remaining,
        points=tuple((risk, rate) for risk, rate in row.points),
        at=row.estimated_at,
    )


def _interval(row: Any, part: str) -> Interval | None:
    value, low, high = (getattr(row, f"{part}_{bound}") for bound in ("rate", "low", "high"))
    return None if value is None else Interval(value, low, high)
