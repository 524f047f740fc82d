"""Imports: a drop of a table and its audio, from the files that came to the segments they became."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.jobs import Job
from annotation.models.projects import Project
from annotation.models.recordings import Recording
from annotation.states import FileKind, ImportRowState, ImportState


class Import(models.Model):
    """Follow one drop: checked first, then imported; nothing of it is in the project before that.

    `answers` are what a person said where the files leave something open; `options` how to proceed.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="imports")
    state = models.CharField(max_length=12, choices=ImportState.choices, default=ImportState.CHECKING)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="imports")
    """The latest of its jobs: a check or the import itself."""
    folder = models.CharField(max_length=4000, blank=True, default="")
    """The folder on the server it was read from; set by the command, never by a request."""
    table = models.CharField(max_length=500, blank=True, default="")
    """The name of the table among its files; empty = transcripts of other tools, or audio alone."""
    columns = models.JSONField(default=list)
    """[{"header", "field", "found"}] in the order of the table; field "" = kept as metadata, "ignore" = left
    out. `found`: how the field was found (`name`, `template`, `audio`, `person`, "")."""
    reading = models.JSONField(default=dict)
    """{"kind", "sheet", "sheets", "encoding", "delimiter"}: how the table was read, by choice or as found."""
    options = models.JSONField(default=dict)
    answers = models.JSONField(default=dict)
    questions = models.JSONField(default=list)
    """[{"code", "message", "choices": [{"value", "label"}], "samples"}]: what must be answered first."""
    preview = models.JSONField(default=list)
    """The first rows as they were understood."""
    counts = models.JSONField(default=dict)
    """{"rows", "ready", "faulty", "known", "by_code": {code: rows}, ...} of the last check or import."""
    refusal = models.JSONField(default=dict)
    """{"code", "message", "file"}: why nothing of it can be imported."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(state__in=ImportState.values), name="import_state_known"),
        )
        indexes = (models.Index(fields=("project", "-id"), name="import_by_project"),)

    def __str__(self) -> str:
        return f"{self.table or 'import'} #{self.pk} {self.state}"


class ImportFile(models.Model):
    """Stand for one file of a drop. Its bytes lie under a name of ours, or in the server's folder."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    parent = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=1000)
    """The path as the drop, archive or folder has it: data, never opened."""
    kind = models.CharField(max_length=12, choices=FileKind.choices)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True, default="")
    path = models.CharField(max_length=4000, blank=True, default="")
    """Where the bytes lie when that is the server's folder; empty = under the media root."""
    stamp = models.CharField(max_length=60, blank=True, default="")
    """Size and time of change of a file in the server's folder: the same = not read again."""
    duration_ms = models.BigIntegerField(null=True)
    cause_code = models.CharField(max_length=60, blank=True, default="")
    cause = models.TextField(blank=True, default="")
    """Why it cannot be used, or was left out."""
    recording = models.ForeignKey(Recording, null=True, on_delete=models.SET_NULL, related_name="+")
    """What it became, or the recording that has the same bytes."""

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=FileKind.values), name="import_file_kind_known"),
        )
        indexes = (
            models.Index(fields=("parent", "kind"), name="import_file_by_kind"),
            models.Index(fields=("recording",), name="import_file_by_recording"),
        )

    def __str__(self) -> str:
        return self.name


class ImportRow(models.Model):
    """Hold one row of the table between its check and its import. Removed once it is imported."""

    parent = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows")
    source = models.CharField(max_length=500, blank=True, default="")
    """The file it stands in."""
    line = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=ImportRowState.choices)
    faults = models.JSONField(default=list)
    """[[code, message], ...]"""
    cells = models.JSONField(default=list)
    """As they stand in the table, for the sheet of rejects."""
    file = models.ForeignKey(ImportFile, null=True, on_delete=models.SET_NULL, related_name="+")
    recording = models.ForeignKey(Recording, null=True, on_delete=models.SET_NULL, related_name="+")
    start_ms = models.BigIntegerField(null=True)
    end_ms = models.BigIntegerField(null=True)
    """Both null = the whole file."""
    external_id = models.CharField(max_length=200, blank=True, default="")
    speaker = models.CharField(max_length=100, blank=True, default="")
    language = models.CharField(max_length=12, blank=True, default="")
    text = models.TextField(blank=True, default="")
    correction = models.TextField(null=True)  # noqa: DJ001 - null = none was given; "" = nothing is said there
    locked = models.BooleanField(null=True)
    """Null = the table does not say."""
    locked_at = models.DateTimeField(null=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Who is asked to work on the recording."""
    version = models.PositiveIntegerField(null=True)
    """Revision of the segment when the sheet was exported; null = it does not say."""
    metadata = models.JSONField(default=dict)
    words = models.JSONField(default=list)
    """[[start_ms, end_ms, text, probability], ...] relative to the recording, where the file has them."""

    class Meta:
        ordering = ("source", "line")
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=ImportRowState.values), name="import_row_state_known"
            ),
            models.UniqueConstraint(fields=("parent", "source", "line"), name="import_row_once"),
        )
        indexes = (
            models.Index(fields=("parent", "state"), name="import_row_by_state"),
            models.Index(
                fields=("recording",), name="import_row_waiting", condition=Q(state=ImportRowState.WAITING)
            ),
        )

    def __str__(self) -> str:
        return f"line {self.line}"


class ImportTemplate(models.Model):
    """Remember how a table of this shape was read: which column is what, and what was answered."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="import_templates")
    name = models.CharField(max_length=100)
    headers = models.JSONField(default=list)
    """The headers it is for, in plain form and order."""
    fields = models.JSONField(default=dict)
    """{header in plain form: field}"""
    answers = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("project", "name"), name="import_template_once_per_name"),
        )

    def __str__(self) -> str:
        return self.name
