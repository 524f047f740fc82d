"""Find and replace: one batch of changes that a person asked for, and what became of each row."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.jobs import Job
from annotation.models.projects import Project
from annotation.models.segments import Segment
from annotation.states import ReplacedAs


class Replacement(models.Model):
    """Keep what was replaced by what, where, for whom; its rows are counted as they are written."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="replacements")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="+")
    """The job that carries it out, or takes it back; None = it was small and done at once."""
    find = models.CharField(max_length=500)
    put = models.CharField(max_length=500, blank=True)
    match_case = models.BooleanField(default=True)
    whole_words = models.BooleanField(default=False)
    query = models.CharField(max_length=500, blank=True, default="")
    """Filters, as in the search box, that narrow the rows down."""
    expected = models.PositiveIntegerField(default=0)
    """Rows that the person was shown to be changed."""
    changed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    put_back = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    """Rows that taking back left as they were: somebody has changed, finished or held them since."""
    last_segment = models.BigIntegerField(default=0, editable=False)
    """How far the work is, by segment; a worker that takes over goes on from there."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    undo_asked_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("project", "-id"), name="replacement_by_project"),)

    def __str__(self) -> str:
        return f"{self.find} -> {self.put}"


class ReplacedRow(models.Model):
    """Tell what became of one row of a replacement."""

    replacement = models.ForeignKey(Replacement, on_delete=models.CASCADE, related_name="rows")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="+")
    outcome = models.CharField(max_length=8, choices=ReplacedAs.choices)
    before = models.PositiveIntegerField()
    """The revision that was found."""
    after = models.PositiveIntegerField(null=True)
    """The revision that was written; None = the row was left alone."""
    source = models.CharField(max_length=12, blank=True, default="")
    """Who had written the text before."""

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("replacement", "segment"), name="replaced_row_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=ReplacedAs.values), name="replaced_row_outcome_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.segment_id} {self.outcome}"
