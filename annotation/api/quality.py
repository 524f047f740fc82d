"""What a project's own corrections and passes say about its models."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import operation
from annotation.models import Project
from annotation.permissions import get_visible, require
from annotation.quality.refining import refine_effect
from annotation.services import gates, references
from annotation.states import RefineWhen

Out = serializers.Serializer[Any]


class GateOut(Out):
    """The last check of a model's fitted context in this project."""

    open = serializers.BooleanField()
    references = serializers.IntegerField(help_text="Corrected segments that were heard in both contexts.")
    reference_words = serializers.IntegerField()
    full_errors = serializers.IntegerField()
    fit_errors = serializers.IntegerField()
    full_ms = serializers.IntegerField(help_text="What full context cost, milliseconds.")
    fit_ms = serializers.IntegerField()
    normalisation = serializers.CharField(help_text="Profile that texts went through before comparing.")
    checked_at = serializers.DateTimeField()


class CalibrationOut(Out):
    """What this project's corrections taught about the model's risk scores."""

    points = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="[score, share changed], straight between; empty = the general score is as good.",
    )
    segments = serializers.IntegerField()
    learnt_at = serializers.DateTimeField()


class ModelOut(Out):
    """A model in a project."""

    model = serializers.CharField()
    passes = serializers.ListField(child=serializers.CharField(), help_text="draft, refine; empty = earlier.")
    context = serializers.ChoiceField(  # type: ignore[assignment]  # declared fields leave the class
        choices=("full", "fit"), help_text="In force for new work."
    )
    reason = serializers.CharField(help_text="Why, in a sentence.")
    gate = GateOut(allow_null=True)
    calibration = CalibrationOut(allow_null=True)


class ModelsOut(Out):
    """The models of a project."""

    models = serializers.ListField(child=ModelOut())
    references = serializers.IntegerField(help_text="Corrected segments there are, counted up to 10,000.")
    references_needed = serializers.IntegerField(help_text="Without so many no gate opens.")


class IntervalOut(Out):
    """An estimate with its 95 % interval."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class BandOut(Out):
    """Windows whose riskiest draft lies from `low` up to `high`."""

    low = serializers.FloatField()
    high = serializers.FloatField()
    refined = serializers.IntegerField()
    skipped = serializers.IntegerField()
    changed = serializers.IntegerField(help_text="Refined windows in which a word was changed.")
    words = serializers.IntegerField()
    words_changed = serializers.IntegerField()


class PointOut(Out):
    """What refining only above a risk would save and miss, as shares."""

    above = serializers.FloatField()
    saved = serializers.FloatField(help_text="Of the audio to refine.")
    missed = serializers.FloatField(help_text="Of the words that refine would change.")


class RefineOut(Out):
    """What the second pass does in a project."""

    refine_when = serializers.ChoiceField(choices=RefineWhen.choices)
    refine_above = serializers.FloatField()
    draft_ms = serializers.IntegerField(help_text="Processing spent so far, milliseconds.")
    refine_ms = serializers.IntegerField()
    saved_ms = serializers.IntegerField(help_text="Estimated: skipped audio by the measured factor.")
    rtf = serializers.FloatField(allow_null=True, help_text="Seconds of refining per second of audio.")
    refined = serializers.IntegerField(help_text="Windows.")
    skipped = serializers.IntegerField()
    waiting = serializers.IntegerField()
    looked_at = serializers.IntegerField(help_text="Newest windows behind the figures below.")
    bands = serializers.ListField(child=BandOut())
    curve = serializers.ListField(child=PointOut())
    sample = serializers.IntegerField(help_text="Windows below `refine_above` that were refined anyway.")
    sample_changed = IntervalOut(allow_null=True, help_text="Share of those with a changed word.")
    missed_words = IntervalOut(allow_null=True, help_text="Words refine would change in skipped windows.")


class ProjectModels(ApiView):
    """The models of a project and how they may be used."""

    @operation("list_project_models", gives=ModelsOut)
    def get(self, request: Request, project_id: int) -> Response:
        """Show for each model the context in force and by what evidence; for reviewers and managers."""
        self.only_query()
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "quality", project)
        values = {
            "models": references.report(project),
            "references": references.corrected(project)[: references.COUNTED].count(),
            "references_needed": gates.MIN_REFERENCES,
        }
        return Response(ModelsOut(values).data)


class ProjectRefine(ApiView):
    """The second pass of a project."""

    @operation("get_refine_effect", gives=RefineOut)
    def get(self, request: Request, project_id: int) -> Response:
        """Show what refining costs and changes, and what its rule saves; for reviewers and managers."""
        self.only_query()
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "quality", project)
        effect = refine_effect(project)
        rule = {"refine_when": project.refine_when, "refine_above": project.refine_above}
        return Response(RefineOut({**asdict(effect), **rule, "looked_at": effect.looked_at}).data)
