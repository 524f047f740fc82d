"""Imports, as they go out and what may come in."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation.api.fields import Id, Strict, Text
from annotation.api.serializers import Cause, JobOut
from annotation.models import Import, ImportFile, ImportRow
from annotation.services.imports.columns import FIELDS, IGNORED, KEPT
from annotation.services.imports.receiving import MAX_FILES
from annotation.states import FileKind, ImportRowState, ImportState

Out = serializers.Serializer[Any]


class ColumnOut(Out):
    """One column of the table."""

    header = serializers.CharField()
    field = serializers.ChoiceField(
        choices=(*FIELDS, KEPT, IGNORED), help_text="Empty = kept as metadata; ignore = left out."
    )
    found = serializers.CharField(help_text="How it was found: name, template, audio, person, or empty.")


class ChoiceOut(Out):
    """One answer that can be given."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]


class QuestionOut(Out):
    """Something that the files leave open."""

    code = serializers.CharField(help_text="What to call it under `answers`.")
    message = serializers.CharField()
    choices = ChoiceOut(many=True)
    samples = serializers.ListField(child=serializers.CharField())


class ImportOut(Out):
    """A drop of files, and what became of it."""

    id = Id()
    project = Id(source="project_id")
    state = serializers.ChoiceField(choices=ImportState.choices)
    table = serializers.CharField(help_text="The name of its table; empty = transcripts, or audio alone.")
    columns = ColumnOut(many=True)
    reading = serializers.DictField(
        help_text="kind, sheet, sheets, encoding, delimiter: how the table was read; options say otherwise."
    )
    questions = QuestionOut(many=True)
    answers = serializers.DictField()
    options = serializers.DictField()
    counts = serializers.DictField(
        help_text="rows, ready, faulty, known, by_code; added, updated, ... later."
    )
    preview = serializers.ListField(child=serializers.DictField())
    refusal = serializers.SerializerMethodField(help_text="Why nothing of it can be imported.")
    job = serializers.SerializerMethodField()
    created_by = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(Cause(allow_null=True))
    def get_refusal(self, parent: Import) -> dict[str, str] | None:
        """Return why nothing of it can be imported."""
        return {name: parent.refusal[name] for name in ("code", "message")} if parent.refusal else None

    @extend_schema_field(JobOut(allow_null=True))
    def get_job(self, parent: Import) -> Any:
        """Return its latest job."""
        return JobOut(parent.job).data if parent.job else None

    def get_created_by(self, parent: Import) -> str | None:
        """Return who began it."""
        return parent.created_by.get_username() if parent.created_by else None


class ImportRowOut(Out):
    """One row of the table that is not imported, or not yet."""

    id = Id()
    source = serializers.CharField(help_text="The file it stands in.")  # type: ignore[assignment]
    line = serializers.IntegerField()
    state = serializers.ChoiceField(choices=ImportRowState.choices)
    faults = serializers.SerializerMethodField()
    cells = serializers.ListField(child=serializers.CharField())

    @extend_schema_field(Cause(many=True))
    def get_faults(self, row: ImportRow) -> list[dict[str, str]]:
        """Return everything that is wrong with it."""
        return [{"code": code, "message": message} for code, message in row.faults]


class ImportFileOut(Out):
    """One file of a drop."""

    id = serializers.CharField(source="pk")
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=FileKind.choices)
    size_bytes = serializers.IntegerField()
    duration_ms = serializers.IntegerField(allow_null=True)
    recording = Id(source="recording_id", allow_null=True)
    cause = serializers.SerializerMethodField(help_text="Why it cannot be used, or was left out.")

    @extend_schema_field(Cause(allow_null=True))
    def get_cause(self, file: ImportFile) -> dict[str, str] | None:
        """Return why it cannot be used."""
        return {"code": file.cause_code, "message": file.cause} if file.cause_code else None


class ImportIn(Strict):
    """Answers, and how to proceed."""

    answers = serializers.DictField(
        required=False, help_text="By code of a question; `columns` is {header: field}."
    )
    options = serializers.DictField(
        required=False,
        help_text="on_known update|skip, empty_text refuse|transcribe, orphans leave|transcribe,"
        " corrections text|gold, accept [codes], sheet, header_row, delimiter, template.",
    )
    save_template = Text(required=False, max_length=100)


class ImportFilesIn(Out):
    """A form with files."""

    file = serializers.ListField(child=serializers.FileField())


class ImportUploadsIn(Strict):
    """Files that were uploaded resumably, for an import."""

    uploads = serializers.ListField(
        child=serializers.UUIDField(),
        min_length=1,
        max_length=MAX_FILES,
        help_text="Ids of uploads that were begun with `import` in their metadata, and are whole.",
    )


class TemplateOut(Out):
    """How tables of one shape are read."""

    id = Id()
    name = serializers.CharField()
    headers = serializers.DictField(source="fields", help_text="{header in plain form: field}")
    answers = serializers.DictField()
