"""Find and replace over a project: look, do, take back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import PAGING, operation, page_of, text
from annotation.api.pagination import BY_ID, NEWEST, paginated
from annotation.api.search_serializers import (
    ReplacedRowOut,
    ReplaceIn,
    ReplacementOut,
    ReplacePreviewOut,
    WishIn,
)
from annotation.models import Project, ReplacedRow, Replacement
from annotation.permissions import get_visible, require
from annotation.services import replacing
from annotation.services.replacing import Wish
from annotation.states import ReplacedAs


class ReplacePreview(ApiView):
    """Looking at what a replacement would do."""

    @operation("preview_replacement", takes=WishIn, gives=ReplacePreviewOut)
    def post(self, request: Request, project_id: int) -> Response:
        """Count the rows that would change and those left alone, and show some; nothing is changed.

        It is looked for letter by letter. Rows that are locked, accepted or being edited are left alone.
        """
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        wish = Wish(**self.valid(WishIn(data=request.data)))
        seen = replacing.preview(user=self.person, project=project, wish=wish)
        return Response(ReplacePreviewOut(seen).data)


class ProjectReplacements(ApiView):
    """The replacements of a project."""

    @operation("list_replacements", gives=page_of(ReplacementOut), query=PAGING)
    def get(self, request: Request, project_id: int) -> Response:
        """List the replacements of a project, newest first."""
        self.only_query("cursor", "page_size")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "replace", project)
        rows = Replacement.objects.filter(project=project).select_related("created_by")
        return paginated(request, rows, NEWEST, lambda found: list(ReplacementOut(found, many=True).data))

    @operation("replace", takes=ReplaceIn, gives=ReplacementOut, status=201, refuses=(409,))
    def post(self, request: Request, project_id: int) -> Response:
        """Replace, in every row that the preview said would change; many rows become a job.

        409 `preview_outdated` when by now other rows would change than `expected`.
        """
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        values = self.valid(ReplaceIn(data=request.data))
        expected = values.pop("expected")
        made = replacing.apply(user=self.person, project=project, wish=Wish(**values), expected=expected)
        return Response(ReplacementOut(made).data, status=201)


class OfReplacement(ApiView):
    """Views of one replacement."""

    def found(self, replacement_id: int) -> Replacement:
        """Return the replacement, for those who may replace in its project."""
        rows: QuerySet[Any] = Replacement.objects.select_related("project", "created_by")
        row: Replacement = get_visible(rows, self.person, pk=replacement_id)
        require(self.person, "replace", row.project)
        return row


class ReplacementDetail(OfReplacement):
    """One replacement."""

    @operation("get_replacement", gives=ReplacementOut)
    def get(self, request: Request, replacement_id: int) -> Response:
        """Show a replacement and how far it is."""
        return Response(ReplacementOut(self.found(replacement_id)).data)


class ReplacementRows(OfReplacement):
    """What became of each row."""

    @operation(
        "replacement_rows",
        gives=page_of(ReplacedRowOut),
        query=(text("outcome", enum=ReplacedAs.values), *PAGING),
    )
    def get(self, request: Request, replacement_id: int) -> Response:
        """List the rows of a replacement: changed, left alone and why, taken back, or left by that."""
        self.only_query("outcome", "cursor", "page_size")
        outcome = self.word("outcome")
        if outcome and outcome not in ReplacedAs.values:
            raise ValidationError({"outcome": f"Expected {' or '.join(ReplacedAs.values)}."})
        rows = ReplacedRow.objects.filter(replacement=self.found(replacement_id))
        rows = rows.filter(outcome=outcome) if outcome else rows
        return paginated(
            request,
            rows.select_related("segment__recording"),
            BY_ID,
            lambda found: list(ReplacedRowOut(found, many=True).data),
        )


class ReplacementUndo(OfReplacement):
    """Taking a replacement back."""

    @operation("undo_replacement", gives=ReplacementOut, refuses=(409,))
    def post(self, request: Request, replacement_id: int) -> Response:
        """Give every row its former text that nobody has changed since; the others are `kept` and named."""
        row = self.found(replacement_id)
        return Response(ReplacementOut(replacing.undo(user=self.person, replacement=row)).data)
