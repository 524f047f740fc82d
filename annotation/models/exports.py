"""Exports: frozen versions of a dataset. Insert-only for the app; what changes is the state of their job.

Nothing here refers to segments or recordings by a foreign key: an export outlives what it was made of.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.jobs import Job
from annotation.models.projects import Project
from annotation.states import ExportFormat, Split


class Export(models.Model):
    """Say what was asked for: which rows, in which format, with which options, by whom."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="exports")
    number = models.PositiveIntegerField()
    """Of the project's versions, from 1."""
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="export")
    format = models.CharField(max_length=16, choices=ExportFormat.choices)
    filter = models.JSONField(default=dict)
    """What `services.exports.choosing.Choice` reads; every key is there."""
    options = models.JSONField(default=dict)
    """What `services.exports.choosing.Options` reads; every key is there."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "number"), name="export_number_once"),
            models.CheckConstraint(condition=Q(format__in=ExportFormat.values), name="export_format_known"),
        )

    def __str__(self) -> str:
        return f"version {self.number} of {self.project_id} ({self.format})"


class Snapshot(models.Model):
    """Say when the rows of an export were frozen, and what there was."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, related_name="snapshot")
    frozen_at = models.DateTimeField()
    """One moment for all rows: they were read by one statement."""
    rows = models.PositiveIntegerField()
    facts = models.JSONField(default=dict)
    """What the manifest says of the project at that moment: counts, models, columns, glossary."""

    def __str__(self) -> str:
        return f"{self.rows} rows of export {self.export_id}"


class ExportedRow(models.Model):
    """Freeze one row of an export: which revision of which segment, and what can change beside it."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="rows")
    number = models.PositiveIntegerField()
    """Its place in the export, from 1."""
    recording_id = models.BigIntegerField()
    segment_id = models.BigIntegerField()
    revision_id = models.BigIntegerField(null=True)
    """The text; null = nothing had been heard yet."""
    hypothesis_id = models.BigIntegerField(null=True)
    """What the best machine heard; null = no machine has."""
    split = models.CharField(max_length=10, choices=Split.choices, blank=True, default="")
    """Which part of the dataset it belongs to; empty where it was not split."""
    facts = models.JSONField(default=dict)
    """Times, speaker, people, the sheet's own columns: as they were at that moment."""

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("export", "number"), name="exported_row_number_once"),
            models.CheckConstraint(
                condition=Q(split__in=["", *Split.values]), name="exported_row_split_known"
            ),
        )

    def __str__(self) -> str:
        return f"row {self.number} of export {self.export_id}"


class ExportedFile(models.Model):
    """Say what was written: the file that is downloaded, by its size and SHA-256, and its manifest."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, related_name="file")
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    """Rows written; less than were frozen where the format can't hold some."""
    audio_ms = models.BigIntegerField()
    manifest = models.JSONField()
    card = models.TextField()
    """The dataset card, Markdown."""
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.size_bytes} bytes of export {self.export_id}"
