"""Scores: how far a machine's text was from what people made of it, and a person's from their reviewer's.

They are counted by workers, off every request, and are a copy of what texts say: a row counts for as long as
its segment is at the revision it was counted with, and can be thrown away and counted again.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.models.projects import Project
from annotation.models.segments import Segment
from annotation.states import Pass


class ErrorTally(models.Model):
    """Carry error counts by kind, in words and in characters, and the profile both texts went through."""

    profile = models.CharField(max_length=40)
    substitutions = models.PositiveIntegerField(default=0)
    deletions = models.PositiveIntegerField(default=0)
    insertions = models.PositiveIntegerField(default=0)
    words = models.PositiveIntegerField(default=0)
    """Of the reference."""
    character_substitutions = models.PositiveIntegerField(default=0)
    character_deletions = models.PositiveIntegerField(default=0)
    character_insertions = models.PositiveIntegerField(default=0)
    characters = models.PositiveIntegerField(default=0)
    """Of the reference, single spaces between words included."""
    scored_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


class MachineScore(ErrorTally):
    """Compare what a model heard in a segment with the text people left there, the reference."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="+", db_index=False)
    revision = models.PositiveIntegerField()
    """Number of the reference's revision."""
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Who wrote the reference."""
    decided_at = models.DateTimeField()
    """When they did."""
    pass_name = models.CharField(max_length=12, choices=Pass.choices)
    model = models.CharField(max_length=200)
    heard = models.BigIntegerField()
    """Id of the newest Hypothesis of its pass and model. No foreign key: a score goes with its segment."""
    best = models.BooleanField(default=False)
    """Whether this is the machine's text, as exports have it: that of the refine pass where there is one."""
    risk = models.FloatField(null=True)
    """What was said of the hypothesis before anybody had read it."""
    processing_ms = models.PositiveIntegerField(null=True)
    audio_ms = models.BigIntegerField(default=0)
    replaced = models.JSONField(default=list)
    """[[heard, written], ...]: the words that were substituted, as they were spelt."""

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("segment", "pass_name", "model"), name="machine_score_once_per_model"
            ),
            models.CheckConstraint(
                condition=Q(words__gte=F("substitutions") + F("deletions")), name="machine_score_adds_up"
            ),
        )
        indexes = (models.Index(fields=("project", "decided_at"), name="machine_score_by_time"),)

    def __str__(self) -> str:
        return f"{self.model} in {self.segment_id} r{self.revision}"


class ReviewScore(ErrorTally):
    """Compare what an annotator first handed in with what a second person, who looked at it, left there."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, related_name="+")
    revision = models.PositiveIntegerField()
    """Number of the segment's revision when it was counted: the reviewer's text, the reference."""
    authored = models.PositiveIntegerField()
    """Number of the revision that was judged first: what the annotator had handed in."""
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField()
    """When the reviewer did."""

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(words__gte=F("substitutions") + F("deletions")), name="review_score_adds_up"
            ),
        )
        indexes = (models.Index(fields=("project", "decided_at"), name="review_score_by_time"),)

    def __str__(self) -> str:
        return f"{self.segment_id} r{self.authored} to r{self.revision}"


class ProjectQuality(models.Model):
    """Say until when a project is scored, and what the machine's error rate is there by estimate.

    Rates are of words, None where too little was reviewed to tell.
    """

    project = models.OneToOneField(
        Project, primary_key=True, on_delete=models.CASCADE, related_name="scored", serialize=False
    )
    scored_at = models.DateTimeField(db_default=Now())
    """Everything that people had decided by then is counted."""
    checked_at = models.DateTimeField(null=True)
    """When all of it was last looked through, not only what seemed new."""
    reviewed = models.PositiveIntegerField(default=0)
    """Segments behind the estimate."""
    remaining = models.PositiveIntegerField(default=0)
    """Segments that a machine has heard and no person has looked at."""
    reviewed_rate = models.FloatField(null=True)
    reviewed_low = models.FloatField(null=True)
    reviewed_high = models.FloatField(null=True)
    remaining_rate = models.FloatField(null=True)
    remaining_low = models.FloatField(null=True)
    remaining_high = models.FloatField(null=True)
    overall_rate = models.FloatField(null=True)
    overall_low = models.FloatField(null=True)
    overall_high = models.FloatField(null=True)
    points = models.JSONField(default=list)
    """[[risk, error rate], ...], rising in both: the fit behind `remaining`."""
    estimated_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "project qualities"

    def __str__(self) -> str:
        return f"{self.project_id} until {self.scored_at}"
