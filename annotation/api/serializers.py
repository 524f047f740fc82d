"""What goes out and what may come in, field by field. Nothing here is `__all__`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from annotation import estimates, selectors
from annotation.api.fields import Id, Share, Strict, Text, Whole
from annotation.models import Job, Project, Recording, Upload
from annotation.states import (
    ChannelLayout,
    JobKind,
    JobState,
    LanguageScope,
    RecordingState,
    RefineWhen,
    Role,
    Segmentation,
    UploadState,
)

Out = serializers.Serializer[Any]


class ErrorBody(Out):
    """Inside of every refusal."""

    code = serializers.CharField(help_text="Stable word for programs.")
    message = serializers.CharField(help_text="What to do, for people.")
    detail = serializers.DictField(help_text="Values that belong to the code.")


class Error(Out):
    """Shape of every refusal."""

    error = ErrorBody()


class Cause(Out):
    """Why something failed."""

    code = serializers.CharField()
    message = serializers.CharField()


# -- Sign in ---------------------------------------------------------------------------------------------


class Credentials(Strict):
    """What a token is asked for with."""

    username = Text(max_length=150, trim_whitespace=False)
    password = Text(max_length=1024, trim_whitespace=False)


class Token(Out):
    """A new token; it is shown this once."""

    token = serializers.CharField()
    expiry = serializers.DateTimeField(allow_null=True)


# -- Projects --------------------------------------------------------------------------------------------


class ProjectCounts(Out):
    """How much is in a project."""

    recordings = serializers.IntegerField(source="recording_count")
    segments = serializers.IntegerField(source="segment_count")
    corrected = serializers.IntegerField(source="corrected_count")
    duration_ms = serializers.IntegerField(source="duration_total_ms")


class ProjectOut(Out):
    """A project as its members see it."""

    id = Id()
    name = serializers.CharField()
    description = serializers.CharField()
    language = serializers.CharField(help_text="ISO 639 code; empty = detected.")
    segmentation = serializers.ChoiceField(choices=Segmentation.choices)
    segment_target_ms = serializers.IntegerField()
    segment_max_ms = serializers.IntegerField()
    draft_model = serializers.CharField()
    refine_model = serializers.CharField(allow_null=True, help_text="null = one pass.")
    refine_when = serializers.ChoiceField(
        choices=RefineWhen.choices, help_text="risky: only where a draft's risk is `refine_above` or more."
    )
    refine_above = serializers.FloatField(help_text="0 to 1.")
    language_scope = serializers.ChoiceField(
        choices=LanguageScope.choices, help_text="What one language is detected for, where none is given."
    )
    channels_apart = serializers.BooleanField(
        help_text="Whether stereo whose channels differ is heard channel by channel."
    )
    glossary = serializers.ListField(child=serializers.CharField())
    tags = serializers.ListField(
        child=serializers.CharField(),
        help_text="Set as `[tag]` in the text; `foreign:xx` takes a language code.",
    )
    role = serializers.ChoiceField(choices=Role.choices, help_text="Your role here.")
    counts = ProjectCounts(source="*")
    created_at = serializers.DateTimeField()


class ProjectIn(Strict):
    """What may be set of a project."""

    name = Text(max_length=200)
    description = Text(max_length=10_000, required=False, allow_blank=True)
    language = Text(max_length=12, required=False, allow_blank=True)
    segmentation = serializers.ChoiceField(choices=Segmentation.choices, required=False)
    segment_target_ms = Whole(min_value=1_000, max_value=30_000, required=False)
    segment_max_ms = Whole(min_value=2_000, max_value=30_000, required=False)
    draft_model = Text(max_length=200, required=False)
    refine_model = Text(max_length=200, required=False, allow_null=True, allow_blank=True)
    refine_when = serializers.ChoiceField(choices=RefineWhen.choices, required=False)
    refine_above = Share(required=False)
    language_scope = serializers.ChoiceField(choices=LanguageScope.choices, required=False)
    channels_apart = serializers.BooleanField(required=False)
    glossary = serializers.ListField(child=Text(max_length=100), max_length=1000, required=False)
    tags = serializers.ListField(child=Text(max_length=50), max_length=40, required=False)


class Person(Out):
    """A person, by the names others may know."""

    id = Id(source="pk")
    username = serializers.CharField(source="get_username")
    name = serializers.CharField(source="get_full_name")


class MemberOut(Out):
    """A person's place in a project."""

    user = Person()
    role = serializers.ChoiceField(choices=Role.choices)
    created_at = serializers.DateTimeField()


class MemberIn(Strict):
    """Whom to give which role."""

    username = Text(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)


# -- Jobs ------------------------------------------------------------------------------------------------


class JobOut(Out):
    """Work that somebody asked for, and how far it is."""

    id = Id()
    project = Id(source="project_id")
    recording = Id(source="recording_id", allow_null=True)
    kind = serializers.ChoiceField(choices=JobKind.choices)
    state = serializers.ChoiceField(choices=JobState.choices)
    phase = serializers.CharField(help_text="preparing, draft or refine while it runs.")
    progress = serializers.SerializerMethodField(help_text="0 to 1.")
    processed_items = serializers.IntegerField()
    failed_items = serializers.IntegerField()
    total_items = serializers.IntegerField()
    error = serializers.SerializerMethodField()
    eta_s = serializers.SerializerMethodField(help_text="Seconds left; null before there is a pace.")
    draft_eta_s = serializers.SerializerMethodField(help_text="Seconds until every draft is there.")
    created_by = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_progress(self, job: Job) -> float:
        """Return the share that is done."""
        return selectors.progress_of(job)

    @extend_schema_field(Cause(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        """Return why it failed, or the part of it that did."""
        return {"code": job.error_code, "message": job.error} if job.error_code else None

    def get_eta_s(self, job: Job) -> int | None:
        """Return the seconds left, by the pace of its models of late and what is before it."""
        return selectors.eta_s(job)

    def get_draft_eta_s(self, job: Job) -> int | None:
        """Return the seconds left until there is a first text everywhere."""
        found = estimates.eta_of(job)
        return found.draft_s if found else None

    def get_created_by(self, job: Job) -> str | None:
        """Return who asked for it."""
        return job.created_by.get_username() if job.created_by else None


# -- Recordings ------------------------------------------------------------------------------------------


class SegmentCounts(Out):
    """How many segments a recording has, and how far they are."""

    total = serializers.IntegerField(source="segment_count")
    heard = serializers.IntegerField(source="heard_count")
    corrected = serializers.IntegerField(source="corrected_count")
    locked = serializers.IntegerField(source="locked_count")


class RecordingOut(Out):
    """An uploaded audio file and where its transcription stands."""

    id = Id()
    project = Id(source="project_id")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=RecordingState.choices)
    duration_ms = serializers.IntegerField(allow_null=True)
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    container = serializers.CharField()
    codec = serializers.CharField()
    sample_rate = serializers.IntegerField(allow_null=True)
    channels = serializers.IntegerField(allow_null=True)
    channel_layout = serializers.ChoiceField(
        choices=ChannelLayout.choices, help_text="apart: its segments lie on channel 1 (left) or 2 (right)."
    )
    language = serializers.CharField(help_text="As a person gave it; empty = as the project says.")
    detected_language = serializers.CharField(help_text="As a model heard it where none is given.")
    language_probability = serializers.FloatField(allow_null=True)
    segments = SegmentCounts(source="*")
    progress = serializers.SerializerMethodField(help_text="0 to 1, of its latest job.")
    error = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()
    job = serializers.SerializerMethodField(help_text="Its latest job.")
    created_at = serializers.DateTimeField()

    def get_progress(self, recording: Recording) -> float:
        """Return the share of its latest job that is done."""
        job = _latest_job(recording)
        return selectors.progress_of(job) if job else 0.0

    @extend_schema_field(Cause(allow_null=True))
    def get_error(self, recording: Recording) -> dict[str, str] | None:
        """Return why it was rejected, or what its latest job stumbled over."""
        if recording.cause_code:
            return {"code": recording.cause_code, "message": recording.cause}
        job = _latest_job(recording)
        return {"code": job.error_code, "message": job.error} if job and job.error_code else None

    @extend_schema_field(Cause(many=True))
    def get_warnings(self, recording: Recording) -> list[dict[str, str]]:
        """Return what was odd about the file and was survived."""
        return list(recording.warnings)

    @extend_schema_field(JobOut(allow_null=True))
    def get_job(self, recording: Recording) -> dict[str, Any] | None:
        """Return its latest job."""
        job = _latest_job(recording)
        return JobOut(job).data if job else None


def _latest_job(recording: Recording) -> Job | None:
    jobs: list[Job] = getattr(recording, "latest_jobs", [])
    if not jobs:
        return None
    job = jobs[0]
    job.recording = recording  # spares a query per row: its percentage counts while it is prepared
    return job


class DuplicateFile(Out):
    """A file whose bytes the project already has."""

    name = serializers.CharField(help_text="As it was sent.")
    recording = Id()
    recording_name = serializers.CharField()


class RefusedFile(Out):
    """A file that was not taken, and why."""

    name = serializers.CharField()
    error = ErrorBody()


class UploadedFiles(Out):
    """What became of each file of one upload."""

    recordings = RecordingOut(many=True)
    duplicates = DuplicateFile(many=True)
    errors = RefusedFile(many=True)  # type: ignore[assignment]


class Peaks(Out):
    """A waveform: minimum and maximum of each step."""

    level_ms = serializers.IntegerField(help_text="Length of one step.")
    levels_ms = serializers.ListField(child=serializers.IntegerField(), help_text="All zoom levels.")
    start_ms = serializers.IntegerField(help_text="Where the first step begins.")
    end_ms = serializers.IntegerField()
    duration_ms = serializers.IntegerField()
    peaks = serializers.ListField(
        child=serializers.IntegerField(), help_text="minimum, maximum, ... as -128..127"
    )


class UploadOut(Out):
    """Where a resumable upload stands."""

    id = serializers.UUIDField()
    project = Id(source="project_id")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=UploadState.choices)
    offset = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    recording = serializers.SerializerMethodField()
    duplicate = serializers.BooleanField()
    expires_at = serializers.DateTimeField()

    def get_recording(self, upload: Upload) -> str | None:
        """Return the recording its bytes became."""
        return str(upload.recording_id) if upload.recording_id else None


def project_out(project: Project) -> dict[str, Any]:
    """Show one project."""
    return dict(ProjectOut(project).data)


class UploadFilesIn(Strict):
    """The parts of a multipart upload."""

    file = serializers.ListField(child=serializers.FileField(), help_text="Repeatable.")
