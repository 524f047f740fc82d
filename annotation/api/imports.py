"""Imports: existing transcripts with their audio, checked first, then imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.body_limit import body_of
from annotation.api.docs import PAGING, operation, page_of, text, whole
from annotation.api.import_serializers import (
    ImportFileOut,
    ImportFilesIn,
    ImportIn,
    ImportOut,
    ImportRowOut,
    ImportUploadsIn,
    TemplateOut,
)
from annotation.api.pagination import BY_ID, NEWEST, Key, paginated
from annotation.api.parsers import StrictJSON
from annotation.errors import Conflict
from annotation.models import Import, ImportFile, ImportRow, ImportTemplate, Project
from annotation.permissions import get_visible, require
from annotation.services import multipart, uploads
from annotation.services.imports import receiving, rejects
from annotation.states import FileKind, ImportRowState

OPTIONS = (
    text("on_known", "What rows do whose segment is here already.", list(receiving.CHOICES["on_known"])),
    text("empty_text", "What becomes of rows without text.", list(receiving.CHOICES["empty_text"])),
    text("orphans", "What becomes of audio that no row names.", list(receiving.CHOICES["orphans"])),
    text(
        "corrections",
        "Whether they are the text, or gold to score people by.",
        list(receiving.CHOICES["corrections"]),
    ),
)


class _Import(ApiView):
    def found(self, import_id: int) -> Import:
        """Return an import of a project that the person may import into."""
        rows = Import.objects.select_related("project", "job", "created_by")
        parent = get_visible(rows, self.person, pk=import_id)
        require(self.person, "import", parent.project)
        return parent

    @contextmanager
    def received(self, request: Request, project: Project) -> Iterator[multipart.Received]:
        """Write the files of a form to the uploads folder, or lend those that were uploaded resumably."""
        kind = (request.content_type or "").lower()
        if kind.startswith("application/json"):
            sent = ImportUploadsIn(data=request.data)
            sent.is_valid(raise_exception=True)
            ids = sent.validated_data["uploads"]
            with uploads.lent(user=self.person, project=project, ids=ids) as lent:
                yield lent
        elif kind.startswith("multipart/form-data"):
            stream: Any = body_of(request._request)
            yield multipart.receive(request.META, stream)
        else:
            raise Conflict(
                "Send the files as multipart/form-data, each in a field named `file`; or upload them first,"
                ' and send JSON: {"uploads": [ids]}.',
                code="unsupported_media_type",
            )


class ProjectImports(_Import):
    """The imports of a project."""

    parser_classes = (MultiPartParser, StrictJSON)
    throttle_scopes: ClassVar = {"POST": "upload"}

    @operation("list_imports", gives=page_of(ImportOut), query=PAGING)
    def get(self, request: Request, project_id: int) -> Response:
        """List imports, newest first."""
        self.only_query("cursor", "page_size")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "import", project)
        rows = Import.objects.filter(project=project).select_related("job", "created_by")
        return paginated(request, rows, NEWEST, lambda found: list(ImportOut(found, many=True).data))

    @operation(
        "begin_import",
        takes={"multipart/form-data": ImportFilesIn, "application/json": ImportUploadsIn},
        gives=ImportOut,
        status=201,
        query=(*OPTIONS, whole("after", "An import whose unused audio goes along: for a mended sheet.")),
        refuses=(409, 413, 507),
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Drop a table (or transcripts) and its audio, as files or a ZIP; it is checked, not imported.

        Watch its state: `asking` wants answers, `checked` can be committed, `refused` says why not.
        """
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "import", project)
        options = {name: self.word(name) for name in receiving.CHOICES if self.word(name)}
        after = self.number("after", 0)
        earlier = self.found(after) if after else None
        with self.received(request, project) as received:
            parent = receiving.begin(
                user=self.person, project=project, received=received, options=options, after=earlier
            )
        return Response(ImportOut(parent).data, status=201)


class ImportDetail(_Import):
    """One import."""

    @operation("get_import", gives=ImportOut)
    def get(self, request: Request, import_id: int) -> Response:
        """Show an import: what was found, what is asked, what would happen or did."""
        return Response(ImportOut(self.found(import_id)).data)

    @operation("change_import", takes=ImportIn, gives=ImportOut, refuses=(409,))
    def patch(self, request: Request, import_id: int) -> Response:
        """Answer what is asked, say what a column is, choose how to proceed; checked again where need be."""
        parent = self.found(import_id)
        sent = ImportIn(data=request.data)
        sent.is_valid(raise_exception=True)
        given = sent.validated_data
        parent = receiving.change(
            user=self.person,
            parent=parent,
            answers=given.get("answers"),
            options=given.get("options"),
            save_template=given.get("save_template", ""),
        )
        return Response(ImportOut(parent).data)


class ImportFiles(_Import):
    """The files of an import."""

    parser_classes = (MultiPartParser, StrictJSON)
    throttle_scopes: ClassVar = {"POST": "upload"}

    @operation(
        "list_import_files",
        gives=page_of(ImportFileOut),
        query=(text("kind", enum=FileKind.values), *PAGING),
    )
    def get(self, request: Request, import_id: int) -> Response:
        """List the files of an import, those of its archives among them."""
        self.only_query("kind", "cursor", "page_size")
        rows = ImportFile.objects.filter(parent=self.found(import_id))
        if self.word("kind"):
            rows = rows.filter(kind=self.word("kind"))
        return paginated(
            request, rows, (Key("name"), Key("id")), lambda found: list(ImportFileOut(found, many=True).data)
        )

    @operation(
        "add_import_files",
        takes={"multipart/form-data": ImportFilesIn, "application/json": ImportUploadsIn},
        gives=ImportOut,
        status=201,
        refuses=(409, 413, 507),
    )
    def post(self, request: Request, import_id: int) -> Response:
        """Add files to an import that was not started: missing audio, a mended table; check again."""
        parent = self.found(import_id)
        with self.received(request, parent.project) as received:
            parent = receiving.add_files(user=self.person, parent=parent, received=received)
        return Response(ImportOut(parent).data, status=201)


class ImportRows(_Import):
    """The rows of an import that are not segments."""

    @operation(
        "list_import_rows",
        gives=page_of(ImportRowOut),
        query=(text("state", enum=ImportRowState.values), text("code", "A fault."), *PAGING),
    )
    def get(self, request: Request, import_id: int) -> Response:
        """List rows with everything that is wrong with them."""
        self.only_query("state", "code", "cursor", "page_size")
        rows = ImportRow.objects.filter(parent=self.found(import_id))
        if self.word("state"):
            rows = rows.filter(state=self.word("state"))
        if self.word("code"):
            rows = rows.filter(faults__contains=[[self.word("code")]])
        return paginated(request, rows, BY_ID, lambda found: list(ImportRowOut(found, many=True).data))


class ImportCommit(_Import):
    """Starting an import."""

    @operation("commit_import", gives=ImportOut, refuses=(409,))
    def post(self, request: Request, import_id: int) -> Response:
        """Import the rows that are ready; the faulty ones stay for the sheet of rejects."""
        return Response(ImportOut(receiving.start(user=self.person, parent=self.found(import_id))).data)


class ImportCancel(_Import):
    """Giving an import up."""

    @operation("cancel_import", gives=ImportOut, refuses=(409,))
    def post(self, request: Request, import_id: int) -> Response:
        """Give an import up; segments that are there stay."""
        return Response(ImportOut(receiving.cancel(user=self.person, parent=self.found(import_id))).data)


class ImportRejects(_Import):
    """The sheet of rejects."""

    throttle_scopes: ClassVar = {"GET": "export"}

    @operation("get_import_rejects", also={(200, rejects.CONTENT_TYPE): OpenApiTypes.BINARY})
    def get(self, request: Request, import_id: int) -> HttpResponse:
        """Download the faulty rows as XLSX, with why, to be mended and dropped again."""
        return rejects_response(self.found(import_id))


def rejects_response(parent: Import) -> HttpResponse:
    """Return the sheet of rejects as a download."""
    with rejects.sheet_of(parent) as sheet:
        data = sheet.read()
    name = f"rejects-{parent.pk}.xlsx"
    return HttpResponse(
        data,
        content_type=rejects.CONTENT_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


class ProjectImportTemplates(ApiView):
    """How tables of a project are read."""

    @operation("list_import_templates", gives=page_of(TemplateOut), query=PAGING)
    def get(self, request: Request, project_id: int) -> Response:
        """List the templates of a project."""
        self.only_query("cursor", "page_size")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "import", project)
        rows = ImportTemplate.objects.filter(project=project)
        return paginated(request, rows, BY_ID, lambda found: list(TemplateOut(found, many=True).data))
