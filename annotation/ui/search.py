"""The search page: one box over all that a person may see, or over one project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotation.errors import AnnotationError
from annotation.models import Project, Recording, User
from annotation.permissions import get_visible, role_in, visible
from annotation.search import engine
from annotation.search.grams import with_name
from annotation.search.hits import Hit, hits_of
from annotation.search.query import KEYS, LONGEST, PIECE, Query, read
from annotation.ui.bulk_bar import bar
from annotation.ui.pages import page, person_of, plain_text, whole_number
from annotation.ui.projects import rights
from annotation.ui.rows import WORDS

PAGE_SIZE: Final = 25
NAMES: Final = 5

#: What a newcomer may try: typed with a click.
EXAMPLES: Final = (
    ("status:draft conf:<0.5", "drafts that are probably wrong"),
    ("changed:yes", "rows where a person changed the machine's text"),
    ('"thank you for"', "these words exactly"),
    ("tag:noise", "rows with the tag [noise]"),
    ("by:me status:returned", "what a reviewer sent back to you"),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One hit and the words that say how its row stands."""

    hit: Hit

    @property
    def words(self) -> str:
        """Say its state."""
        return "Locked" if self.hit.segment.locked else WORDS[self.hit.segment.state]

    @property
    def kind(self) -> str:
        """Return the class that colours its mark."""
        return "locked" if self.hit.segment.locked else str(self.hit.segment.state)

    @property
    def icon(self) -> str:
        """Return the name of its mark."""
        return "lock" if self.hit.segment.locked else str(self.hit.segment.state)


@page("GET")
def search(request: HttpRequest) -> HttpResponse:
    """Search everything, or the project that `project` names."""
    project = whole_number(request.GET.get("project"), 0, 0, 2**62)
    return _answer(request, project or None)


@page("GET")
def in_project(request: HttpRequest, project_id: int) -> HttpResponse:
    """Search one project."""
    return _answer(request, project_id)


def _answer(request: HttpRequest, project_id: int | None) -> HttpResponse:
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id) if project_id else None
    asked = plain_text(request.GET.get("q"), LONGEST + 1)
    context: dict[str, Any] = {
        "project": project,
        "asked": asked,
        "filters": KEYS,
        "examples": EXAMPLES,
        "can": rights(role_in(person, project)) if project else {},
        "shown": [],
        "names": [],
        "bulk": _bar(person, project),
    }
    status = 200
    try:
        context |= _found(person, project, asked, request.GET.get("cursor", ""))
    except AnnotationError as error:
        status = error.status
        context["error"] = error.message
    return render(request, "ui/search.html", context, status=status)


def _bar(person: User, project: Project | None) -> dict[str, Any] | None:
    """Return what may be done with hits: in one project, by who may do any of it."""
    if project is None:
        return None
    can = rights(role_in(person, project))
    return bar(project) if can["assign"] or can["jobs"] else None


def _narrowed(asked: str, query: Query) -> str:
    """Return how a search narrows a replacement of its first word down; empty where it is that word alone."""
    if not query.filtered and len(query.words) < 2:
        return ""
    pieces = [match for match in PIECE.finditer(asked) if (match["key"] or "").lower() != "project"]
    return " ".join(match[0] for match in pieces)


def _found(person: User, project: Project | None, asked: str, cursor: str) -> dict[str, Any]:
    query = read(asked)
    if query.empty:
        return {"query": query}
    within = [project.pk] if project else None
    found = engine.find(person, query, cursor=cursor, limit=PAGE_SIZE, within=within)
    return {
        "query": query,
        "narrowed": _narrowed(asked, query),
        "shown": [Shown(hit) for hit in hits_of(found.segments, found.needles, query.where)],
        "total": found.total,
        "first": not cursor,
        "names": _names(person, query, within) if not cursor else [],
        "next": _link(asked, found.next),
        "previous": _link(asked, found.previous),
    }


def _names(person: User, query: Query, within: list[int] | None) -> list[Recording]:
    if not query.wanted or query.filtered:
        return []
    rows = visible(Recording.objects.select_related("project"), person)
    if within is not None:
        rows = rows.filter(project__in=within)
    rows = with_name(rows, " ".join(word.folded for word in query.wanted))
    return list(rows.order_by("-id")[:NAMES])


def _link(asked: str, cursor: str | None) -> str:
    return f"?{urlencode({'q': asked, 'cursor': cursor})}" if cursor else ""
