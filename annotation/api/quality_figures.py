"""The figures of the quality pages: rows, and the same as CSV or as the SVG the page shows."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import operation, text
from annotation.models import Project
from annotation.permissions import get_visible
from annotation.quality.catalogue import BY, FIGURES, figure
from annotation.quality.figures import Figure, to_csv
from annotation.quality.overview import PROFILE, standing
from annotation.quality.scope import FILTERS, Scope, scope_for

Out = serializers.Serializer[Any]

FILTER_DOCS: Final = (
    text("since", "First day, YYYY-MM-DD (UTC)."),
    text("until", "Last day, YYYY-MM-DD (UTC)."),
    text("annotator", "Id of the person whose texts are looked at; annotators get their own only."),
    text("model", "Name of a model."),
    text("recording", "Id of a recording."),
)
FORMATS: Final = {"csv": "text/csv; charset=utf-8", "svg": "image/svg+xml; charset=utf-8"}
NOTHING: Final = '<svg xmlns="http://www.w3.org/2000/svg"><title>Nothing to draw yet</title></svg>'
FORMAT: Final = text("format", "The rows as CSV, or the plot as SVG; JSON without it.", list(FORMATS))
FILES: Final = {(200, "text/csv"): OpenApiTypes.STR, (200, "image/svg+xml"): OpenApiTypes.STR}


class BoundsOut(Out):
    """An estimate with its 95 % interval."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class ProfileOut(Out):
    """The normalisation that texts went through before they were compared."""

    name = serializers.CharField()
    description = serializers.CharField()


class FigureColumnOut(Out):
    """A column of a figure; with `interval` rows have `key`, `key_low` and `key_high`."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # declared fields leave the class
    kind = serializers.CharField(help_text="text, count, share (0..1), ms, ratio, points, number or flag.")
    interval = serializers.BooleanField()


class FigureOut(Out):
    """One figure; the same rows are behind its page and its files."""

    figure = serializers.CharField(source="name")
    by = serializers.CharField()
    title = serializers.CharField()
    about = serializers.CharField()
    method = serializers.CharField(help_text="How intervals were found, with the source.")
    columns = FigureColumnOut(many=True)
    rows = serializers.ListField(child=serializers.DictField())
    summary = serializers.DictField()
    profile = serializers.SerializerMethodField()

    @extend_schema_field(ProfileOut)
    def get_profile(self, found: Figure) -> Any:
        """Return the normalisation of every score."""
        return profile()


class EstimateOut(Out):
    """The machine's word error rate in a project; absent under 100 reviewed segments."""

    overall = BoundsOut()
    reviewed = BoundsOut()
    remaining = BoundsOut(allow_null=True, help_text="By the isotonic fit over the risk.")
    segments = serializers.IntegerField()
    remaining_segments = serializers.IntegerField()
    points = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    at = serializers.DateTimeField()


class AddressOut(Out):
    """Where a figure is."""

    figure = serializers.CharField()
    url = serializers.CharField()
    by = serializers.ListField(child=serializers.CharField())


class QualityOut(Out):
    """A project's quality at a glance."""

    profile = ProfileOut()
    scored_at = serializers.DateTimeField(allow_null=True, help_text="What was decided by then is counted.")
    own = serializers.BooleanField(help_text="Whether these are your own figures only.")
    estimate = EstimateOut(allow_null=True)
    machine = FigureOut(help_text="Machines against what people left, by model.")
    people = FigureOut(help_text="Pace and quality by annotator.")
    figures = serializers.SerializerMethodField()

    @extend_schema_field(AddressOut(many=True))
    def get_figures(self, values: dict[str, Any]) -> Any:
        """Return the addresses of all figures."""
        return values["figures"]


class _Quality(ApiView):
    def scope(self, project_id: int) -> Scope:
        """Return what the query asks for, in a project the person is a member of."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        return scope_for(self.person, project, self.request.query_params)

    def answer(self, project_id: int, name: str) -> HttpResponseBase:
        """Answer with one figure in the form that was asked for."""
        breakdowns = BY.get(name, ())
        self.only_query(*FILTERS, "format", *(["by"] if breakdowns else []))
        by, form = self.word("by"), self.word("format")
        if by and by not in breakdowns:
            raise ValidationError({"by": f"Expected {' or '.join(breakdowns)}."})
        if form and form not in FORMATS:
            raise ValidationError({"format": f"Expected {' or '.join(FORMATS)}."})
        found = figure(self.scope(project_id), name, by)
        return as_file(found, form) if form else Response(FigureOut(found).data)


def profile() -> dict[str, str]:
    """Return the normalisation of every score."""
    return {"name": PROFILE.name, "description": PROFILE.description}


def as_file(found: Figure, form: str) -> HttpResponse:
    """Return a figure as a download."""
    body = (found.plot or NOTHING) if form == "svg" else to_csv(found)
    response = HttpResponse(body, content_type=FORMATS[form])
    response.headers["Content-Disposition"] = f'attachment; filename="{found.file_name}.{form}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


class ProjectQuality(_Quality):
    """The quality of a project."""

    @operation("get_quality", gives=QualityOut, query=FILTER_DOCS)
    def get(self, request: Request, project_id: int) -> Response:
        """Show machines against people by model, and people's pace and quality; annotators see their own."""
        self.only_query(*FILTERS)
        scope = self.scope(project_id)
        found = standing(scope.project)
        values = {
            "profile": profile(),
            "scored_at": found.scored_at,
            "own": scope.own,
            "estimate": None if scope.own else found.estimate,
            "machine": figure(scope, "wer", "model"),
            "people": figure(scope, "people"),
            "figures": [
                {"figure": name, "url": f"/api/projects/{project_id}/quality/{name}/", "by": BY.get(name, ())}
                for name in FIGURES
            ],
        }
        return Response(QualityOut(values).data)


class QualityWer(_Quality):
    """Machines against people."""

    @operation(
        "get_quality_wer",
        gives=FigureOut,
        also=FILES,
        query=(*FILTER_DOCS, FORMAT, text("by", "Breakdown.", list(BY["wer"]))),
    )
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show error rates of the machines' texts, with what people left as the reference."""
        return self.answer(project_id, "wer")


class QualityReview(_Quality):
    """Annotators against reviewers."""

    @operation(
        "get_quality_review",
        gives=FigureOut,
        also=FILES,
        query=(*FILTER_DOCS, FORMAT, text("by", "Breakdown.", list(BY["review"]))),
    )
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show error rates of what annotators handed in, with what reviewers accepted as the reference."""
        return self.answer(project_id, "review")


class QualityPasses(_Quality):
    """Draft against refine."""

    @operation("get_quality_passes", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show what the second pass bought, in word errors and in seconds of computing."""
        return self.answer(project_id, "passes")


class QualityTriage(_Quality):
    """What the order of risk is worth."""

    @operation("get_quality_triage", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show the share of all errors in the riskiest rows, beside time order, chance and the ideal."""
        return self.answer(project_id, "triage")


class QualityReliability(_Quality):
    """What stated risks came to."""

    @operation("get_quality_reliability", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show the stated risk against the share of rows that people changed."""
        return self.answer(project_id, "reliability")


class QualitySubstitutions(_Quality):
    """Words that are corrected."""

    @operation("get_quality_substitutions", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """List the words that people replaced most often, and whether the glossary has them."""
        return self.answer(project_id, "substitutions")


class QualityPeople(_Quality):
    """People's work."""

    @operation(
        "get_quality_people",
        gives=FigureOut,
        also=FILES,
        query=(*FILTER_DOCS, FORMAT, text("by", "What is plotted.", list(BY["people"]))),
    )
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show each annotator's pace, listening, returns and agreement; annotators get their own row."""
        return self.answer(project_id, "people")


class QualityAgreement(_Quality):
    """Blind readers."""

    @operation("get_quality_agreement", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show how far people who read the same segments blind are apart; annotators get their own row."""
        return self.answer(project_id, "agreement")


class QualityGold(_Quality):
    """Gold."""

    @operation("get_quality_gold", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show how each person did on rows whose text was known; nothing to annotators."""
        return self.answer(project_id, "gold")


class QualityDrawn(_Quality):
    """The second check."""

    @operation("get_quality_drawn", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show how much of each person's work was drawn for the second check; nothing to annotators."""
        return self.answer(project_id, "drawn")


class QualityEstimate(_Quality):
    """The estimate."""

    @operation("get_quality_estimate", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show the machine's error rate of what was decided about, of the rest, and of all."""
        return self.answer(project_id, "estimate")


class QualityRefine(_Quality):
    """The second pass by risk."""

    @operation("get_quality_refine", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show in how many windows the second pass changed a word, by risk of the draft."""
        return self.answer(project_id, "refine")


class QualityThreshold(_Quality):
    """What a rule would save."""

    @operation("get_quality_threshold", gives=FigureOut, also=FILES, query=(*FILTER_DOCS, FORMAT))
    def get(self, request: Request, project_id: int) -> HttpResponseBase:
        """Show what refining only above a risk saves of the work and misses of the changes."""
        return self.answer(project_id, "threshold")
