"""What is asked of an export, and what is told of it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api.fields import Id, Strict
from annotation.api.serializers import JobOut, Out
from annotation.models import Export
from annotation.services.exports.naming import file_name
from annotation.states import ExportFormat, SegmentState, Verdict


class ExportFilter(Strict):
    """Which rows go in. What is left out is no condition."""

    rows = serializers.ChoiceField(
        choices=("checked", "accepted", "all"), required=False,
        help_text="checked (unless told): a person stands behind the text. accepted: a reviewer, too. all: "
        "machines' texts that nobody has heard as well.",
    )  # fmt: skip
    states = serializers.ListField(
        child=serializers.ChoiceField(choices=SegmentState.choices), required=False,
        help_text="Exactly these, instead of `rows`.",
    )  # fmt: skip
    verdicts = serializers.ListField(
        child=serializers.ChoiceField(choices=Verdict.choices), required=False,
        help_text="What the last reviewer said.",
    )  # fmt: skip
    since = serializers.DateField(required=False, help_text="The text was written on this day or later, UTC.")
    until = serializers.DateField(required=False, help_text="On this day or before, UTC.")
    annotators = serializers.ListField(child=Id(), required=False, help_text="Whose text it is.")
    recordings = serializers.ListField(child=Id(), required=False)


class ExportOptions(Strict):
    """How the rows are written; which of these there are depends on the format."""

    audio = serializers.ChoiceField(
        choices=("segments", "recordings", "none"), required=False,
        help_text="segments: a WAV for each row (training sets). recordings: beside the texts, as they came "
        "in. none.",
    )  # fmt: skip
    normalise = serializers.CharField(
        required=False, allow_blank=True, help_text="Profile that texts are normalised by, such as spoken-1."
    )
    split_by = serializers.ChoiceField(
        choices=("speaker", "recording", ""), required=False,
        help_text="Split into parts; no speaker, or no recording, is in two of them.",
    )  # fmt: skip
    train = serializers.IntegerField(required=False, help_text="Percent of the audio; 80 unless told.")
    validation = serializers.IntegerField(required=False, help_text="10 unless told.")
    test = serializers.IntegerField(required=False, help_text="10 unless told.")
    seed = serializers.CharField(
        required=False, allow_blank=True, help_text="The same seed and rows give the same parts."
    )


class ExportIn(Strict):
    """What an export is asked with. Inside of `filter` and `options` is checked by the service."""

    format = serializers.ChoiceField(choices=ExportFormat.choices)
    filter = serializers.DictField(required=False)
    options = serializers.DictField(required=False)


class ExportRequest(Strict):
    """The same as ExportIn, with all that may be inside."""

    format = serializers.ChoiceField(choices=ExportFormat.choices)
    filter = ExportFilter(required=False)
    options = ExportOptions(required=False)


class PreviewIn(Strict):
    """What a preview is asked with."""

    filter = serializers.DictField(required=False)


class PreviewRequest(Strict):
    """The same as PreviewIn, with all that may be inside."""

    filter = ExportFilter(required=False)


class ExportPreviewOut(Out):
    """What an export would hold at this moment."""

    rows = serializers.IntegerField()
    audio_ms = serializers.IntegerField()
    left_out = serializers.DictField(
        child=serializers.IntegerField(), help_text="State: rows that it keeps out."
    )


class ExportOut(Out):
    """One version of a dataset."""

    id = Id()
    project = Id(source="project_id")
    version = serializers.IntegerField(source="number")
    format = serializers.ChoiceField(choices=ExportFormat.choices)
    filter = serializers.DictField()
    options = serializers.DictField()
    job = JobOut()
    created_by = serializers.CharField(source="created_by.username", default=None)
    created_at = serializers.DateTimeField()
    frozen_at = serializers.DateTimeField(source="snapshot.frozen_at", default=None)
    rows = serializers.IntegerField(source="file.rows", default=None, help_text="null until it is written.")
    audio_ms = serializers.IntegerField(source="file.audio_ms", default=None)
    size_bytes = serializers.IntegerField(source="file.size_bytes", default=None)
    sha256 = serializers.CharField(source="file.sha256", default=None)
    file_name = serializers.SerializerMethodField()

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_file_name(self, export: Export) -> str | None:
        """Return the name it is downloaded under, once it is frozen."""
        return file_name(export) if hasattr(export, "snapshot") else None


class ExportWhole(ExportOut):
    """One version with its manifest and dataset card."""

    manifest = serializers.DictField(source="file.manifest", default=None)
    card = serializers.CharField(source="file.card", default=None, help_text="Markdown.")


def told(found: list[Export]) -> list[Any]:
    """Show some exports."""
    return list(ExportOut(found, many=True).data)
