"""What the workbench asks of the queue: leases, the next row, slim rows, progress."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from annotation.api.fields import Client, Id, Strict
from annotation.api.people_serializers import ORDERS
from annotation.api.segment_serializers import LeaseOut
from annotation.api.work_serializers import SegmentDetailOut
from annotation.states import SegmentState

Out = serializers.Serializer[Any]


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
    order = serializers.ChoiceField(choices=ORDERS, required=False, default="risk")
    exclude = serializers.ListField(
        child=Id(), required=False, max_length=50, help_text="What you hold already."
    )


class QueueCounts(Out):
    """What is left, and what is not."""

    total = serializers.IntegerField()
    open = serializers.IntegerField(
        help_text="Free to be handed out; with no segment in the answer, meant for others."
    )
    leased = serializers.IntegerField(help_text="Being edited by somebody just now.")
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
