"""What the workbench sends and gets of one segment: decisions, drafts, checks, shapes, all its page shows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api.fields import Client, Id, Strict, Text, Whole
from annotation.api.segment_serializers import RevisionOut, SegmentOut
from annotation.models import Decision, Segment
from annotation.services import checks
from annotation.states import TEXT_DECISIONS, DecisionKind, SegmentState

Out = serializers.Serializer[Any]

NUMBER_MAX = 2**31 - 1
TOKEN_MAX = 2**62


# -- Checks, decisions, drafts ---------------------------------------------------------------------------


class CheckOut(Out):
    """One thing that is probably wrong with a text."""

    code = serializers.ChoiceField(choices=checks.CODES)
    severity = serializers.ChoiceField(
        choices=("warning", "note"), help_text="warning: shown on the first Enter; note: only shown."
    )
    message = serializers.CharField()
    start = serializers.IntegerField(allow_null=True, help_text="UTF-16 code units, as JavaScript counts.")
    end = serializers.IntegerField(allow_null=True)


class ChecksOut(Out):
    """What is probably wrong with a text, warnings first."""

    checks = CheckOut(many=True)


class ChecksIn(Strict):
    """A text to look over."""

    text = Text(allow_blank=True, trim_whitespace=False, max_length=40_000)
    heard_share = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)


class DecisionOut(Out):
    """What a person did to a segment."""

    id = Id()
    segment = Id(source="segment_id", help_text="Of a split or merge: the first that it retired.")
    kind = serializers.ChoiceField(choices=DecisionKind.choices)
    reason = serializers.CharField()
    by = serializers.SerializerMethodField()
    at = serializers.DateTimeField(source="created_at")
    heard_share = serializers.FloatField(allow_null=True)
    active_ms = serializers.IntegerField(allow_null=True)
    checks = serializers.ListField(child=serializers.CharField(), help_text="Codes that warned.")
    overrode = serializers.ListField(child=serializers.CharField(), help_text="Codes decided against.")
    undone = serializers.SerializerMethodField()

    def get_by(self, decision: Decision) -> str | None:
        """Return whose it is."""
        return decision.author.get_username() if decision.author else None

    def get_undone(self, decision: Decision) -> bool:
        """Say whether it was taken back."""
        return hasattr(decision, "undone_by")


class RecentDecisionOut(DecisionOut):
    """One of your last decisions."""

    recording = serializers.SerializerMethodField()
    segments = serializers.SerializerMethodField(help_text="What it left: for a split, both parts.")
    undoable = serializers.SerializerMethodField(help_text="Whether nobody has changed it since.")

    def get_recording(self, decision: Decision) -> str:
        """Return where it was."""
        return str(decision.segment.recording_id)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_segments(self, decision: Decision) -> list[str]:
        """Return the ids it left."""
        return list(decision.after)

    def get_undoable(self, decision: Decision) -> bool:
        """Compare what it left with what is there now."""
        return bool(self.context["undoable"].get(decision.pk))


class RecentDecisions(Out):
    """Your last decisions that are not undone, newest first."""

    results = RecentDecisionOut(many=True)


class DraftIn(Strict):
    """What you are typing."""

    text = Text(allow_blank=True, trim_whitespace=False, max_length=40_000)
    base_revision = Whole(min_value=0, max_value=NUMBER_MAX, help_text="The revision you began on.")


class DraftShown(Out):
    """What you were typing."""

    text = serializers.CharField()
    base_revision = serializers.IntegerField()
    at = serializers.DateTimeField()


class DraftOut(DraftShown):
    """What is kept of what you type."""

    revision = serializers.IntegerField(help_text="The segment's present one.")
    stale = serializers.BooleanField(help_text="Whether somebody has saved since you began.")
    checks = CheckOut(many=True)


class MyDraft(DraftShown):
    """One of your drafts."""

    segment = Id()
    recording = Id()
    revision = serializers.IntegerField()
    stale = serializers.BooleanField()
    into = serializers.ListField(
        child=serializers.CharField(), help_text="What took the segment's place, where it was reshaped."
    )


class MyDrafts(Out):
    """Your drafts, newest first."""

    results = MyDraft(many=True)


# -- Saving and shapes -----------------------------------------------------------------------------------


class Acting(Strict):
    """What every act on a segment names."""

    base_revision = Whole(min_value=0, max_value=NUMBER_MAX, help_text="The revision you saw.")
    lease = Whole(
        min_value=0,
        max_value=TOKEN_MAX,
        required=False,
        allow_null=True,
        help_text="Token of your lease, if any.",
    )
    operation_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The same act sent twice with one id is done once."
    )
    client = Client(help_text="Your tab.")
    heard_share = serializers.FloatField(
        min_value=0, max_value=1, required=False, allow_null=True, help_text="How much of it was played."
    )
    active_ms = Whole(min_value=0, max_value=86_400_000, required=False, allow_null=True)
    overrode = serializers.ListField(
        child=serializers.ChoiceField(choices=checks.CODES),
        required=False,
        max_length=len(checks.CODES),
        help_text="Codes of the checks you had seen and decided against.",
    )


class SaveIn(Acting):
    """What you decided about a segment's text."""

    text = Text(
        allow_blank=True, trim_whitespace=False, max_length=40_000, required=False, help_text="To save it."
    )
    decision = serializers.ChoiceField(
        choices=[(kind.value, kind.label) for kind in TEXT_DECISIONS], required=False, default="save"
    )
    reason = Text(max_length=2000, required=False, allow_blank=True, help_text="Why it is skipped.")
    release = serializers.BooleanField(
        required=False, default=False, help_text="Give your lease back with it."
    )


class SplitIn(Acting):
    """Where to cut a segment."""

    at_ms = Whole(min_value=0, max_value=TOKEN_MAX, help_text="In the recording.")
    offset = Whole(min_value=0, max_value=80_000, help_text="In the text, UTF-16 code units.")
    text = Text(
        allow_blank=True,
        trim_whitespace=False,
        max_length=40_000,
        required=False,
        help_text="The box as it is, where it is not saved.",
    )


class MergeIn(Acting):
    """What to join a segment with."""

    next = Id(help_text="The next segment, as you see it.")
    next_revision = Whole(min_value=0, max_value=NUMBER_MAX)
    text = Text(allow_blank=True, trim_whitespace=False, max_length=40_000, required=False)


class EdgesIn(Acting):
    """Where a segment begins and ends."""

    start_ms = Whole(min_value=0, max_value=TOKEN_MAX)
    end_ms = Whole(min_value=1, max_value=TOKEN_MAX)


class SpeakerIn(Acting):
    """Who speaks."""

    speaker = Text(max_length=200, allow_blank=True)


class UndoIn(Strict):
    """What to take back."""

    decision = Id(required=False, allow_null=True, help_text="Your last one on the segment unless told.")
    operation_id = serializers.UUIDField(required=False, allow_null=True)


class SavedOut(SegmentOut):
    """The segment as you left it."""

    checks = CheckOut(many=True, source="checks_found")
    decision = DecisionOut(source="decided")


class PassedLease(Out):
    """A lease that went over to what took the segment's place."""

    segment = Id()
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class ReshapedOut(Out):
    """What became of the segments."""

    segments = SegmentOut(many=True, help_text="What is there now, by time.")
    retired = serializers.ListField(child=serializers.CharField())
    decision = DecisionOut()
    leases = PassedLease(many=True)


class UndoneOut(Out):
    """What is there again."""

    undone = DecisionOut()
    segments = SegmentOut(many=True)
    retired = serializers.ListField(child=serializers.CharField())
    leases = PassedLease(many=True)


# -- One segment in full ---------------------------------------------------------------------------------


class Neighbour(Out):
    """The segment before or after, to read."""

    id = Id()
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()
    speaker = serializers.CharField()
    state = serializers.ChoiceField(choices=SegmentState.choices)
    locked = serializers.BooleanField()
    revision = serializers.IntegerField()
    text = serializers.CharField()


class Neighbours(Out):
    """What was said before and after on the same channel."""

    previous = Neighbour(allow_null=True)
    next = Neighbour(allow_null=True)


class Edges(Out):
    """How far the edges may go."""

    earliest_ms = serializers.IntegerField()
    latest_ms = serializers.IntegerField()
    shortest_ms = serializers.IntegerField()
    longest_ms = serializers.IntegerField()


class HistoryEntry(RevisionOut):
    """One version of a segment's text, and what made it."""

    kind = serializers.SerializerMethodField(help_text="What a person did; empty for models.")

    @extend_schema_field(serializers.ChoiceField(choices=DecisionKind.choices, allow_blank=True))
    def get_kind(self, revision: Any) -> str:
        """Return the kind of the decision that left it."""
        return str(self.context.get("kinds", {}).get(revision.number, ""))


class VariantOut(Out):
    """What is heard instead of a term."""

    heard = serializers.CharField()
    term = serializers.CharField()


class SpellingOut(Out):
    """What is known about the terms of a glossary besides their texts."""

    variants = VariantOut(many=True)
    initial = serializers.ListField(
        child=serializers.CharField(), help_text="Terms that may begin with a capital."
    )
    any_case = serializers.ListField(
        child=serializers.CharField(), help_text="Terms whose capitals do not matter."
    )


class SegmentDetailOut(SegmentOut):
    """A row with all that its page shows."""

    index = serializers.IntegerField(help_text="Its place in the recording.")
    machine_text = serializers.CharField(allow_null=True)
    draft = DraftShown(allow_null=True, help_text="What you were typing; nobody else's.")
    neighbours = Neighbours()
    edges = Edges()
    history = HistoryEntry(many=True, source="newest_revisions")
    decision = DecisionOut(allow_null=True, source="last_decision", help_text="The last of anybody.")
    checks = CheckOut(many=True, source="checks_found")
    parents = serializers.ListField(child=serializers.CharField(), source="parent_ids")
    comments = serializers.IntegerField(source="open_comments", help_text="Not resolved.")
    tags = serializers.ListField(child=serializers.CharField(), source="project.tags")
    glossary = serializers.ListField(
        child=serializers.CharField(), source="about.glossary", help_text="The terms of its language."
    )
    spelling = SpellingOut(source="about", help_text="How terms may be written, and what is heard instead.")
    metadata = serializers.DictField(help_text="Columns of its sheet that mean nothing to Earmark.")


def detail_out(segment: Segment, **context: Any) -> dict[str, Any]:
    """Show one segment in full; what `api.detail.gather` found is on it."""
    return dict(SegmentDetailOut(segment, context=context).data)
