"""What search, replacing, bulk work and the glossary send and get."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from annotation.api.fields import Id, Strict, Text, Whole
from annotation.models import Replacement
from annotation.search.hits import Hit
from annotation.search.query import LONGEST
from annotation.services.bulk import MOST
from annotation.services.replacing.wishes import LONGEST as LONGEST_TEXT
from annotation.states import Pass, ReplacedAs, SegmentState

Out = serializers.Serializer[Any]

# -- Search ----------------------------------------------------------------------------------------------


class PartOut(Out):
    """A piece of a snippet."""

    text = serializers.CharField()
    hit = serializers.BooleanField(help_text="Whether it is what was searched for.")


class VersionOut(Out):
    """A text of a segment."""

    kind = serializers.ChoiceField(choices=("current", "heard"))
    model = serializers.CharField(help_text="Who heard it; empty for the current text.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add `pass`, which Python keeps for itself."""
        return {
            **super().get_fields(),
            "pass": serializers.ChoiceField(choices=Pass.choices, source="pass_name", allow_blank=True),
        }


class NamedOut(Out):
    """A recording by its name."""

    id = Id()
    project = Id(source="project_id")
    project_name = serializers.CharField(source="project.name")
    name = serializers.CharField()
    duration_ms = serializers.IntegerField(allow_null=True)


class HitOut(Out):
    """One segment that was found."""

    segment = Id(source="segment.pk")
    recording = Id(source="segment.recording_id")
    recording_name = serializers.CharField(source="segment.recording.name")
    project = Id(source="segment.project_id")
    project_name = serializers.CharField(source="segment.project.name")
    start_ms = serializers.IntegerField(source="segment.start_ms")
    end_ms = serializers.IntegerField(source="segment.end_ms")
    speaker = serializers.CharField(source="segment.speaker")
    state = serializers.ChoiceField(choices=SegmentState.choices, source="segment.state")
    locked = serializers.BooleanField(source="segment.locked")
    risk = serializers.FloatField(source="segment.risk", allow_null=True)
    annotator = serializers.SerializerMethodField()
    version = VersionOut(help_text="The one that is shown.")
    also = VersionOut(many=True, help_text="Others that match as well.")
    snippet = PartOut(many=True)
    audio = serializers.SerializerMethodField(help_text="Its sound.")
    page = serializers.SerializerMethodField(help_text="It in the workbench.")

    def get_annotator(self, hit: Hit) -> str | None:
        """Return who last wrote its text."""
        return hit.segment.annotator.get_username() if hit.segment.annotator else None

    def get_audio(self, hit: Hit) -> str:
        """Return where it can be heard."""
        return f"/api/segments/{hit.segment.pk}/audio"

    def get_page(self, hit: Hit) -> str:
        """Return where it can be worked on."""
        return f"/recordings/{hit.segment.recording_id}/work/?segment={hit.segment.pk}"


class FoundOut(Out):
    """One page of what was found."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    recordings = NamedOut(many=True)
    results = HitOut(many=True)


# -- Find and replace ------------------------------------------------------------------------------------


class WishIn(Strict):
    """What is to be replaced by what."""

    find = Text(max_length=LONGEST_TEXT, trim_whitespace=False)
    put = Text(max_length=LONGEST_TEXT, trim_whitespace=False, allow_blank=True, default="")
    match_case = serializers.BooleanField(default=True)
    whole_words = serializers.BooleanField(default=False)
    query = Text(
        max_length=LONGEST, allow_blank=True, default="", help_text="Only in what this search finds."
    )


class ReplaceIn(WishIn):
    """A replacement, as it was looked at."""

    expected = Whole(min_value=1, max_value=2**31 - 1, help_text="`changes` of the preview.")


class ExampleOut(Out):
    """One row as it is and as it would be."""

    segment = Id(source="segment.pk")
    recording = Id(source="segment.recording_id")
    recording_name = serializers.CharField(source="segment.recording.name")
    start_ms = serializers.IntegerField(source="segment.start_ms")
    before = serializers.CharField()
    after = serializers.CharField()
    standing = serializers.CharField(help_text="locked, leased or accepted: it would be left alone.")


class ReplacePreviewOut(Out):
    """What a replacement would do."""

    changes = serializers.IntegerField(help_text="Rows that would change.")
    places = serializers.IntegerField(help_text="How often it stands in them.")
    skipped = serializers.DictField(
        child=serializers.IntegerField(), help_text="Rows left alone: locked, leased, accepted."
    )
    more = serializers.BooleanField(help_text="There are more than were counted.")
    examples = ExampleOut(many=True)


class ReplacementOut(Out):
    """A replacement, and how far it is."""

    id = Id()
    project = Id(source="project_id")
    job = Id(source="job_id", allow_null=True, help_text="null = it was done at once.")
    find = serializers.CharField()
    put = serializers.CharField()
    match_case = serializers.BooleanField()
    whole_words = serializers.BooleanField()
    query = serializers.CharField()
    expected = serializers.IntegerField()
    changed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    put_back = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="Rows that taking back left as they are.")
    created_by = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)

    def get_created_by(self, replacement: Replacement) -> str | None:
        """Return who asked for it."""
        return replacement.created_by.get_username() if replacement.created_by else None


class ReplacedRowOut(Out):
    """What became of one row."""

    id = Id()
    segment = Id(source="segment_id")
    recording = Id(source="segment.recording_id")
    recording_name = serializers.CharField(source="segment.recording.name")
    start_ms = serializers.IntegerField(source="segment.start_ms")
    outcome = serializers.ChoiceField(choices=ReplacedAs.choices)
    before = serializers.IntegerField(help_text="Revision that was found.")
    after = serializers.IntegerField(allow_null=True, help_text="Revision that was written.")


# -- Bulk ------------------------------------------------------------------------------------------------

ACTIONS = ("assign", "prioritise", "retranscribe", "trash", "restore")
PRIORITIES = ("bulk", "fresh", "person")


class BulkIn(Strict):
    """One thing to do to many recordings, or to the segments that a search finds."""

    action = serializers.ChoiceField(choices=ACTIONS)
    recordings = serializers.ListField(child=Id(), required=False, max_length=MOST)
    query = Text(
        required=False, max_length=LONGEST, help_text="Of retranscribe: the segments this search finds."
    )
    model = Text(required=False, max_length=200, help_text="Of retranscribe.")
    untouched = serializers.BooleanField(
        required=False, help_text="Of retranscribe: only segments no person has touched."
    )
    usernames = serializers.ListField(child=Text(max_length=150), required=False, max_length=100)
    priority = serializers.ChoiceField(choices=PRIORITIES, required=False)


class LeftOut(Out):
    """A recording that was left out, and why."""

    recording = Id()
    reason = serializers.CharField()


class BulkOut(Out):
    """What was done."""

    recordings = serializers.ListField(child=serializers.CharField())
    left = LeftOut(many=True)
    jobs = serializers.ListField(child=serializers.CharField())
    segments = serializers.IntegerField()


class TrashedOut(NamedOut):
    """A recording in the trash."""

    trashed_at = serializers.DateTimeField()
    trashed_by = serializers.SerializerMethodField()

    def get_trashed_by(self, recording: Any) -> str | None:
        """Return who put it there."""
        return recording.trashed_by.get_username() if recording.trashed_by else None
