"""Segments as the API shows them: rows with what was heard, leases, versions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation import selectors
from annotation.api.fields import Id, Strict, Text, Whole
from annotation.models import Hypothesis, Revision, Segment
from annotation.states import Pass, SegmentState, Source

Out = serializers.Serializer[Any]


class LeaseShown(Out):
    """Who is editing, until when."""

    holder = serializers.CharField()
    name = serializers.CharField(help_text="As others know them.")
    mine = serializers.BooleanField()
    client = serializers.CharField(allow_null=True, help_text="The tab, where it is yours.")
    expires_at = serializers.DateTimeField()


class HypothesisOut(Out):
    """What one pass of one model heard."""

    id = Id()
    model = serializers.CharField()
    text = serializers.CharField()
    words = serializers.ListField(
        child=serializers.ListField(),
        required=False,
        help_text="[start_ms, end_ms, text, probability]; in details and with ?words=1",
    )
    risk = serializers.FloatField(allow_null=True)
    risk_reasons = serializers.ListField(child=serializers.CharField())
    changes = serializers.DictField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="What refine changed against the draft, in words: substitutions, deletions, insertions, "
        "reference_length; null for drafts.",
    )
    processing_ms = serializers.IntegerField(allow_null=True, help_text="What it cost, of its model's time.")
    created_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add `pass`, which Python keeps for itself."""
        return {
            "pass": serializers.ChoiceField(choices=Pass.choices, source="pass_name"),
            **super().get_fields(),
        }

    def to_representation(self, hypothesis: Hypothesis) -> dict[str, Any]:
        """Leave the words out where they were not asked for."""
        shown: dict[str, Any] = {
            "pass": hypothesis.pass_name,
            "id": str(hypothesis.pk),
            "model": hypothesis.model,
            "text": hypothesis.text,
            "risk": hypothesis.risk,
            "risk_reasons": hypothesis.risk_reasons,
            "changes": hypothesis.changes,
            "processing_ms": hypothesis.processing_ms,
            "created_at": hypothesis.created_at,
        }
        if "words" not in hypothesis.get_deferred_fields():
            shown["words"] = hypothesis.words
        return shown


class SegmentOut(Out):
    """A row that a person works on."""

    id = Id()
    project = Id(source="project_id")
    recording = Id(source="recording_id")
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()
    channel = serializers.IntegerField()
    speaker = serializers.CharField()
    language = serializers.CharField()
    state = serializers.ChoiceField(choices=SegmentState.choices)
    text = serializers.CharField()
    revision = serializers.IntegerField()
    source = serializers.ChoiceField(choices=Source.choices, allow_blank=True)  # type: ignore[assignment]
    locked = serializers.BooleanField()
    locked_at = serializers.DateTimeField(allow_null=True)
    locked_by = serializers.SerializerMethodField()
    lease = serializers.SerializerMethodField()
    risk = serializers.FloatField(allow_null=True)
    risk_reasons = serializers.ListField(child=serializers.CharField())
    annotator = serializers.SerializerMethodField(help_text="Who last wrote the text by hand.")
    return_reason = serializers.CharField(help_text="Why it was returned, while it is.")
    hypotheses = HypothesisOut(many=True, source="heard")
    suggestion = serializers.SerializerMethodField(
        help_text="What a better model heard after a person had touched the text."
    )
    updated_at = serializers.DateTimeField()

    def get_locked_by(self, segment: Segment) -> str | None:
        """Return who finished the row."""
        return segment.locked_by.get_username() if segment.locked_by else None

    def get_annotator(self, segment: Segment) -> str | None:
        """Return who last wrote the text by hand."""
        return segment.annotator.get_username() if segment.annotator else None

    @extend_schema_field(LeaseShown(allow_null=True))
    def get_lease(self, segment: Any) -> dict[str, Any] | None:
        """Return who is editing now."""
        if segment.lease_holder is None:
            return None
        more = segment.lease_more
        user = self.context.get("user")
        mine = user is not None and more["id"] == user.pk
        return {
            "holder": segment.lease_holder,
            "name": f"{more['first']} {more['last']}".strip() or segment.lease_holder,
            "mine": mine,
            "client": more["client"] if mine else None,
            "expires_at": segment.lease_until,
        }

    @extend_schema_field(HypothesisOut(allow_null=True))
    def get_suggestion(self, segment: Any) -> dict[str, Any] | None:
        """Return the refine hypothesis that was kept beside the text instead of replacing it."""
        found = selectors.suggestion_of(segment)
        return HypothesisOut(found).data if found else None


class LockIn(Strict):
    """What is finished."""

    base_revision = Whole(min_value=0, max_value=2**31 - 1, required=False, allow_null=True)


class UnlockIn(Strict):
    """Why a finished row is opened again."""

    reason = Text(max_length=2000)


class LeaseOut(Out):
    """A lease you hold."""

    token = serializers.CharField(help_text="Send it back as `lease` when you save.")
    holder = serializers.CharField()
    name = serializers.CharField()
    expires_at = serializers.DateTimeField()


class RevisionOut(Out):
    """One version of a segment's text."""

    number = serializers.IntegerField()
    base = serializers.IntegerField()
    text = serializers.CharField()
    source = serializers.ChoiceField(choices=Source.choices)  # type: ignore[assignment]
    author = serializers.SerializerMethodField()
    model = serializers.CharField()
    created_at = serializers.DateTimeField()

    def get_author(self, revision: Revision) -> str | None:
        """Return the person who wrote it; null for models."""
        return revision.author.get_username() if revision.author else None
