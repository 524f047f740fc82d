"""Segments: the rows people work on; and the revisions of their text."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.models.projects import Project
from annotation.models.recordings import Recording
from annotation.states import OPEN_SEGMENTS, SegmentState, Source


class LiveSegments(models.Manager["Segment"]):
    """Find the segments people work on. Retired ones keep their history and are found by `everything`."""

    def get_queryset(self) -> models.QuerySet[Segment]:
        """Leave the retired ones out."""
        return super().get_queryset().filter(retired_at=None)


class Segment(models.Model):
    """Stand for `[start_ms, end_ms)` of a recording and the present version of its text.

    `revision` is the number of the current Revision, 0 while nothing has been heard. It is the
    compare-and-swap value of every change of text: a writer names the revision it saw.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    """The recording's project again, so that the queue of a project is one index."""
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="segments")
    channel = models.PositiveSmallIntegerField(default=0)
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    speaker = models.CharField(max_length=100, blank=True, default="")
    language = models.CharField(max_length=12, blank=True, default="")
    state = models.CharField(max_length=12, choices=SegmentState.choices, default=SegmentState.PENDING)
    text = models.TextField(blank=True, default="")
    revision = models.PositiveIntegerField(default=0)
    source = models.CharField(max_length=12, choices=Source.choices, blank=True, default="")
    risk = models.FloatField(null=True)
    risk_reasons = models.JSONField(default=list)
    locked = models.BooleanField(default=False)
    locked_at = models.DateTimeField(null=True)
    locked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    unlock_reason = models.CharField(max_length=500, blank=True, default="")
    """Why it was last unlocked; the audit keeps all of them."""
    retired_at = models.DateTimeField(null=True)
    """When other segments took its place (cut anew, split, merged). A revision is never deleted, so neither
    is the segment it belongs to."""
    parents = models.ManyToManyField("self", symmetrical=False, related_name="children")
    """What it was split or joined from."""
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Who last wrote its text by hand, or decided that it stands."""
    return_reason = models.CharField(max_length=500, blank=True, default="")
    """Why a reviewer returned it; kept while it is returned."""
    external_id = models.CharField(max_length=200, blank=True, default="")
    """The row's id in the sheet it came from: the same id again is the same segment. Empty = none."""
    metadata = models.JSONField(default=dict)
    """The sheet's columns that are none of ours, {header: text}; their order is `Project.sheet_columns`."""
    updated_at = models.DateTimeField(db_default=Now())

    objects = LiveSegments()
    everything = models.Manager["Segment"]()

    class Meta:
        ordering = ("recording", "start_ms", "channel", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(start_ms__gte=0, end_ms__gt=F("start_ms")), name="segment_end_after_start"
            ),
            models.CheckConstraint(condition=Q(state__in=SegmentState.values), name="segment_state_known"),
            models.CheckConstraint(
                condition=Q(locked=False, locked_at=None) | Q(locked=True, locked_at__isnull=False),
                name="segment_lock_whole",
            ),
            models.UniqueConstraint(
                fields=("recording", "channel", "start_ms", "end_ms"),
                name="segment_once_per_span",
                condition=Q(retired_at=None),
            ),
            models.UniqueConstraint(
                fields=("project", "external_id"),
                name="segment_once_per_external_id",
                condition=~Q(external_id="") & Q(retired_at=None),
            ),
        )
        indexes = (
            models.Index(fields=("project", "recording", "start_ms", "id"), name="segment_by_project"),
            models.Index(F("project"), F("risk").desc(nulls_last=True), F("id"), name="segment_worst_first"),
            models.Index(fields=("recording", "start_ms", "id"), name="segment_by_time"),
            # What is handed out next: rows that are done do not slow the search for one that is not.
            models.Index(
                F("project"),
                F("risk").desc(nulls_last=True),
                F("id"),
                name="segment_queue",
                condition=Q(state__in=OPEN_SEGMENTS, retired_at=None, locked=False),
            ),
            # What is counted for progress is in the index itself.
            models.Index(
                fields=("project", "state"),
                include=("locked", "start_ms", "end_ms"),
                name="segment_by_state",
                condition=Q(retired_at=None),
            ),
            models.Index(
                fields=("project", "annotator"),
                name="segment_returned",
                condition=Q(state=SegmentState.RETURNED, retired_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.recording_id}:{self.start_ms}-{self.end_ms}"


class Revision(models.Model):
    """Keep one version of a segment's text for ever: the app role may insert and read, nothing else."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    base = models.PositiveIntegerField()
    """The revision its writer saw."""
    text = models.TextField(blank=True)
    source = models.CharField(max_length=12, choices=Source.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    model = models.CharField(max_length=200, blank=True, default="")
    operation_id = models.UUIDField(null=True)
    """Named by the client: the same save sent twice is one revision."""
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("segment", "-number")
        constraints = (
            models.UniqueConstraint(fields=("segment", "number"), name="revision_number_once"),
            models.UniqueConstraint(
                fields=("segment", "operation_id"),
                name="revision_operation_once",
                condition=Q(operation_id__isnull=False),
            ),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="revision_source_known"),
            models.CheckConstraint(condition=Q(number=F("base") + 1), name="revision_follows_base"),
        )

    def __str__(self) -> str:
        return f"{self.segment_id} r{self.number}"
