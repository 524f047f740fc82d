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
from annotation.quality.intervals import RATIO, WILSON, Interval
from annotation.quality.people import PersonRow
from annotation.quality.people import people as work_of
from annotation.quality.plots import Dot
from annotation.quality.rate_figures import PLOTTED, passes, review, wer
from annotation.quality.rates import MACHINE_BY, REVIEW_BY, Rate
from annotation.quality.review_figures import agreement, drawn, gold
from annotation.quality.risk_figures import reliability, substitutions, triage
from annotation.quality.scope import Scope
from annotation.quality.whole_figures import estimate, refine, threshold

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
            # Of people only what is shown unasked: the measures are different plots of the same rows.
            for by in BY.get(name, ("",))[: 1 if name == "people" else None]:
                figure(Scope(project), name, by)


#: What the plot of people may show: in words, and of whom what; a bare number where no spread is known.
MEASURES: Final[Mapping[str, tuple[str, Callable[[PersonRow], Rate | Interval | float | None]]]] = {
    "moved": ("How far machines' texts were from theirs (WER)", lambda person: person.moved),
    "effort": ("Time at work by time of audio", lambda person: person.effort),
    "heard": ("Share heard before deciding", lambda person: person.heard),
    "returned": ("Share of their reviewed rows that was returned", lambda person: person.returned),
    "review": ("How far what they handed in was from what was accepted (WER)", lambda person: person.review),
    "agreement": ("Agreement with those who read the same rows blind", lambda person: person.agreement),
    "gold": ("Gold passed", lambda person: person.gold_passed),
}


def people(scope: Scope, by: str) -> Figure:
    by = by if by in MEASURES else "moved"
    rows, dots = [], []
    plotted, measured = MEASURES[by]
    for person in work_of(scope):
        rows.append(
            {
                "annotator": person.username, "id": str(person.person), "segments": person.segments,
                "audio_ms": person.audio_ms, "active_ms": person.active_ms, "effort": person.effort,
                "heard": person.heard,
                **rate_spread("moved", person.moved),
                "reviewed": person.reviewed, **spread("returned", person.returned),
                **rate_spread("review_wer", person.review),
                "pairs": person.pairs, **spread("agreement", person.agreement),
                "gold": person.gold, **spread("gold_passed", person.gold_passed),
            }
        )  # fmt: skip
        shown = person_dot(person.username, measured(person))
        if shown is not None:
            dots.append(shown)
    title = "Your work" if scope.own else "People"
    of_gold = () if scope.own else (
        Column("gold", "Gold rows", "count", minor=True),
        Column("gold_passed", "Gold passed", "share", interval=True),
    )  # fmt: skip
    return Figure(
        "people", by, title,
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
            *of_gold,
        ),
        rows,
        plots.intervals(f"people-{by}", plotted, f"{plotted}, by person.", dots[:PLOTTED]),
        summary={"plotted": plotted},
        method=f"Rates: {RATIO}. Shares: {WILSON}",
    )  # fmt: skip


def person_dot(name: str, found: Rate | Interval | float | None) -> Dot | None:
    """Return what the plot shows of a person."""
    if isinstance(found, Rate):
        return dot(name, found.wer, found.words.rate)
    return dot(name, found, None) if isinstance(found, Interval) else dot(name, None, found)


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
    "agreement": agreement,
    "gold": gold,
    "drawn": drawn,
    "estimate": estimate,
    "refine": refine,
    "threshold": threshold,
}
BY: Final[Mapping[str, tuple[str, ...]]] = {
    "wer": MACHINE_BY,
    "review": REVIEW_BY,
    "people": tuple(MEASURES),
}
"""Breakdowns of the figures that have some, and measures of people; the first is what is shown unasked."""
