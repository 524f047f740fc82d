"""What a project's own corrections say about a model: whether a fitted context costs words, and how often a
risk score was right.
"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from annotation.models.projects import Project


class ContextGate(models.Model):
    """Say whether a model may decode in fitted context in a project, and by what evidence.

    Errors are counts of words over the same references, heard in both contexts side by side.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="context_gates")
    model = models.CharField(max_length=200)
    open = models.BooleanField(default=False)
    references = models.PositiveIntegerField(default=0)
    """Corrected segments that were scored."""
    reference_words = models.PositiveIntegerField(default=0)
    full_errors = models.PositiveIntegerField(default=0)
    fit_errors = models.PositiveIntegerField(default=0)
    full_ms = models.BigIntegerField(default=0)
    fit_ms = models.BigIntegerField(default=0)
    """What each context cost, in milliseconds of processing."""
    normalisation = models.CharField(max_length=60, default="")
    reason = models.CharField(max_length=300, default="")
    checked_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "model"), name="context_gate_once_per_model"),
        )

    def __str__(self) -> str:
        return f"{self.model} in {self.project_id}: {'open' if self.open else 'closed'}"


class RiskCalibration(models.Model):
    """Map the raw risk score of a model to the share of segments that people changed, in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="risk_calibrations")
    model = models.CharField(max_length=200)
    points = models.JSONField(default=list)
    """[[score, share], ...], rising in both; between them the line is straight."""
    segments = models.PositiveIntegerField(default=0)
    """How many corrected segments it was learnt from."""
    learnt_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "model"), name="risk_calibration_once_per_model"),
        )

    def __str__(self) -> str:
        return f"{self.model} in {self.project_id}"
