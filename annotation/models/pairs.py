"""Pairs: segments that two people read without seeing each other's text."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.projects import Project
from annotation.models.segments import Segment
from annotation.states import OPEN_PAIRS, Choice, DecisionKind, PairState


class Pair(models.Model):
    """Follow a segment through two blind readings to one text.

    The readings stay out of the segment until both are there and agree, or a third person has settled it:
    whoever reads the segment meanwhile, by whatever address, finds the machine's text.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, related_name="pair")
    state = models.CharField(max_length=12, choices=PairState.choices, default=PairState.READING)
    # Edits that lead from the first text to the second; a symmetric rate is 2 * edits / (first + second).
    profile = models.CharField(max_length=40, blank=True, default="")
    substitutions = models.PositiveIntegerField(null=True)
    deletions = models.PositiveIntegerField(null=True)
    insertions = models.PositiveIntegerField(null=True)
    first_words = models.PositiveIntegerField(null=True)
    second_words = models.PositiveIntegerField(null=True)
    character_edits = models.PositiveIntegerField(null=True)
    first_characters = models.PositiveIntegerField(null=True)
    second_characters = models.PositiveIntegerField(null=True)
    limit = models.FloatField(null=True)
    """The symmetric word error rate above which they were in dispute then."""
    choice = models.CharField(max_length=8, choices=Choice.choices, blank=True, default="")
    """Which text was taken."""
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    revision = models.PositiveIntegerField(null=True)
    """The segment's revision that came of it."""
    opened_at = models.DateTimeField(db_default=Now())
    compared_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(state__in=PairState.values), name="pair_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=OPEN_PAIRS) | Q(revision__isnull=False),
                name="pair_ends_in_a_revision",
            ),
        )
        indexes = (
            models.Index(fields=("project", "id"), name="pair_disputed", condition=Q(state="disputed")),
            models.Index(fields=("project", "state"), name="pair_by_state"),
        )

    def __str__(self) -> str:
        return f"pair of {self.segment_id}, {self.state}"


class Reading(models.Model):
    """Hold one person's text of a pair. Its author may change it until the second one is there."""

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, related_name="readings")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="+")
    place = models.PositiveSmallIntegerField()
    """1 or 2."""
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=DecisionKind.choices)
    text = models.TextField(blank=True)
    reason = models.CharField(max_length=500, blank=True, default="")
    base_revision = models.PositiveIntegerField()
    """The revision of the segment its author saw."""
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("pair", "place"), name="reading_one_per_place"),
            models.UniqueConstraint(fields=("pair", "author"), name="reading_one_per_person"),
            models.CheckConstraint(condition=Q(place__in=(1, 2)), name="reading_place_known"),
        )
        indexes = (models.Index(fields=("segment", "author"), name="reading_by_author"),)

    def __str__(self) -> str:
        return f"reading {self.place} of {self.segment_id}"
