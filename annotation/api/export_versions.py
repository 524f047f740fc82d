"""Frozen exports: ask for one, follow it, take it home as often as you like."""

from __future__ import annotations

import asyncio
from typing import Any

from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import storage
from annotation.api import ranges
from annotation.api.base import ApiView, AsyncApiView, in_thread
from annotation.api.docs import PAGING, operation, page_of
from annotation.api.export_serializers import (
    ExportIn,
    ExportOut,
    ExportPreviewOut,
    ExportRequest,
    ExportWhole,
    PreviewIn,
    PreviewRequest,
    told,
)
from annotation.api.media import RANGES
from annotation.api.pagination import NEWEST, paginated
from annotation.errors import Conflict
from annotation.models import Export, Project
from annotation.permissions import get_visible, require
from annotation.services import exports
from annotation.services.exports.choosing import Choice
from annotation.services.exports.freezing import preview
from annotation.services.exports.listing import exports_for
from annotation.services.exports.naming import content_type, file_name


class ProjectExports(ApiView):
    """The exports of a project."""

    @operation("list_exports", gives=page_of(ExportOut), query=PAGING)
    def get(self, request: Request, project_id: int) -> Response:
        """List the versions of a project's dataset, newest first."""
        self.only_query("cursor", "page_size")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "export", project)
        return paginated(request, exports_for(self.person).filter(project=project), NEWEST, told)

    @operation("create_export", takes=ExportRequest, gives=ExportOut, status=201, refuses=(409,))
    def post(self, request: Request, project_id: int) -> Response:
        """Ask for a frozen version, which a worker writes. Unless told, unchecked rows stay out."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "export", project)
        values = self.valid(ExportIn(data=request.data))
        made = exports.request(
            user=self.person,
            project=project,
            form=values["format"],
            choice=values.get("filter"),
            options=values.get("options"),
        )
        return Response(ExportOut(exports_for(self.person).get(pk=made.pk)).data, status=201)


class ExportPreview(ApiView):
    """What an export would hold."""

    @operation("preview_export", takes=PreviewRequest, gives=ExportPreviewOut)
    def post(self, request: Request, project_id: int) -> Response:
        """Count what an export would hold at this moment, and what it would leave out."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "export", project)
        values = self.valid(PreviewIn(data=request.data))
        return Response(ExportPreviewOut(preview(project, Choice.read(values.get("filter")))).data)


class ExportDetail(ApiView):
    """One export."""

    @operation("get_export", gives=ExportWhole)
    def get(self, request: Request, export_id: int) -> Response:
        """Show a version: how far it is, and once it is written its manifest and dataset card."""
        export = get_visible(exports_for(self.person), self.person, pk=export_id)
        require(self.person, "export", export.project)
        return Response(ExportWhole(export).data)


class ExportDownload(AsyncApiView):
    """The file of an export."""

    @operation(
        "download_export",
        also={(200, "application/octet-stream"): OpenApiTypes.BINARY, 206: OpenApiTypes.BINARY, 304: None},
        query=RANGES,
        refuses=(409, 410, 412, 416),
    )
    async def get(self, request: Request, export_id: int) -> Any:
        """Download a version: the same bytes each time, and byte ranges to go on after a broken line."""
        export = await in_thread(self._export, export_id)
        path = storage.export_path(export.pk)
        stat = await asyncio.to_thread(ranges.stat_of, path)
        source = ranges.Bytes(
            path=path,
            offset=0,
            length=export.file.size_bytes,
            content_type=content_type(export),
            etag=export.file.sha256,
            name=file_name(export),
            modified=stat.st_mtime,
            attachment=True,
        )
        return ranges.serve(request._request, source)

    def _export(self, export_id: int) -> Export:
        export = get_visible(exports_for(self.person), self.person, pk=export_id)
        require(self.person, "export", export.project)
        if not hasattr(export, "file"):
            raise Conflict(f"This export is not written yet: its job is {export.job.state}. Ask again later.")
        return export
