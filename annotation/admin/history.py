"""What happened to one row, by the audit; and for a segment, its versions and the way back to each."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from annotation.admin.blind import with_unsettled
from annotation.admin.names import name_ids
from annotation.admin.skin import UNFOLD
from annotation.api import ranges
from annotation.api.media import piece_of
from annotation.audit import AUDITED
from annotation.errors import AnnotationError, Conflict
from annotation.models import AuditEvent, Revision, Segment
from annotation.permissions import supervising
from annotation.selectors import history_of
from annotation.services import pairs
from annotation.services.segments import decide
from annotation.states import EDITABLE_SEGMENTS, DecisionKind
from annotation.ui.words import changes

if TYPE_CHECKING:
    from annotation.admin.skin import ModelAdmin

PAGE: Final = 50
VERSIONS: Final = 200
MOST_RELATED: Final = 1_000
"""Rows of another table whose events are shown with a row's own."""


def events_of(request: HttpRequest, where: Q) -> dict[str, Any]:
    """Return a page of audit events, newest first, and where the next one begins."""
    rows = with_unsettled(AuditEvent.objects.filter(where)).order_by("-id")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: PAGE + 1])
    older = found[PAGE - 1].pk if len(found) > PAGE else None
    return {"events": name_ids(found[:PAGE]), "older": older}


def show(admin: ModelAdmin, request: HttpRequest, subject: Any, **more: Any) -> TemplateResponse:
    """Show the history of a row."""
    meta = admin.model._meta
    return TemplateResponse(
        request,
        "annotation/admin/history.html",
        {
            **admin.admin_site.each_context(request),
            "title": f"History of {meta.verbose_name} {subject}",
            "subject": subject,
            # The skin's pages have no headline of their own.
            "skinned": UNFOLD,
            "opts": meta,
            "back": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"),
            **more,
        },
    )


def history_of_row(
    admin: ModelAdmin, request: HttpRequest, object_id: str, related: Mapping[str, str]
) -> TemplateResponse:
    """Show every audited change of a row, also of one that is gone.

    With it those of rows that belong to it: `related` says in which tables, and in which column they name it.
    """
    if not admin.has_view_permission(request):
        raise Http404
    subject = admin.get_object(request, object_id) or object_id
    table = admin.model._meta.db_table
    where = Q(table_name=table, row_id=object_id)
    for other, column in related.items():
        where |= Q(table_name=other, row_id__in=_rows_naming(other, column, object_id))
    return show(admin, request, subject, unaudited=table not in AUDITED, **events_of(request, where))


def _rows_naming(table: str, column: str, pk: str) -> list[str]:
    """Return the rows of a table, gone ones too, in which a column named a row by its id."""
    if not (pk.isascii() and pk.isdecimal() and len(pk) < 19):
        return []
    named = {column: int(pk)}
    events = AuditEvent.objects.filter(Q(after__contains=named) | Q(before__contains=named), table_name=table)
    return list(events.order_by().values_list("row_id", flat=True).distinct()[:MOST_RELATED])


class SegmentHistory:
    """Give the admin of segments its history, its sound, and the way back to an earlier version."""

    model: type[Segment]
    admin_site: Any

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show versions, verdicts and events of a segment."""
        segment = self._segment(request, object_id)
        open_ = self._restorable(segment)
        versions = list(history_of(segment)[: VERSIONS + 1])
        told = [
            {
                "revision": new,
                "changes": changes(old.text if old else "", new.text),
                "restorable": new.number != segment.revision and open_,
            }
            for new, old in pairwise([*versions, None])
            if new is not None
        ]
        return show(
            self,  # type: ignore[arg-type]
            request,
            segment,
            segment=segment,
            recording=segment.recording,
            versions=told[:VERSIONS],
            reviews=segment.reviews.select_related("reviewer").order_by("-pk")[:PAGE],
            **events_of(request, Q(segment_id=segment.pk)),
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the sound and of the way back."""
        own = self.admin_site.admin_view
        return [
            path("<int:pk>/audio/", own(self.audio), name="annotation_segment_audio"),
            path("<int:pk>/restore/<int:number>/", own(self.restore), name="annotation_segment_restore"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    @property
    def audio(self) -> Any:
        """Play a segment."""

        @require_GET
        def play(request: HttpRequest, pk: int) -> HttpResponseBase:
            segment = self._segment(request, str(pk))
            try:
                return ranges.serve(request, piece_of(segment))
            except AnnotationError as error:
                return HttpResponse(error.message, status=error.status, content_type="text/plain")

        return play

    @property
    def restore(self) -> Any:
        """Write an earlier version's text as a new version, in the supervisor's name."""

        @require_POST
        def put_back(request: HttpRequest, pk: int, number: int) -> HttpResponse:
            segment = self._segment(request, str(pk))
            revision = Revision.objects.filter(segment=segment, number=number).first()
            base = request.POST.get("base", "")
            if revision is None or not (base.isascii() and base.isdecimal() and len(base) < 10):
                raise Http404
            try:
                if pairs.is_blind(segment):
                    # What is decided about such a row is a reading, and would count as one of two.
                    raise Conflict(
                        "Two people read this segment without seeing each other's text; it gets its text from"
                        " them, or from the reviewer who settles their dispute.",
                        code="read_twice",
                    )
                with supervising(request.user):
                    decide(
                        user=request.user,  # type: ignore[arg-type]
                        segment=segment,
                        kind=DecisionKind.SAVE,
                        text=revision.text,
                        base_revision=int(base),
                        reason=f"Version {number} restored",
                    )
            except AnnotationError as error:
                messages.error(request, f"Not restored. {error.message}")
            else:
                messages.success(request, f"Version {number} is the text again, as version {int(base) + 1}.")
            return HttpResponseRedirect(reverse("admin:annotation_segment_history", args=[pk]))

        return put_back

    def _segment(self, request: HttpRequest, pk: str) -> Segment:
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise Http404
        found: Segment | None = self.get_object(request, pk)  # type: ignore[attr-defined]
        if found is None:
            raise Http404
        return found

    @staticmethod
    def _restorable(segment: Segment) -> bool:
        editable = segment.state in EDITABLE_SEGMENTS and not segment.locked
        return editable and segment.retired_at is None and not pairs.is_blind(segment)
