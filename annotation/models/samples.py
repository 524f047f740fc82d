"""Samples that supervisors draw from corrections, kept so that they can be come back to and checked."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.work import Decision


class AuditSample(models.Model):
    """Keep how a random sample of corrections was drawn: from what, how many, and by which seed."""

    drawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    filters = models.CharField(max_length=1000, blank=True, default="")
    """The query of the list it was drawn from."""
    seed = models.BigIntegerField()
    """The rows are those whose md5 of `seed:id` is smallest; the same seed and rows give the same sample."""
    margin = models.FloatField()
    """Half the width of the 95 % interval of a share that is judged on it, at worst."""
    population = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    decisions = models.ManyToManyField(Decision, through="SampledDecision", related_name="samples")

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(size__lte=models.F("population")), name="sample_fits"),
        )

    def __str__(self) -> str:
        return f"{self.size} of {self.population}"


class SampledDecision(models.Model):
    """Put one correction into a sample."""

    sample = models.ForeignKey(AuditSample, on_delete=models.CASCADE, related_name="+", db_index=False)
    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("sample", "decision"), name="sampled_once"),)

    def __str__(self) -> str:
        return f"{self.decision_id} in {self.sample_id}"
