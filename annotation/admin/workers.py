"""The workers that are alive, as they last said themselves."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern

from annotation import presence
from annotation.admin.readonly import ReadOnly
from annotation.models import LiveWorker


@admin.register(LiveWorker)
class WorkerAdmin(ReadOnly):
    """List the running workers. They are notes in Redis, so there is nothing to open or change."""

    def get_urls(self) -> list[URLPattern]:
        """Offer the list alone: every other address would ask for a row."""
        return [url for url in super().get_urls() if url.name == "annotation_liveworker_changelist"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show every worker that has given a sign of life in the last seconds."""
        if not self.has_view_permission(request):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": "Workers",
            "opts": self.model._meta,
            "workers": presence.alive(),
            "alive_s": presence.ALIVE_S,
            "counters": sorted(presence.counters().items()),
        }
        return TemplateResponse(request, "annotation/admin/workers.html", context)
