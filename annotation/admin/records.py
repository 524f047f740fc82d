"""Projects, recordings, segments and the work on them, to look things up. Nothing is changed here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation.admin.history import SegmentHistory
from annotation.admin.readonly import ReadOnly
from annotation.models import (
    Assignment,
    ContextGate,
    Decoding,
    Export,
    Import,
    Job,
    Project,
    Recording,
    Revision,
    RiskCalibration,
    Segment,
)

HISTORY = "admin:annotation_segment_history"


@admin.register(Project)
class ProjectAdmin(ReadOnly):
    """Show projects; their settings are on their page."""

    list_display = ("name", "language", "draft_model", "refine_model", "segmentation", "created_at")
    search_fields = ("name",)


@admin.register(Recording)
class RecordingAdmin(ReadOnly):
    """Show recordings with what was found out about their files."""

    list_display = (
        "name",
        "project",
        "state",
        "duration_ms",
        "container",
        "codec",
        "attempts",
        "cause_code",
        "created_at",
    )
    list_filter = ("state",)
    list_select_related = ("project",)
    search_fields = ("name", "sha256__exact")
    ordering = ("-id",)


@admin.register(Segment)
class SegmentAdmin(SegmentHistory, ReadOnly):
    """Show segments; each leads to its history."""

    list_display = (
        "id",
        "recording",
        "start_ms",
        "end_ms",
        "state",
        "locked",
        "revision",
        "shortened",
        "history",
    )
    list_filter = ("state", "locked")
    list_select_related = ("recording",)
    search_fields = ("id__exact", "recording__name")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        """Find those too whose place others took: their history is kept."""
        return Segment.everything.select_related("project", "recording")

    @admin.display(description="text")
    def shortened(self, segment: Segment) -> SafeString:
        """Show the beginning of the text."""
        text = segment.text if len(segment.text) <= 80 else f"{segment.text[:79]}…"
        return format_html('<span dir="auto">{}</span>', text)

    @admin.display(description="")
    def history(self, segment: Segment) -> SafeString:
        """Lead to its audit."""
        return format_html('<a href="{}">history</a>', reverse(HISTORY, args=[segment.pk]))


@admin.register(Revision)
class RevisionAdmin(ReadOnly):
    """Show versions of texts."""

    list_display = ("id", "segment", "number", "source", "author", "model", "created_at")
    list_filter = ("source",)
    list_select_related = ("segment", "author")
    search_fields = ("segment__id__exact", "author__username__exact")
    raw_id_fields = ("segment",)
    ordering = ("-id",)


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Show jobs with how far they are and why they failed."""

    list_display = (
        "id",
        "kind",
        "recording",
        "state",
        "phase",
        "processed_items",
        "failed_items",
        "total_items",
        "error_code",
        "created_by",
        "created_at",
    )
    list_filter = ("state", "kind")
    list_select_related = ("recording", "created_by")
    search_fields = ("id__exact", "recording__name")
    ordering = ("-id",)


@admin.register(Decoding)
class DecodingAdmin(ReadOnly):
    """Show the work of the models, window by window."""

    list_display = (
        "id",
        "recording",
        "pass_name",
        "model",
        "start_ms",
        "end_ms",
        "state",
        "attempts",
        "claimed_by",
        "cause_code",
        "processing_ms",
    )
    list_filter = ("state", "pass_name")
    list_select_related = ("recording",)
    search_fields = ("id__exact", "recording__name", "claimed_by")
    ordering = ("-id",)


@admin.register(Assignment)
class AssignmentAdmin(ReadOnly):
    """Show who was asked to work on what."""

    list_display = ("recording", "assignee", "assigned_by", "project", "created_at")
    list_select_related = ("recording", "assignee", "assigned_by", "project")
    search_fields = ("assignee__username__exact", "recording__name")
    ordering = ("-id",)


@admin.register(ContextGate)
class GateAdmin(ReadOnly):
    """Show by what evidence a model may use fitted context in a project."""

    list_display = ("project", "model", "open", "reason", "checked_at")
    list_select_related = ("project",)


@admin.register(RiskCalibration)
class CalibrationAdmin(ReadOnly):
    """Show what the risk score was found to be worth."""

    list_display = ("project", "model", "segments", "learnt_at")
    list_select_related = ("project",)


@admin.register(Import)
class ImportAdmin(ReadOnly):
    """Show imports with what became of their rows."""

    list_display = ("id", "project", "state", "table", "counts", "created_by", "created_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("project", "created_by")
    ordering = ("-id",)


@admin.register(Export)
class ExportAdmin(ReadOnly):
    """Show exports with what was asked of them."""

    list_display = ("id", "project", "number", "format", "filter", "created_by", "created_at")
    list_filter = ("format",)
    list_select_related = ("project", "created_by")
    ordering = ("-id",)
