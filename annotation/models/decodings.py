"""Decodings, the work of one model over one window; and the hypotheses they leave."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.models.claims import Claimable
from annotation.models.fields import WordsField
from annotation.models.jobs import Job
from annotation.models.projects import Project
from annotation.models.recordings import Recording
from annotation.models.segments import Segment
from annotation.states import LIVE_DECODINGS, DecodingState, Pass, Priority


class Decoding(Claimable):
    """Ask for one pass of one model, with its options, over one window `[start_ms, end_ms)`."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="decodings")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="decodings")
    pass_name = models.CharField(max_length=12, choices=Pass.choices)
    model = models.CharField(max_length=200)
    options = models.JSONField(default=dict)
    options_digest = models.CharField(max_length=64)
    channel = models.PositiveSmallIntegerField(default=0)
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    priority = models.SmallIntegerField(default=Priority.BULK)
    """Higher goes first."""
    state = models.CharField(max_length=12, choices=DecodingState.choices, default=DecodingState.QUEUED)
    processing_ms = models.PositiveIntegerField(null=True)
    """Share of the batch's wall time, for RTF and the estimate of what is left."""
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(state__in=DecodingState.values), name="decoding_state_known"),
            models.CheckConstraint(condition=Q(pass_name__in=Pass.values), name="decoding_pass_known"),
            models.CheckConstraint(condition=Q(end_ms__gt=F("start_ms")), name="decoding_end_after_start"),
            models.UniqueConstraint(
                fields=("recording", "pass_name", "model", "options_digest", "channel", "start_ms", "end_ms"),
                name="decoding_once_while_wanted",
                condition=Q(state__in=LIVE_DECODINGS),
            ),
        )
        indexes = (
            models.Index(
                F("pass_name"),
                F("priority").desc(),
                F("id"),
                name="decoding_queue",
                condition=Q(state=DecodingState.QUEUED),
            ),
            models.Index(
                fields=("claim_expires_at",),
                name="decoding_running",
                condition=Q(state=DecodingState.RUNNING),
            ),
            models.Index(fields=("job", "state"), name="decoding_by_job"),
            # The pace of late, for estimates.
            models.Index(
                fields=("finished_at",), name="decoding_done", condition=Q(state=DecodingState.DONE)
            ),
            # A draft that was heard looks here for the refines that waited for it.
            models.Index(
                fields=("recording", "channel", "start_ms"),
                name="decoding_waiting",
                condition=Q(state=DecodingState.WAITING),
            ),
        )

    def __str__(self) -> str:
        return f"{self.pass_name} {self.recording_id}:{self.start_ms}-{self.end_ms}"


class Hypothesis(models.Model):
    """Keep what one decoding heard in one segment; never altered afterwards (insert-only for the app)."""

    decoding = models.ForeignKey(Decoding, on_delete=models.CASCADE, related_name="hypotheses")
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="hypotheses")
    pass_name = models.CharField(max_length=12, choices=Pass.choices)
    model = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    words = WordsField(default=list)
    """[[start_ms, end_ms, text, probability], ...] relative to the recording."""
    signals = models.JSONField(default=dict)
    risk = models.FloatField(null=True)
    risk_reasons = models.JSONField(default=list)
    processing_ms = models.PositiveIntegerField(null=True)
    """This segment's share of what its decoding cost, by audio time."""
    changes = models.JSONField(null=True)
    """What refine changed against the draft: {substitutions, deletions, insertions, reference_length}, in
    words after normalisation, the draft as reference; null where there was no draft."""
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "hypotheses"
        constraints = (
            models.UniqueConstraint(fields=("decoding", "segment"), name="hypothesis_once_per_decoding"),
        )

    def __str__(self) -> str:
        return self.text[:60]
