"""Every figure by its name, and the one about people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final
from zlib import crc32

from django.core.cache import cache

from annotation.models import Project, ProjectQuality
from annotation.quality import plots
from annotation.quality.figures import Column, Figure, dot, spread
from annotation.quality.intervals import RATIO, WILSON
from annotation.quality.people import people as work_of
from annotation.quality.rate_figures import PLOTTED, passes, review, wer
from annotation.quality.rates import MACHINE_BY, REVIEW_BY, Rate
from annotation.quality.risk_figures import reliability, substitutions, triage
from annotation.quality.scope import Scope

MANY: Final = 5_000
"""Scored segments of a project from which on figures are kept: adding up 100,000 takes a second."""
KEEP_S: Final = 60
"""How long a figure of a part of the project is kept."""
KEEP_WHOLE_S: Final = 1_800
"""How long one of all of it is kept; workers make it anew with each estimate, every ten minutes."""


def figure(scope: Scope, name: str, by: str = "") -> Figure:
    """Return a figure; of a project with many scores one that may be ten minutes old, of a part a minute."""
    make = FIGURES[name]
    rows = ProjectQuality.objects.filter(project=scope.project, reviewed__gte=MANY)
    estimated_at = rows.values_list("estimated_at", flat=True).first()
    if estimated_at is None:
        return make(scope, by)
    by = by or next(iter(BY.get(name, ("",))))
    glossary = crc32("\n".join(scope.project.glossary).encode()) if name == "substitutions" else 0
    # The model's name may hold anything, and is no part of the key as it stands.
    part = sha256(scope.key.encode()).hexdigest()[:32]
    key = f"quality:{scope.project.pk}:{name}:{by}:{part}:{estimated_at.timestamp()}:{glossary}"
    kept = cache.get(key)
    if isinstance(kept, Figure):
        return kept
    made = make(scope, by)
    whole = not scope.narrowed and not scope.own
    cache.set(key, made, timeout=KEEP_WHOLE_S if whole else KEEP_S)
    return made


def make_ready(project: Project) -> None:
    """Make the figures of a large project's pages before anybody asks for them."""
    if ProjectQuality.objects.filter(project=project, reviewed__gte=MANY).exists():
        for name in FIGURES:
            for by in BY.get(name, ("",)):
                figure(Scope(project), name, by)


def people(scope: Scope, by: str) -> Figure:
    rows, dots = [], []
    for person in work_of(scope):
        moved = person.moved
        rows.append(
            {
                "annotator": person.username, "id": str(person.person), "segments": person.segments,
                "audio_ms": person.audio_ms, "active_ms": person.active_ms, "effort": person.effort,
                "heard": person.heard,
                **rate_spread("moved", moved),
                "reviewed": person.reviewed, **spread("returned", person.returned),
                **rate_spread("review_wer", person.review),
                "pairs": person.pairs, **spread("agreement", person.agreement),
                "gold": person.gold, **spread("gold_passed", person.gold_passed),
            }
        )  # fmt: skip
        drawn = dot(person.username, moved.wer if moved else None, moved.words.rate if moved else None)
        if drawn is not None:
            dots.append(drawn)
    title = "Your work" if scope.own else "People"
    gold = () if scope.own else (
        Column("gold", "Gold rows", "count", minor=True),
        Column("gold_passed", "Gold passed", "share", interval=True),
    )  # fmt: skip
    return Figure(
        "people", "", title,
        "Each segment counts once for a person, at their last decision. Effort is time at work by time of "
        "audio. Moved is how far the machine's text was from theirs. Agreement is one less the symmetric "
        "word error rate with those who read the same rows blind.",
        (
            Column("annotator", "Annotator"), Column("segments", "Segments", "count"),
            Column("audio_ms", "Audio", "ms"), Column("active_ms", "At work", "ms", minor=True),
            Column("effort", "Effort", "ratio"), Column("heard", "Heard", "share"),
            Column("moved", "Moved (WER)", "share", interval=True),
            Column("reviewed", "Reviewed", "count", minor=True),
            Column("returned", "Returned", "share", interval=True),
            Column("review_wer", "WER against review", "share", interval=True),
            Column("pairs", "Pairs", "count", minor=True),
            Column("agreement", "Agreement", "share", interval=True),
            *gold,
        ),
        rows,
        plots.intervals(
            "people", "How far machines' texts were from theirs", "Word error rate by person.", dots[:PLOTTED]
        ),
        method=f"Rates: {RATIO}. Shares: {WILSON}",
    )  # fmt: skip


def rate_spread(key: str, rate: Rate | None) -> dict[str, Any]:
    return spread(key, rate.wer, rate.words.rate) if rate else spread(key, None)


FIGURES: Final[Mapping[str, Callable[[Scope, str], Figure]]] = {
    "wer": wer,
    "passes": passes,
    "triage": triage,
    "reliability": reliability,
    "substitutions": substitutions,
    "review": review,
    "people": people,
}
BY: Final[Mapping[str, tuple[str, ...]]] = {"wer": MACHINE_BY, "review": REVIEW_BY}
"""Breakdowns of the figures that have some; the first is what is shown unasked."""
