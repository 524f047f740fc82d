"""Jobs: work that a person asked for and watches."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.models.claims import Claimable
from annotation.models.projects import Project
from annotation.models.recordings import Recording
from annotation.states import FILE_JOBS, LIVE_JOBS, JobKind, JobState


class Job(Claimable):
    """Follow one request from the click to its end.

    The counts are copied from the rows that do the work, in the same transaction as the work, so a page
    needs no Redis to tell the truth. The claim is held by the worker that does a file job (import, export,
    replace); of a transcription the windows are claimed, not the job.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="jobs")
    recording = models.ForeignKey(Recording, null=True, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=12, choices=JobKind.choices)
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.PENDING)
    phase = models.CharField(max_length=20, blank=True, default="")
    """What it is doing while it runs: preparing, downloading, draft or refine."""
    processed_items = models.PositiveIntegerField(default=0)
    failed_items = models.PositiveIntegerField(default=0)
    total_items = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True, default="")
    error = models.TextField(blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.CheckConstraint(
                condition=Q(processed_items__lte=F("total_items")), name="job_processed_within_total"
            ),
        )
        indexes = (
            models.Index(fields=("project", "-id"), name="job_by_project"),
            models.Index(fields=("id",), name="job_live", condition=Q(state__in=LIVE_JOBS)),
            models.Index(
                fields=("id",),
                name="job_of_files",
                condition=Q(state__in=LIVE_JOBS, kind__in=FILE_JOBS),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk} {self.state}"
