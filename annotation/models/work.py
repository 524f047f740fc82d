"""What people leave while they work: decisions, drafts, settings of their own; and who was asked to work."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Cast, Now

from annotation.models.decodings import Hypothesis
from annotation.models.projects import Project
from annotation.models.recordings import Recording
from annotation.models.segments import Segment
from annotation.states import TEXT_DECISIONS, DecisionKind

UNHEARD_BELOW = 0.6
"""Share of the audio under which a text was decided about without having been heard."""
HEARD_DECISIONS = (DecisionKind.SAVE, DecisionKind.ACCEPT)
"""Decisions that nobody can make well without having listened."""
FAST_BELOW = 0.3
"""Time at work as a share of the audio under which nobody can have listened."""


class Decision(models.Model):
    """Keep one act of one person on one segment for ever: what, how well heard, and what it was before.

    Insert-only for the app. `undoes` takes another decision of the same person back; nothing is removed.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="decisions")
    """What it was about; of a split or merge the (first) segment that was retired by it."""
    kind = models.CharField(max_length=16, choices=DecisionKind.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    audio_ms = models.BigIntegerField(default=0)
    """How long the segment was then."""
    heard_share = models.FloatField(null=True)
    """How much of it was played before, 0 to 1; null = not told."""
    active_ms = models.PositiveIntegerField(null=True)
    """How long the person worked on it, pauses left out; null = not told."""
    checks = models.JSONField(default=list)
    """Codes of the checks that warned about the text."""
    overrode = models.JSONField(default=list)
    """Codes the person had seen and decided against."""
    before = models.JSONField(default=dict)
    """What an undo puts back: of each segment that was changed, by its id."""
    after = models.JSONField(default=dict)
    """Revision of each live segment it left, by id: an undo is refused once one of them has moved on."""
    undoes = models.OneToOneField("self", null=True, on_delete=models.CASCADE, related_name="undone_by")
    hypothesis = models.ForeignKey(
        Hypothesis, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    """What the best machine had heard by then; null where none had, or the decision is not about a text."""
    # Errors of that machine's text, in words, with the text of the decision as reference; null = not counted.
    substitutions = models.PositiveIntegerField(null=True)
    deletions = models.PositiveIntegerField(null=True)
    insertions = models.PositiveIntegerField(null=True)
    reference_length = models.PositiveIntegerField(null=True)
    profile = models.CharField(max_length=40, blank=True, default="")
    """The normalisation both texts went through before they were counted."""
    wer = models.GeneratedField(
        expression=Case(
            When(
                reference_length__gt=0,
                then=Cast(F("substitutions") + F("deletions") + F("insertions"), models.FloatField())
                / Cast(F("reference_length"), models.FloatField()),
            ),
            # No word was said: all that the machine wrote is wrong, or it rightly wrote nothing.
            When(insertions__gt=0, then=Value(1.0)),
            When(reference_length=0, then=Value(0.0)),
            output_field=models.FloatField(null=True),
        ),
        output_field=models.FloatField(null=True),
        db_persist=True,
    )
    """Word error rate of the machine's text, to filter rows by; the rate of many rows is of their sums."""
    operation_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=DecisionKind.values), name="decision_kind_known"),
            models.CheckConstraint(
                condition=Q(heard_share=None) | Q(heard_share__gte=0, heard_share__lte=1),
                name="decision_heard_share_is_a_share",
            ),
            models.UniqueConstraint(
                fields=("segment", "operation_id"),
                name="decision_operation_once",
                condition=Q(operation_id__isnull=False),
            ),
        )
        indexes = (
            models.Index(fields=("project", "created_at"), name="decision_by_day"),
            models.Index(fields=("author", "-id"), name="decision_by_author"),
            # For supervisors: the whole site newest first, by what is worth a look.
            models.Index(fields=("created_at", "id"), name="decision_by_time"),
            models.Index(fields=("project", "-id"), name="decision_by_project"),
            models.Index(fields=("wer", "-id"), name="decision_by_wer", condition=Q(wer__isnull=False)),
            models.Index(
                fields=("-id",), name="decision_unheard", condition=Q(heard_share__lt=UNHEARD_BELOW)
            ),
            models.Index(
                fields=("-id",), name="decision_fast", condition=Q(active_ms__lt=F("audio_ms") * FAST_BELOW)
            ),
            models.Index(fields=("-id",), name="decision_overrode", condition=~Q(overrode=[])),
            models.Index(
                fields=("-id",),
                name="decision_untold",
                condition=Q(heard_share__isnull=True, kind__in=HEARD_DECISIONS),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.segment_id}"


class Corrections(models.Manager["Correction"]):
    """Find the decisions about a text; those about a segment's shape are none."""

    def get_queryset(self) -> models.QuerySet[Correction]:
        """Leave everything else out."""
        return super().get_queryset().filter(kind__in=TEXT_DECISIONS)


class Correction(Decision):
    """Look at the decisions about texts as supervisors do."""

    objects: ClassVar[Corrections] = Corrections()

    class Meta:
        proxy = True
        default_permissions = ("view",)


class Draft(models.Model):
    """Hold what a person is typing and has not saved: theirs alone, in no list, search or export."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="drafts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts")
    base_revision = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=("author", "segment"), name="draft_once_per_person"),)

    def __str__(self) -> str:
        return f"{self.segment_id} by {self.author_id}"


class Preferences(models.Model):
    """Hold a person's own settings of the workbench; `services.preferences` knows what may be in them."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="preferences"
    )
    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return str(self.user_id)


class Assignment(models.Model):
    """Ask a person to work on a recording: they get its rows first, and people who were not asked do not."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="assignments")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="assignments"
    )
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("recording", "assignee"), name="assignment_once_per_person"),
        )

    def __str__(self) -> str:
        return f"{self.recording_id} to {self.assignee_id}"
