"""What the workbench sends and gets: decisions, drafts, checks, shapes, the queue, progress, settings."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api.fields import Id, Strict, Text, Whole
from annotation.api.serializers import LeaseOut, RevisionOut, SegmentOut
from annotation.models import Decision, Segment
from annotation.services import checks, preferences
from annotation.states import TEXT_DECISIONS, DecisionKind, SegmentState

Out = serializers.Serializer[Any]

NUMBER_MAX = 2**31 - 1
TOKEN_MAX = 2**62


class Client(Text):
    """The id that a tab gave itself."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, required=False, allow_blank=True, default="", **kwargs)


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
    tags = serializers.ListField(child=serializers.CharField(), source="project.tags")
    glossary = serializers.ListField(child=serializers.CharField(), source="project.glossary")


def detail_out(segment: Segment, **context: Any) -> dict[str, Any]:
    """Show one segment in full; what `api.detail.gather` found is on it."""
    return dict(SegmentDetailOut(segment, context=context).data)


# -- The queue, rows, progress ---------------------------------------------------------------------------


class LeaseIn(Strict):
    """From which tab a lease is asked for."""

    client = Client(help_text="Your tab.")
    take = serializers.BooleanField(
        required=False, default=False, help_text="Move it here from another tab of yours."
    )


class NextIn(Strict):
    """What you would like to work on."""

    client = Client(help_text="Your tab.")
    recording = Id(required=False, allow_null=True)
    order = serializers.ChoiceField(choices=("risk", "time"), required=False, default="risk")
    exclude = serializers.ListField(
        child=Id(), required=False, max_length=50, help_text="What you hold already."
    )


class QueueCounts(Out):
    """What is left, and what is not."""

    total = serializers.IntegerField()
    open = serializers.IntegerField()
    leased = serializers.IntegerField()
    returned_to_you = serializers.IntegerField()
    waiting_for_machine = serializers.IntegerField()
    done = serializers.IntegerField()


class NextOut(Out):
    """The next segment, leased to you; null when nothing is left to hand out."""

    segment = SegmentDetailOut(allow_null=True)
    lease = LeaseOut(allow_null=True)
    why = serializers.ChoiceField(choices=("held", "returned", "assigned", "queue"), allow_null=True)
    counts = QueueCounts()


class RowLease(Out):
    """Who is editing a row."""

    holder = serializers.CharField()
    name = serializers.CharField()
    mine = serializers.BooleanField()
    client = serializers.CharField(allow_null=True)
    expires_at = serializers.DateTimeField()


class RowOut(Out):
    """A segment in one line."""

    id = Id()
    index = serializers.IntegerField()
    start_ms = serializers.IntegerField()
    end_ms = serializers.IntegerField()
    channel = serializers.IntegerField()
    speaker = serializers.CharField()
    state = serializers.ChoiceField(choices=SegmentState.choices)
    locked = serializers.BooleanField()
    risk = serializers.FloatField(allow_null=True)
    revision = serializers.IntegerField()
    lease = RowLease(allow_null=True)
    annotator = serializers.CharField(allow_null=True)
    return_reason = serializers.CharField()
    head = serializers.CharField(help_text="The first 80 characters.")


class Facets(Out):
    """A whole recording, counted."""

    total = serializers.IntegerField()
    states = serializers.DictField(child=serializers.IntegerField())
    locked = serializers.IntegerField()
    speakers = serializers.ListField(child=serializers.CharField())


class RowsOut(Out):
    """One page of a recording's rows."""

    recording = Id()
    version = serializers.CharField(help_text="Number of the project's last audited change.")
    matching = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    facets = Facets(allow_null=True, help_text="On the first page.")
    rows = RowOut(many=True)


class Work(Out):
    """What was decided in a span of time."""

    decisions = serializers.IntegerField()
    segments = serializers.IntegerField()
    audio_ms = serializers.IntegerField()
    active_ms = serializers.IntegerField()


class Today(Out):
    """Your work and everybody's."""

    mine = Work()
    all = Work()


class StateCounts(Out):
    """Segments by state."""

    total = serializers.IntegerField()
    pending = serializers.IntegerField()
    draft = serializers.IntegerField()
    refined = serializers.IntegerField()
    corrected = serializers.IntegerField()
    skipped = serializers.IntegerField()
    accepted = serializers.IntegerField()
    returned = serializers.IntegerField()
    locked = serializers.IntegerField()
    done = serializers.IntegerField(help_text="Corrected, skipped, accepted or locked.")


class Audio(Out):
    """Milliseconds of audio."""

    total = serializers.IntegerField()
    done = serializers.IntegerField()
    left = serializers.IntegerField()


class Pace(Out):
    """How fast it goes; null where there is too little to tell."""

    audio_ms_per_hour = serializers.IntegerField(allow_null=True)
    people = serializers.IntegerField()
    window_s = serializers.IntegerField(allow_null=True)
    audio_ms_per_day = serializers.IntegerField(allow_null=True)
    days = serializers.IntegerField()


class Eta(Out):
    """How long the rest will take."""

    hours_at_this_pace = serializers.FloatField(allow_null=True)
    working_days = serializers.FloatField(allow_null=True)
    basis = serializers.CharField()


class ProgressOut(Out):
    """How far a project is."""

    since = serializers.DateTimeField()
    today = Today()
    segments = StateCounts()
    audio_ms = Audio()
    returned_to_you = serializers.IntegerField()
    pace = Pace()
    eta = Eta()


# -- People and settings ---------------------------------------------------------------------------------


class PresenceIn(Strict):
    """Where you are."""

    client = Client(help_text="Your tab.")
    segment = Id(required=False, allow_null=True)


class Visitor(Out):
    """Somebody who has the recording open."""

    username = serializers.CharField()
    name = serializers.CharField()
    you = serializers.BooleanField()
    segment = serializers.CharField(allow_null=True)
    tabs = serializers.IntegerField()
    since = serializers.DateTimeField()


class Visitors(Out):
    """Who has the recording open."""

    people = Visitor(many=True)


class AssigneesIn(Strict):
    """Who is asked to work on a recording."""

    usernames = serializers.ListField(child=Text(max_length=150), max_length=200)


class AssigneesOut(Out):
    """Who is asked to work on a recording; nobody = it is anybody's."""

    usernames = serializers.ListField(child=serializers.CharField())


class Keys(Out):
    """Which key does what."""

    preset = serializers.ChoiceField(choices=preferences.PRESETS)
    own = serializers.DictField(
        child=serializers.DictField(child=serializers.ListField(child=serializers.CharField())),
        help_text="Command: {box: [chords], list: [chords]}.",
    )


class Playback(Out):
    """How the sound behaves."""

    auto_pause = serializers.ChoiceField(choices=("off", "pause", "loop"))
    rewind_ms = serializers.IntegerField()
    resume_ms = serializers.IntegerField()
    speed = serializers.FloatField()
    context_ms = serializers.IntegerField()
    loop = serializers.BooleanField()
    autoplay = serializers.BooleanField()


class Editor(Out):
    """How the text box behaves."""

    marks = serializers.BooleanField()
    tab_plays = serializers.BooleanField()
    shared_computer = serializers.BooleanField()
    font_px = serializers.IntegerField()
    order = serializers.ChoiceField(choices=("time", "risk"))


class SettingsOut(Out):
    """Your settings of the workbench."""

    keys = Keys()
    playback = Playback()
    editor = Editor()


class SettingsIn(Strict):
    """The parts to set, each whole."""

    keys = serializers.DictField(required=False)
    playback = serializers.DictField(required=False)
    editor = serializers.DictField(required=False)
