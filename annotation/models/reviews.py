"""Reviews: what a second person said of a segment; what is looked at again; rows whose text is known."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from annotation.models.projects import Project
from annotation.models.segments import Segment
from annotation.models.work import Decision
from annotation.states import ReturnReason, Verdict


class Review(models.Model):
    """Keep one verdict of one reviewer on one revision of a segment for ever.

    Insert-only for the app. The database lets a segment become accepted, or returned, only together with
    such a row, and refuses rows of people who are no reviewers, or whose own work it is.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="reviews")
    revision = models.PositiveIntegerField()
    """Number of the revision that was judged."""
    result = models.PositiveIntegerField()
    """Number of the revision it left: one more than `revision` where the reviewer fixed the text."""
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    reason_code = models.CharField(max_length=16, choices=ReturnReason.choices, blank=True, default="")
    """Of a return."""
    comment = models.CharField(max_length=500, blank=True, default="")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Whose work was judged; null for imported text."""
    audio_ms = models.BigIntegerField(default=0)
    heard_share = models.FloatField(null=True)
    """How much of it the reviewer had played, 0 to 1; null = not told."""
    active_ms = models.PositiveIntegerField(null=True)
    operation_id = models.UUIDField(null=True)
    transaction_id = models.BigIntegerField(
        db_default=Func(function="txid_current", output_field=models.BigIntegerField())
    )
    """In which transaction it was written: the segment must move in the same one."""
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="review_verdict_known"),
            models.CheckConstraint(
                condition=(
                    Q(verdict=Verdict.RETURN, reason_code__in=ReturnReason.values)
                    | (~Q(verdict=Verdict.RETURN) & Q(reason_code=""))
                ),
                name="review_return_has_a_reason",
            ),
            models.CheckConstraint(
                condition=(
                    Q(verdict=Verdict.FIX, result=F("revision") + 1)
                    | (~Q(verdict=Verdict.FIX) & Q(result=F("revision")))
                ),
                name="review_fix_is_a_revision",
            ),
            models.CheckConstraint(
                condition=Q(heard_share=None) | Q(heard_share__gte=0, heard_share__lte=1),
                name="review_heard_share_is_a_share",
            ),
            models.UniqueConstraint(
                fields=("segment", "operation_id"),
                name="review_operation_once",
                condition=Q(operation_id__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=("segment", "-id"), name="review_of_segment"),
            models.Index(fields=("project", "created_at"), name="review_by_day"),
            models.Index(fields=("annotator", "-id"), name="review_of_annotator"),
        )

    def __str__(self) -> str:
        return f"{self.verdict} of {self.segment_id} r{self.revision}"


class SampleCount(models.Model):
    """Count the rows that one annotator has decided in a project: the stratum of the second check."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    decided = models.PositiveIntegerField(default=0)
    drawn = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("project", "annotator"), name="sample_count_once_per_person"),
        )

    def __str__(self) -> str:
        return f"{self.drawn} of {self.decided}"


class SecondCheck(models.Model):
    """Say that a reviewer is to look at a decided row: it was drawn, or it was returned and comes back."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, related_name="second_check")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Whose decision was drawn."""
    number = models.PositiveIntegerField(null=True)
    """Which of the annotator's decisions it was, from 1; null for rows that a reviewer came upon."""
    again = models.BooleanField(default=False)
    """It was returned: once it is corrected it goes before what is looked at for the first time."""
    drawn_at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                F("project"), F("again").desc(), F("id"), name="second_check_open", condition=Q(done_at=None)
            ),
        )

    def __str__(self) -> str:
        return f"check of {self.segment_id}"


class Gold(models.Model):
    """Hold what is truly said in a segment that no annotator has decided about yet.

    The segment itself knows nothing of it: it lies in the queue as any other. The first decision of each
    person who meets it is scored against `text`, unseen.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, related_name="gold")
    text = models.TextField(blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "gold"
        indexes = (
            models.Index(fields=("project", "id"), name="gold_in_use", condition=Q(withdrawn_at=None)),
        )

    def __str__(self) -> str:
        return f"gold of {self.segment_id}"


class GoldScore(models.Model):
    """Count the errors of one person's first text of a gold row against the reference. Insert-only."""

    gold = models.ForeignKey(Gold, on_delete=models.CASCADE, related_name="scores")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decision = models.ForeignKey(Decision, null=True, on_delete=models.SET_NULL, related_name="+")
    profile = models.CharField(max_length=40)
    """The normalisation both texts went through."""
    substitutions = models.PositiveIntegerField()
    deletions = models.PositiveIntegerField()
    insertions = models.PositiveIntegerField()
    words = models.PositiveIntegerField()
    """Of the reference."""
    character_errors = models.PositiveIntegerField()
    characters = models.PositiveIntegerField()
    passed = models.BooleanField()
    """By the project's limit at that time."""
    limit = models.FloatField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("gold", "annotator"), name="gold_scored_once_per_person"),
        )
        indexes = (models.Index(fields=("project", "annotator"), name="gold_score_by_person"),)

    def __str__(self) -> str:
        return f"{self.annotator_id} on {self.gold_id}"
