"""Batches: a handful of work given to a person at once, of segments or of whole recordings."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.projects import Project
from annotation.models.recordings import Recording
from annotation.models.segments import Segment


class Batch(models.Model):
    """Reserve segments or recordings for one person; while paused they go to nobody."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batches")
    name = models.CharField(max_length=100)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="batches")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    paused_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    """When what was left of it went back to everybody."""

    class Meta:
        indexes = (
            models.Index(fields=("project", "assignee"), name="batch_in_force", condition=Q(closed_at=None)),
        )

    def __str__(self) -> str:
        return self.name


class BatchSegment(models.Model):
    """Put one segment into a batch; it is in one at a time."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="segments")
    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.segment_id} in {self.batch_id}"


class BatchRecording(models.Model):
    """Put one recording into a batch, with all segments it has and will have."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="recordings")
    recording = models.OneToOneField(Recording, on_delete=models.CASCADE, related_name="in_batch")

    def __str__(self) -> str:
        return f"{self.recording_id} in {self.batch_id}"
