"""A project's own references: segments whose text a person has written or confirmed.

What people corrected is the only truth a project has about its models. The gate compares contexts on it, and
the calibration of the risk score is learnt from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import ContextGate, Decision, Project, RiskCalibration, Segment
from annotation.services.checks import TAG
from annotation.services.clock import ClockTimestamp
from annotation.services.gates import MIN_REFERENCES, Context, context_for
from annotation.services.models import card_of
from annotation.states import TEXT_DECISIONS, Pass, RecordingState, SegmentState, Source

MOST: Final = 400
"""References of one evaluation: the newest ones. At 400 segments of ten words, 0.3 points are 12 words."""
CHECK_EVERY: Final = timedelta(days=7)
NEW_FOR_CHECK: Final = 20
"""Corrections since the last check, without which a new one would say the same again."""


COUNTED: Final = 10_000
"""More references than this are not counted out: it is enough to know that there are enough."""


@dataclass(frozen=True, slots=True)
class ModelReport:
    """Say how a model is used in a project, and by what evidence."""

    model: str
    passes: tuple[str, ...]
    context: Context
    reason: str
    gate: ContextGate | None
    calibration: RiskCalibration | None


@dataclass(frozen=True, slots=True)
class Reference:
    """Name a stretch of audio and what a person says is spoken in it."""

    segment: int
    revision: int
    recording: int
    channel: int
    start_ms: int
    end_ms: int
    text: str
    language: str


#: Texts that do not say all that was spoken, or nothing of it: no model can be judged by them.
NOT_WHOLE: Final = r"\[(unintelligible|foreign:[^\]]*|pii|crosstalk)\]|^\s*(\[[^\[\]]{1,60}\]\W*)+$"


def corrected(project: Project) -> QuerySet[Segment]:
    """List the segments whose present text is a person's, and is what was spoken there from end to end.

    What was split or merged counts once a person has decided about the whole of it: part of its text may be
    a machine's, or lie on the other side of the cut.
    """
    shaped = Segment.parents.through.objects.filter(from_segment=OuterRef("pk"))
    decided = Decision.objects.filter(segment=OuterRef("pk"), kind__in=TEXT_DECISIONS)
    return Segment.objects.filter(
        ~Exists(shaped) | Exists(decided),
        project=project,
        state__in=(SegmentState.CORRECTED, SegmentState.ACCEPTED),
        source__in=(Source.HUMAN, Source.IMPORT),
        recording__state=RecordingState.READY,
    ).exclude(text__regex=NOT_WHOLE)


def spoken(text: str) -> str:
    """Return a text without its tags, which nobody said."""
    return " ".join(TAG.sub(" ", text).split())


def newest(project: Project, most: int = MOST) -> list[Reference]:
    """Return a project's newest references in the order of their audio; the same rows, the same list."""
    found = corrected(project).select_related("recording").order_by("-updated_at", "-id")[:most]
    return [
        Reference(
            s.pk, s.revision, s.recording_id, s.channel, s.start_ms, s.end_ms, spoken(s.text),
            s.recording.language or project.language or s.language,
        )
        for s in sorted(found, key=lambda s: (s.recording_id, s.channel, s.start_ms, s.pk))
    ]  # fmt: skip


def report(project: Project) -> list[ModelReport]:
    """Return how each model of a project is used, those of its passes first, then earlier ones."""
    passes: dict[str, list[str]] = {}
    for model, name in ((project.draft_model, Pass.DRAFT), (project.refine_model, Pass.REFINE)):
        if model:
            passes.setdefault(model, []).append(name.value)
    found = {gate.model: gate for gate in ContextGate.objects.filter(project=project).order_by("model")}
    learnt = {row.model: row for row in RiskCalibration.objects.filter(project=project).order_by("model")}
    return [
        ModelReport(
            model=model,
            passes=tuple(passes.get(model, ())),
            context=context_for(project, model),
            reason=_reason(model, found.get(model)),
            gate=found.get(model),
            calibration=learnt.get(model),
        )
        for model in dict.fromkeys([*passes, *found, *learnt])
    ]


def _reason(model: str, gate: ContextGate | None) -> str:
    card = card_of(model)
    if card is not None and card.context == "fit":
        return "Fitted context: the model was trained for it."
    if gate is not None:
        return gate.reason
    return f"Full context: fitted context is checked once {MIN_REFERENCES} segments are corrected."


def due(limit: int = 10) -> list[tuple[Project, str]]:
    """List the projects and models whose gate should be checked now, the longest unchecked first.

    Due are models on this machine that were not made for fitted context, in projects with enough references,
    when they were never checked, or a week ago with new corrections since.
    """
    found: list[tuple[float, Project, str]] = []
    for project in Project.objects.filter(archived_at=None).order_by("pk"):
        gates = {gate.model: gate for gate in ContextGate.objects.filter(project=project)}
        for model in dict.fromkeys(filter(None, (project.draft_model, project.refine_model))):
            card = card_of(model)
            if card is None or card.context == "fit":
                continue
            gate = gates.get(model)
            if _is_due(project, gate):
                found.append((gate.checked_at.timestamp() if gate else 0.0, project, model))
    return [(project, model) for _, project, model in sorted(found, key=lambda f: (f[0], f[1].pk))[:limit]]


def _is_due(project: Project, gate: ContextGate | None) -> bool:
    rows = corrected(project)
    if gate is None:
        return rows[:MIN_REFERENCES].count() == MIN_REFERENCES
    old = ContextGate.objects.filter(pk=gate.pk, checked_at__lte=ClockTimestamp() - CHECK_EVERY).exists()
    if not old:
        return False
    # A gate that was opened is looked at again even when too few references are left to hold it open.
    new = rows.filter(Q(updated_at__gt=gate.checked_at))[:NEW_FOR_CHECK].count() == NEW_FOR_CHECK
    return new and (gate.open or rows[:MIN_REFERENCES].count() == MIN_REFERENCES)
