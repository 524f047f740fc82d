"""Recordings, and the uploads they arrive by."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.claims import Claimable
from annotation.models.projects import Project
from annotation.states import AS_IMPORTED, ChannelLayout, Priority, RecordingState, Segmentation, UploadState


class Recording(Claimable):
    """Stand for one uploaded audio file: immutable, known by its SHA-256.

    The claim is held by the worker that prepares it. Files lie under the media root in
    `recordings/<id>/` (`annotation.storage` knows the names), never under a name a client chose.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="recordings")
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, editable=False)
    size_bytes = models.BigIntegerField(editable=False)
    state = models.CharField(
        max_length=12, choices=RecordingState.choices, default=RecordingState.STORED, editable=False
    )
    duration_ms = models.BigIntegerField(null=True, editable=False)
    prepared_percent = models.PositiveSmallIntegerField(default=0, editable=False)
    """How far the present preparation is."""
    container = models.CharField(max_length=60, blank=True, default="", editable=False)
    codec = models.CharField(max_length=60, blank=True, default="", editable=False)
    sample_rate = models.PositiveBigIntegerField(null=True, editable=False)
    channels = models.PositiveIntegerField(null=True, editable=False)
    wav_sha256 = models.CharField(max_length=64, blank=True, default="", editable=False)
    channel_layout = models.CharField(
        max_length=12, choices=ChannelLayout.choices, default=ChannelLayout.MIXED, editable=False
    )
    priority = models.SmallIntegerField(default=Priority.BULK, editable=False)
    """How soon it is prepared, and what its decodings start with."""
    settled_ms = models.BigIntegerField(default=0, editable=False)
    """Up to where the segments are final, while the rest is still being decoded."""
    language = models.CharField(max_length=12, blank=True, default="")
    """As a person gave it; empty = as the project says."""
    detected_language = models.CharField(max_length=12, blank=True, default="", editable=False)
    language_probability = models.FloatField(null=True, editable=False)
    segmentation = models.CharField(
        max_length=12,
        choices=[*Segmentation.choices, (AS_IMPORTED, "As in the table")],
        blank=True,
        default="",
    )
    """How to cut this one; empty = as the project says. As in the table: its segments came by an import."""
    warnings = models.JSONField(default=list, editable=False)
    """What was odd about the file and was survived: [{code, message}]."""
    silences = models.JSONField(default=list, editable=False)
    """The silence map: [[start_ms, end_ms], ...], or [[start_ms, end_ms, channel], ...] of channels apart."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    trashed_at = models.DateTimeField(null=True, editable=False)
    """When it was put into the trash: it is in no list, queue, search or export. None = it is live."""
    trashed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "sha256"), name="recording_once_per_project"),
            models.CheckConstraint(
                condition=Q(state__in=RecordingState.values), name="recording_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=RecordingState.READY) | Q(duration_ms__gt=0),
                name="recording_ready_has_duration",
            ),
        )
        indexes = (
            models.Index(
                fields=("id",),
                name="recording_to_prepare",
                condition=Q(state__in=(RecordingState.STORED, RecordingState.PREPARING)),
            ),
            models.Index(
                fields=("project",), name="recording_in_trash", condition=Q(trashed_at__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return self.name


class Upload(models.Model):
    """Hold one resumable upload while its bytes arrive (tus 1.0).

    `offset` is raised only after the bytes are written and synced, so after a crash the file is cut
    back to it and nothing is trusted that was not acknowledged.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    name = models.CharField(max_length=255)
    size_bytes = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    state = models.CharField(max_length=12, choices=UploadState.choices, default=UploadState.OPEN)
    segmentation = models.CharField(max_length=12, blank=True, default="")
    recording = models.ForeignKey(
        Recording, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    """What the bytes became; for a duplicate, the recording that was there before."""
    waiting = models.BooleanField(default=False)
    """Whether a person waits for its text."""
    duplicate = models.BooleanField(default=False, editable=False)
    for_import = models.BooleanField(default=False)
    """Whether the bytes, once whole, wait for an import to take them instead of becoming a recording."""
    sha256 = models.CharField(max_length=64, blank=True, default="", editable=False)
    """Of bytes that wait for their import."""
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.CheckConstraint(condition=Q(state__in=UploadState.values), name="upload_state_known"),
            models.CheckConstraint(
                condition=Q(offset__gte=0, offset__lte=models.F("size_bytes")), name="upload_offset_in_size"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.offset}/{self.size_bytes})"
