"""The search box: segments by their words and filters, recordings by their names."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import PAGING, operation, text
from annotation.api.search_serializers import FoundOut, HitOut, NamedOut
from annotation.models import Project, Recording
from annotation.permissions import get_visible, visible
from annotation.search import engine
from annotation.search.grams import with_name
from annotation.search.hits import hits_of
from annotation.search.query import KEYS, LONGEST, read

NAMES = 5
"""Recordings whose names match, shown above the segments of a first page."""
PAGE_SIZE = 25
PAGE_MAX = 100


class Search(ApiView):
    """Finding things."""

    @operation(
        "search",
        gives=FoundOut,
        query=(
            text(
                "q",
                'Words (all of them; parts and other forms count), "exact words", -without, and filters: '
                + "; ".join(f"{key}: {what}" for key, what in KEYS.items()),
            ),
            text("project", "Only in this one."),
            *PAGING,
        ),
    )
    def get(self, request: Request) -> Response:
        """Find segments by what is written or was heard in them, newest recordings first.

        Each hit names the version that matched and its snippet in parts, those that match marked. `total` is
        null where there are too many to count. The first page also lists recordings by their file names.
        """
        self.only_query("q", "project", "cursor", "page_size")
        query = read(self.word("q", LONGEST))
        project = self.number("project")
        within = None
        if project is not None:
            within = [get_visible(Project.objects.all(), self.person, pk=project).pk]
        cursor = self.word("cursor")
        size = self.number("page_size", PAGE_SIZE, 1, PAGE_MAX) or PAGE_SIZE
        page = engine.find(self.person, query, cursor=cursor, limit=size, within=within)
        hits = hits_of(page.segments, page.needles, query.where)
        named: list[Any] = []
        if not cursor and query.wanted and not query.filtered:
            rows = visible(Recording.objects.select_related("project"), self.person)
            if within is not None:
                rows = rows.filter(project__in=within)
            rows = with_name(rows, " ".join(word.folded for word in query.wanted))
            named = list(rows.order_by("-id")[:NAMES])
        return Response(
            {
                "next": self._link(page.next),
                "previous": self._link(page.previous),
                "total": page.total,
                "recordings": NamedOut(named, many=True).data,
                "results": HitOut(hits, many=True).data,
            }
        )

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        query = self.request.query_params.copy()
        query["cursor"] = cursor
        return str(self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}"))
