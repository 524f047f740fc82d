"""Review as the API shows it: verdicts, rules, gold, pairs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api.fields import Client, Id, Share, Strict, Text, Whole
from annotation.api.queue_serializers import NextOut
from annotation.api.segment_serializers import LeaseOut, SegmentOut
from annotation.api.work_serializers import NUMBER_MAX
from annotation.models import Gold, Pair, Review
from annotation.services import pairs
from annotation.states import Choice, DecisionKind, PairState, ReturnReason, Verdict

Out = serializers.Serializer[Any]


# -- Verdicts --------------------------------------------------------------------------------------------


class ReviewIn(Strict):
    """A verdict."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    base_revision = Whole(min_value=0, max_value=NUMBER_MAX, help_text="The revision you saw.")
    reason = serializers.ChoiceField(
        choices=ReturnReason.choices, required=False, allow_blank=True, default="", help_text="Of a return."
    )
    comment = Text(max_length=2000, required=False, allow_blank=True, default="")
    text = Text(
        allow_blank=True, trim_whitespace=False, max_length=40_000, required=False, help_text="Of a fix."
    )
    heard_share = Share(required=False, allow_null=True, help_text="How much of it was played.")
    active_ms = Whole(min_value=0, max_value=86_400_000, required=False, allow_null=True)
    operation_id = serializers.UUIDField(required=False, allow_null=True)


class ReviewOut(Out):
    """A verdict on one revision of a segment."""

    id = Id()
    segment = Id(source="segment_id")
    revision = serializers.IntegerField(help_text="That was judged.")
    result = serializers.IntegerField(help_text="That it left.")
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    reason = serializers.ChoiceField(choices=ReturnReason.choices, allow_blank=True, source="reason_code")
    comment = serializers.CharField()
    reviewer = serializers.SerializerMethodField()
    annotator = serializers.SerializerMethodField(help_text="Whose work it was.")
    heard_share = serializers.FloatField(allow_null=True)
    active_ms = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField(source="created_at")

    def get_reviewer(self, review: Review) -> str | None:
        """Return who judged."""
        return review.reviewer.get_username() if review.reviewer else None

    def get_annotator(self, review: Review) -> str | None:
        """Return who was judged."""
        return review.annotator.get_username() if review.annotator else None


class ReviewedOut(Out):
    """What a verdict left."""

    segment = SegmentOut()
    review = ReviewOut()


class ReviewsOut(Out):
    """All verdicts on a segment, newest first."""

    results = ReviewOut(many=True)


class ReviewNextOut(NextOut):
    """The next segment to be reviewed, leased to you; null when nothing waits."""

    why = serializers.ChoiceField(choices=("held", "again", "sample"), allow_null=True)
    reviews = ReviewOut(many=True, help_text="Earlier verdicts on it.")
    author_text = serializers.CharField(
        allow_null=True, help_text="What its annotator had written when it was returned last."
    )


# -- Rules and figures -----------------------------------------------------------------------------------


class RulesIn(Strict):
    """How a project is reviewed."""

    review_own = serializers.BooleanField(required=False)
    review_percent = Whole(min_value=0, max_value=100, required=False)
    double_percent = Whole(min_value=0, max_value=100, required=False)
    dispute_above = Share(required=False)
    gold_percent = Whole(min_value=0, max_value=50, required=False)
    gold_limit = Share(required=False)
    sample_seed = Whole(min_value=0, max_value=2**31 - 1, required=False)


class RulesOut(Out):
    """How a project is reviewed."""

    review_own = serializers.BooleanField(help_text="Whether reviewers may judge their own work.")
    review_percent = serializers.IntegerField(help_text="Of each annotator's decisions, drawn at random.")
    double_percent = serializers.IntegerField(help_text="Segments that two people read blind.")
    dispute_above = serializers.FloatField(help_text="Symmetric WER above which a third person decides.")
    gold_percent = serializers.IntegerField(help_text="Of what the queue hands out.")
    gold_limit = serializers.FloatField(help_text="WER up to which a gold row is passed.")
    sample_seed = serializers.IntegerField(help_text="Behind every draw.")


class Waiting(Out):
    """What waits for you as a reviewer."""

    waiting = serializers.IntegerField()
    again = serializers.IntegerField(help_text="Of these: returned before, and corrected.")
    disputes = serializers.IntegerField()


class Drawn(Out):
    """How much of an annotator's work was drawn."""

    username = serializers.CharField()
    decided = serializers.IntegerField()
    drawn = serializers.IntegerField()


class GoldRate(Out):
    """How a person did on gold; rates are pooled."""

    username = serializers.CharField()
    met = serializers.IntegerField()
    passed = serializers.IntegerField()
    pass_rate = serializers.FloatField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # declared fields leave the class
    words = serializers.IntegerField()
    character_errors = serializers.IntegerField()
    characters = serializers.IntegerField()
    wer = serializers.FloatField(allow_null=True)
    cer = serializers.FloatField(allow_null=True)
    profile = serializers.CharField(help_text="Normalisation of both texts.")


class AgreementOut(Out):
    """How far two blind readers agree; symmetric rates: edits over the mean length of both texts, pooled."""

    compared = serializers.IntegerField()
    agreed = serializers.IntegerField()
    disputed = serializers.IntegerField()
    settled = serializers.IntegerField()
    reading = serializers.IntegerField()
    edits = serializers.IntegerField()
    words = serializers.IntegerField(help_text="Of both texts.")
    character_edits = serializers.IntegerField()
    characters = serializers.IntegerField()
    wer = serializers.FloatField(allow_null=True)
    cer = serializers.FloatField(allow_null=True)
    profile = serializers.CharField()


class OverviewOut(Out):
    """Review in a project: its rules, what waits, and what it found."""

    rules = RulesOut()
    waiting = Waiting()
    drawn = Drawn(many=True)
    gold = GoldRate(many=True)
    agreement = AgreementOut()


# -- Gold ------------------------------------------------------------------------------------------------


class GoldIn(Strict):
    """What is truly said in a segment."""

    segment = Id()
    text = Text(allow_blank=True, trim_whitespace=False, max_length=40_000)


class GoldOut(Out):
    """A row whose text is known."""

    id = Id()
    segment = Id(source="segment_id")
    recording = serializers.SerializerMethodField()
    text = serializers.CharField()
    author = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)

    def get_recording(self, gold: Gold) -> str:
        """Return where it lies."""
        return str(gold.segment.recording_id)

    def get_author(self, gold: Gold) -> str | None:
        """Return who wrote it down."""
        return gold.author.get_username() if gold.author else None


class CandidateIn(Strict):
    """Which rows you have been shown and left."""

    seen = serializers.ListField(child=Id(), required=False, max_length=500)


class CandidateOut(Out):
    """A row at random that nobody has decided about; null where there is none."""

    segment = SegmentOut(allow_null=True)


# -- Pairs -----------------------------------------------------------------------------------------------


class ReadingOut(Out):
    """One person's text, read blind."""

    place = serializers.IntegerField()
    author = serializers.CharField()
    kind = serializers.ChoiceField(choices=DecisionKind.choices)
    text = serializers.CharField()
    reason = serializers.CharField()


class PairOut(Out):
    """A segment that two people read blind. Their texts are shown once both are there."""

    id = Id()
    segment = Id(source="segment_id")
    recording = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=PairState.choices)
    readings = serializers.SerializerMethodField()
    wer = serializers.SerializerMethodField(help_text="Symmetric, 0 to 2; null before they are compared.")
    cer = serializers.SerializerMethodField()
    substitutions = serializers.IntegerField(allow_null=True)
    deletions = serializers.IntegerField(allow_null=True)
    insertions = serializers.IntegerField(allow_null=True)
    first_words = serializers.IntegerField(allow_null=True)
    second_words = serializers.IntegerField(allow_null=True)
    limit = serializers.FloatField(allow_null=True)
    profile = serializers.CharField()
    choice = serializers.ChoiceField(choices=Choice.choices, allow_blank=True)
    settled_by = serializers.SerializerMethodField()
    opened_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)

    def get_recording(self, pair: Pair) -> str:
        """Return where it lies."""
        return str(pair.segment.recording_id)

    @extend_schema_field(ReadingOut(many=True))
    def get_readings(self, pair: Pair) -> list[dict[str, Any]]:
        """Return both texts; none while one of them is still to come, but to who settles without it."""
        if pair.state == PairState.READING and not self.context.get("settling"):
            return []
        found = sorted(pair.readings.all(), key=lambda one: one.place)
        return [
            {
                "place": one.place,
                "author": one.author.get_username(),
                "kind": one.kind,
                "text": one.text,
                "reason": one.reason,
            }
            for one in found
        ]

    def get_wer(self, pair: Pair) -> float | None:
        """Return the symmetric word error rate."""
        return pairs.rate(pair)

    def get_cer(self, pair: Pair) -> float | None:
        """Return the symmetric character error rate."""
        return pairs.character_rate(pair)

    def get_settled_by(self, pair: Pair) -> str | None:
        """Return who settled it."""
        return pair.settled_by.get_username() if pair.settled_by else None


class DisputeIn(Strict):
    """Which disputes you have been shown and left."""

    client = Client(help_text="Your tab.")
    exclude = serializers.ListField(child=Id(), required=False, max_length=50, help_text="Pairs.")


class DisputeOut(Out):
    """The next dispute, leased to you; null when there is none."""

    pair = PairOut(allow_null=True)
    segment = SegmentOut(allow_null=True)
    machine_text = serializers.CharField(allow_null=True)
    lease = LeaseOut(allow_null=True)
    disputes = serializers.IntegerField(help_text="That you may settle.")


class SettleIn(Strict):
    """Which text is taken."""

    choice = serializers.ChoiceField(choices=Choice.choices)
    text = Text(
        allow_blank=True,
        trim_whitespace=False,
        max_length=40_000,
        required=False,
        help_text="Of a third choice.",
    )
    heard_share = Share(required=False, allow_null=True, help_text="How much of it was played.")
    active_ms = Whole(min_value=0, max_value=86_400_000, required=False, allow_null=True)
