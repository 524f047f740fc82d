"""Exports: streamed as they are read."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from annotation.api.base import AsyncApiView, in_thread
from annotation.api.docs import operation, text
from annotation.api.streaming import Streamed, in_turn
from annotation.models import Project, Recording
from annotation.permissions import get_visible, require
from annotation.services import exports
from annotation.services.names import download_name

TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
FORMAT = (text("format", "csv (for spreadsheets; cells are escaped) or jsonl (exact)", list(TYPES)),)
FILES = {(200, "text/csv"): OpenApiTypes.STR, (200, "application/jsonl"): OpenApiTypes.STR}


class _Export(AsyncApiView):
    throttle_scopes: ClassVar = {"GET": "export"}

    def streamed(self, scope: Project | Recording) -> Streamed:
        """Answer with the rows of `scope`."""
        self.only_query("format")
        form = self.word("format") or "csv"
        if form not in TYPES:
            raise ValidationError({"format": f"Expected {' or '.join(TYPES)}."})
        response = Streamed(in_turn(exports.export(scope, form)), content_type=TYPES[form])
        name = download_name(scope.name, f".{form}")
        response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response


class ProjectExport(_Export):
    """All rows of a project."""

    @operation("export_project", also=FILES, query=FORMAT)
    async def get(self, request: Request, project_id: int) -> Any:
        """Download every segment of a project, one row each."""
        return self.streamed(await in_thread(self._project, project_id))

    def _project(self, project_id: int) -> Project:
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "export", project)
        return project


class RecordingExport(_Export):
    """All rows of a recording."""

    @operation("export_recording", also=FILES, query=FORMAT)
    async def get(self, request: Request, recording_id: int) -> Any:
        """Download every segment of a recording, one row each."""
        return self.streamed(await in_thread(self._recording, recording_id))

    def _recording(self, recording_id: int) -> Recording:
        recording = get_visible(Recording.objects.select_related("project"), self.person, pk=recording_id)
        require(self.person, "export", recording.project)
        return recording
