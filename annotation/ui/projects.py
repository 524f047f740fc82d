"""The list of projects, and one project with its recordings as they come along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotation.models import Job, Project, Recording
from annotation.permissions import ALLOWED, get_visible, may_create_projects, role_in
from annotation.quality.overview import estimates_of
from annotation.selectors import projects_for, recordings_for, trashed_in, with_counts
from annotation.states import LIVE_JOBS, JobState, RecordingState, Role
from annotation.ui import lines, refine
from annotation.ui.bulk_bar import bar
from annotation.ui.pages import page, person_of, plain_text, whole_number

PAGE_SIZE: Final = 50

#: What a person may filter by: each is a label and what it means in terms of recordings.
FILTERS: Final = {
    "": "All",
    "working": "In work",
    "ready": "Transcribed",
    "failed": "Failed",
}


def rights(role: Role | None) -> dict[str, bool]:
    """Return what a role may do, for templates: `can.upload` and so on."""
    return {action: role in roles for action, roles in ALLOWED.items()}


@page("GET")
def index(request: HttpRequest) -> HttpResponse:
    """List the projects of a person."""
    person = person_of(request)
    found = list(projects_for(person))
    live = {
        row["project"]: row
        for row in Job.objects.filter(project__in=[p.pk for p in found])
        .order_by()
        .values("project")
        .annotate(
            working=Count("pk", filter=Q(state__in=LIVE_JOBS)),
            failed=Count("pk", filter=Q(state=JobState.FAILED)),
        )
    }
    estimates = estimates_of(project.pk for project in found)
    roles = dict(person.memberships.values_list("project", "role"))
    cards = [
        {
            **live.get(project.pk, {"working": 0, "failed": 0}),
            "project": project,
            "estimate": estimates.get(project.pk),
            "role": Role(roles[project.pk]).label if project.pk in roles else "Administrator",
        }
        for project in found
    ]
    context = {"cards": cards, "may_create": may_create_projects(person)}
    return render(request, "ui/projects.html", context)


@page("GET")
def detail(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show the recordings of a project, newest first, with what is being done to each."""
    person = person_of(request)
    project = get_visible(projects_for(person), person, pk=project_id)
    search = plain_text(request.GET.get("q"))
    chosen = request.GET.get("show", "")
    chosen = chosen if chosen in FILTERS else ""
    found = _filtered(recordings_for(person, project=project.pk, search=search), chosen)
    pages = Paginator(found, PAGE_SIZE)
    shown = pages.get_page(whole_number(request.GET.get("page"), 1, 1, 1_000_000))
    can = rights(role_in(person, project))
    context = {
        "project": project,
        "can": can,
        "panel": refine.panel(project) if can["quality"] and len(shown) else None,
        "lines": lines.of(list(shown)),
        "page": shown,
        "page_query": _query(search, chosen),
        "filters": FILTERS,
        "chosen": chosen,
        "search": search,
        "filtered": bool(search or chosen),
        "bulk": bar(project) if can["assign"] or can["jobs"] else None,
        "trashed": trashed_in(project).count() if can["trash"] else 0,
    }
    return render(request, "ui/project.html", context)


@page("GET")
def rows(request: HttpRequest, project_id: int) -> HttpResponse:
    """Give the lines of some recordings anew, for a page that is open: `?ids=1,2`."""
    person = person_of(request)
    project = get_visible(projects_for(person), person, pk=project_id)
    wanted = numbers(request.GET.get("ids"), PAGE_SIZE)
    mine = Recording.objects.filter(project=project, pk__in=wanted, trashed_at=None)
    found = with_counts(mine.select_related("project"))
    can = rights(role_in(person, project))
    context = {
        "project": project,
        "can": can,
        "lines": lines.of(list(found)),
        "bulk": can["assign"] or can["jobs"],
        "with_tally": True,
    }
    return render(request, "ui/parts/recording_lines.html", context)


def numbers(raw: str | None, most: int) -> list[int]:
    """Read a list of ids from a query; what is no number is left out."""
    return [
        int(word)
        for word in (raw or "").split(",")[:most]
        if word.isascii() and word.isdecimal() and len(word) < 19
    ]


def _filtered(rows: Any, chosen: str) -> Any:
    newest = "jobs__state"
    if chosen == "working":
        return rows.filter(jobs__state__in=LIVE_JOBS).distinct()
    if chosen == "ready":
        return rows.filter(state=RecordingState.READY).exclude(jobs__state__in=LIVE_JOBS)
    if chosen == "failed":
        return rows.filter(Q(state=RecordingState.REJECTED) | Q(**{newest: JobState.FAILED})).distinct()
    return rows


def _query(search: str, chosen: str) -> str:
    from django.http import QueryDict

    query = QueryDict(mutable=True)
    if search:
        query["q"] = search
    if chosen:
        query["show"] = chosen
    encoded = query.urlencode()
    return f"{encoded}&" if encoded else ""


def ids_of(rows: Iterable[Project] | Sequence[Recording]) -> list[int]:
    """Return the ids of rows."""
    return [row.pk for row in rows]
