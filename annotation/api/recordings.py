"""Recordings: hand files in, list them, draw their waveform."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import estimates, storage
from annotation.api.base import ApiView
from annotation.api.body_limit import body_of
from annotation.api.docs import PAGING, operation, page_of, text, whole
from annotation.api.pagination import NEWEST, paginated
from annotation.api.serializers import Peaks, RecordingOut, UploadedFiles, UploadFilesIn
from annotation.errors import Conflict, Invalid
from annotation.models import Project, Recording
from annotation.permissions import get_visible, require
from annotation.selectors import recordings_for, with_counts
from annotation.services import attention, multipart
from annotation.states import RecordingState, Segmentation
from transcription import peaks

MAX_POINTS = 20_000
"""Steps in one answer: five screens wide at the finest."""


class RecordingList(ApiView):
    """The recordings of a person's projects."""

    @operation(
        "list_recordings",
        gives=page_of(RecordingOut),
        query=(
            text("project"),
            text("search", "Part of the name."),
            text("state", enum=RecordingState.values),
            *PAGING,
        ),
    )
    def get(self, request: Request) -> Response:
        """List recordings, newest first, with counts of their segments and their latest job."""
        self.only_query("project", "search", "state", "cursor", "page_size")
        rows = recordings_for(
            self.person,
            project=self.number("project"),
            search=self.word("search"),
            state=self.word("state"),
        )
        return paginated(request, rows, NEWEST, shown)


class RecordingDetail(ApiView):
    """One recording."""

    @operation("get_recording", gives=RecordingOut)
    def get(self, request: Request, recording_id: int) -> Response:
        """Show a recording, its progress and what went wrong, if anything."""
        row = get_visible(recordings_for(self.person), self.person, pk=recording_id)
        return Response(RecordingOut(row).data)


class RecordingAttention(ApiView):
    """Saying that somebody looks at a recording."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("attend_recording", gives=None, status=204)
    def post(self, request: Request, recording_id: int) -> Response:
        """Put what is still to be done for a recording before everything else: you are looking at it.

        Send it when the recording is opened, and again every now and then while it is not done.
        """
        rows = Recording.objects.select_related("project")
        attention.opened(user=self.person, recording=get_visible(rows, self.person, pk=recording_id))
        return Response(status=204)


class ProjectRecordings(ApiView):
    """Handing files in."""

    parser_classes = (MultiPartParser,)
    throttle_scopes: ClassVar = {"POST": "upload"}

    @operation(
        "upload_recordings",
        takes={"multipart/form-data": UploadFilesIn},
        gives=UploadedFiles,
        status=201,
        query=(
            text("segmentation", "How to cut these files.", enum=Segmentation.values),
            whole("waiting", "1 = a person waits for the text, so these files go before all others."),
        ),
        also={200: UploadedFiles},
        refuses=(409, 413, 415, 507),
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Hand in one or more files; each is judged by itself, so a bad one does not lose the others.

        201 when at least one became a recording, 200 when all were here already, an error when none was
        taken. Files of any size; where the line is bad use resumable uploads instead.
        """
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "upload", project)
        if not (request.content_type or "").lower().startswith("multipart/form-data"):
            raise Conflict(
                "Send the files as multipart/form-data, each in a field named `file`.",
                code="unsupported_media_type",
            ) from None
        segmentation = self.word("segmentation")
        if segmentation and segmentation not in Segmentation.values:
            raise ValidationError({"segmentation": f"Expected {' or '.join(Segmentation.values)}."})
        stream: Any = body_of(request._request)
        received = multipart.receive(request.META, stream)
        taken = multipart.take_in(
            received,
            user=self.person,
            project=project,
            segmentation=segmentation,
            waiting=self.number("waiting", 0, 0, 1) == 1,
        )
        rows = shown(list(with_counts(Recording.objects.filter(pk__in=[r.pk for r in taken.recordings]))))
        outcome = {
            "recordings": rows,
            "duplicates": [
                {"name": d.name, "recording": str(d.recording_id), "recording_name": d.recording_name}
                for d in taken.duplicates
            ],
            "errors": [
                {"name": r.name, "error": {"code": r.code, "message": r.message, "detail": r.detail}}
                for r in taken.refused
            ],
        }
        if rows or taken.duplicates:
            return Response(outcome, status=201 if rows else 200)
        if not taken.refused:
            raise Invalid("No file was sent; put each file in a field named `file`.", code="no_file")
        first = taken.refused[0]
        return Response(
            {"error": {"code": first.code, "message": first.message, "detail": {**first.detail, **outcome}}},
            status=first.status,
        )


class RecordingPeaks(ApiView):
    """The waveform."""

    @operation(
        "get_peaks",
        gives=Peaks,
        query=(
            whole("level", "Step in ms; the best for `points` unless told."),
            whole("start_ms"),
            whole("end_ms"),
            whole("points", "About how many steps are wanted, 1000 unless told."),
        ),
        refuses=(409,),
    )
    def get(self, request: Request, recording_id: int) -> Response:
        """Give minimum and maximum of each step of a span, at the zoom level that fits."""
        self.only_query("level", "start_ms", "end_ms", "points")
        recording = get_visible(Recording.objects.all(), self.person, pk=recording_id)
        path = storage.peaks_path(recording.pk)
        try:
            info = peaks.read_info(path)
        except (OSError, ValueError):
            raise not_ready(recording) from None
        start = self.number("start_ms", 0) or 0
        end = self.number("end_ms", info.duration_ms) or 0
        if end < start:
            raise ValidationError({"end_ms": "Expected a time after start_ms."})
        end = min(end, info.duration_ms)
        start = min(start, end)
        points = self.number("points", 1000, 1, MAX_POINTS) or 1
        levels = [level.step_ms for level in info.levels]
        level = self.number("level") or peaks.best_level(info, end - start, points)
        if level not in levels:
            raise ValidationError({"level": f"Expected one of {', '.join(map(str, levels))}."})
        if (end - start) / level > MAX_POINTS:
            raise ValidationError({"level": f"More than {MAX_POINTS} steps; ask for a shorter span."})
        values = peaks.read_peaks(path, level, start, end)
        return Response(
            {
                "level_ms": level,
                "levels_ms": levels,
                "start_ms": start // level * level,
                "end_ms": end,
                "duration_ms": info.duration_ms,
                "peaks": values,
            },
            headers={"Cache-Control": "private, max-age=3600"},
        )


def shown(rows: list[Any]) -> list[Any]:
    """Show recordings, their latest jobs estimated together."""
    estimates.remember([job for row in rows for job in row.latest_jobs[:1]])
    return list(RecordingOut(rows, many=True).data)


def not_ready(recording: Recording) -> Conflict:
    """Say why a recording has no audio to play yet."""
    if recording.state == RecordingState.REJECTED:
        return Conflict(
            f"This file could not be read as audio: {recording.cause}",
            code="rejected",
            cause=recording.cause_code,
        )
    return Conflict("This recording is still being prepared; try again in a moment.", code="not_ready")
