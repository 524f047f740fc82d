"""The second pass on the page of a project: what it changes by risk, what its rule saves, the rule.

Drawn by the server as a few shapes, like the waveform: nothing to load, nothing to run, the same in print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from annotation.errors import Invalid
from annotation.models import Project
from annotation.permissions import get_visible, require
from annotation.quality.refining import NEWEST, Band, Effect, Point, refine_effect
from annotation.services import projects
from annotation.states import RefineWhen
from annotation.ui.pages import page, person_of

WIDTH: Final = 320
HEIGHT: Final = 120
GAP: Final = 6
KEEP_S: Final = 60


@dataclass(frozen=True, slots=True)
class Box:
    """One rectangle of a chart, in drawing units."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Panel:
    """Hold what the panel shows."""

    effect: Effect
    boxes: tuple[Box, ...]
    most: int
    """Windows at the top of the first chart."""
    saved: str
    missed: str
    """Points of the two lines of the second chart."""
    mark: float
    """Where the rule's threshold lies across both charts."""
    now: Point | None
    """What the threshold saves and misses."""
    form: RuleForm


class RuleForm(forms.Form):
    """When the second pass listens."""

    refine_when = forms.ChoiceField(choices=RefineWhen.choices, widget=forms.RadioSelect)
    refine_above = forms.FloatField(
        min_value=0, max_value=100, label="Risky from", required=False,
        help_text="Per cent: how likely a person is to change the draft.",
        widget=forms.NumberInput(attrs={"step": "1", "inputmode": "numeric"}),
    )  # fmt: skip


def panel(project: Project) -> Panel | None:
    """Return what to show of a project's second pass; None where it has none."""
    if not project.refine_model:
        return None
    effect = _effect(project)
    boxes, most = bars(effect.bands)
    return Panel(
        effect=effect,
        boxes=boxes,
        most=most,
        saved=line([(point.above, point.saved) for point in effect.curve]),
        missed=line([(point.above, point.missed) for point in effect.curve]),
        mark=round(project.refine_above * WIDTH, 1),
        now=at_threshold(effect.curve, project.refine_above),
        form=RuleForm(initial={"refine_when": project.refine_when, "refine_above": per_cent(project)}),
    )


def _effect(project: Project) -> Effect:
    """Return the figures; those of a large project, which take a second to count, may be a minute old."""
    key = f"refine-effect:{project.pk}:{project.refine_above}"
    kept = cache.get(key)
    if isinstance(kept, Effect):
        return kept
    effect = refine_effect(project)
    if effect.refined + effect.skipped > NEWEST:
        cache.set(key, effect, timeout=KEEP_S)
    return effect


def per_cent(project: Project) -> float | int:
    """Return the threshold as people set it."""
    value = round(100 * project.refine_above, 1)
    return int(value) if value.is_integer() else value


def bars(bands: Sequence[Band]) -> tuple[tuple[Box, ...], int]:
    """Stack, for each band of risk, the windows that were changed, left alone and skipped."""
    most = max((band.windows for band in bands), default=0)
    if not most:
        return (), 0
    wide = WIDTH / len(bands)
    boxes = []
    for index, band in enumerate(bands):
        top = float(HEIGHT)
        for kind, count in (
            ("changed", band.changed),
            ("kept", band.refined - band.changed),
            ("skipped", band.skipped),
        ):
            tall = HEIGHT * count / most
            if tall:
                top -= tall
                x = round(index * wide + GAP / 2, 1)
                boxes.append(Box(kind, x, round(top, 1), round(wide - GAP, 1), round(tall, 1)))
    return tuple(boxes), most


def line(points: Sequence[tuple[float, float]]) -> str:
    """Return a line through points of the unit square as the `points` of a polyline."""
    return " ".join(f"{x * WIDTH:.1f},{HEIGHT * (1 - y):.1f}" for x, y in points)


def at_threshold(curve: Sequence[Point], above: float) -> Point | None:
    """Read the curve at a threshold, straight between its points."""
    for left, right in pairwise(curve):
        if left.above <= above <= right.above:
            share = (above - left.above) / (right.above - left.above)
            saved = left.saved + share * (right.saved - left.saved)
            return Point(above, saved, left.missed + share * (right.missed - left.missed))
    return None


@page("POST")
def rule(request: HttpRequest, project_id: int) -> HttpResponse:
    """Set when the second pass listens."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "settings", project)
    form = RuleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose when the refine model listens, and a risk from 0 to 100 per cent.")
        return redirect("project", project.pk)
    values: dict[str, Any] = {"refine_when": form.cleaned_data["refine_when"]}
    if form.cleaned_data["refine_above"] is not None:
        values["refine_above"] = round(form.cleaned_data["refine_above"] / 100, 4)
    try:
        projects.update_project(user=person, project=project, **values)
    except Invalid as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The rule is set. It holds for windows that still wait for their draft.")
    return redirect("project", project.pk)
