"""Many recordings at once: the bar above the list of recordings and above what a search finds; the trash."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from annotation.errors import AnnotationError, Invalid
from annotation.models import Project, User
from annotation.permissions import get_visible, require, role_in
from annotation.search.grams import with_name
from annotation.selectors import trashed_in
from annotation.services import bulk, trash
from annotation.ui.bulk_bar import PRIORITIES
from annotation.ui.pages import page, person_of, plain_text, whole_number
from annotation.ui.projects import rights

PAGE_SIZE: Final = 50


@page("POST")
def act(request: HttpRequest, project_id: int) -> HttpResponse:
    """Do one thing to the recordings that were chosen, and to those in which chosen hits lie.

    Of a search the hits on the page may be chosen, or all that it finds; a model hears those again, and not
    their whole recordings.
    """
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    action, query = request.POST.get("do", ""), request.POST.get("query", "")
    try:
        segments = _numbers(request, "segment")
        if request.POST.get("found"):
            segments = bulk.found_in(person, project, query)
        if action == "retranscribe" and segments:
            messages.success(request, _heard_again(request, person, project, segments))
        else:
            ids = [*_numbers(request, "recording"), *bulk.recordings_of(project, segments)]
            ids = list(dict.fromkeys(ids))
            if action == "export":
                bulk.chosen(project, ids)
                chosen = urlencode({"recordings": ids}, doseq=True)
                return redirect(f"{reverse('project-exports', args=[project.pk])}?{chosen}")
            messages.success(request, _done(request, person, project, action, ids))
    except AnnotationError as error:
        messages.error(request, error.message)
    if query:
        return redirect(f"{reverse('project-search', args=[project.pk])}?{urlencode({'q': query})}")
    if action == "restore":
        return redirect("project-trash", project.pk)
    return redirect("project", project.pk)


def _numbers(request: HttpRequest, name: str) -> list[int]:
    return [int(pk) for pk in request.POST.getlist(name) if pk.isdecimal() and len(pk) < 19]


def _heard_again(request: HttpRequest, person: User, project: Project, segments: list[int]) -> str:
    who: dict[str, Any] = {"user": person, "project": project, "model": request.POST.get("model", "")}
    done = bulk.retranscribe_segments(**who, segments=segments).segments
    if recordings := _numbers(request, "recording"):
        done += bulk.retranscribe(**who, recordings=recordings).segments
    return _told_heard(done)


def _told_heard(segments: int) -> str:
    many = "1 segment is" if segments == 1 else f"{segments:,} segments are"
    return f"{many} heard again. What people wrote stays."


def _done(request: HttpRequest, person: User, project: Project, action: str, ids: list[int]) -> str:
    who: dict[str, Any] = {"user": person, "project": project, "recordings": ids}
    many = "1 recording" if len(ids) == 1 else f"{len(ids):,} recordings"
    if action == "assign":
        names = [name for name in request.POST.getlist("assignee") if name]
        bulk.assign(**who, usernames=names)
        return f"{many}: {'assigned to ' + ', '.join(names) if names else 'anybody may work on them'}."
    if action == "prioritise":
        chosen = {name: priority for name, priority, _ in PRIORITIES}.get(request.POST.get("priority", ""))
        if chosen is None:
            raise Invalid("Say how soon.")
        bulk.prioritise(**who, priority=chosen)
        return f"{many}: the order of what waits is changed."
    if action == "retranscribe":
        done = bulk.retranscribe(**who, model=request.POST.get("model", ""))
        left = f" {len(done.left)} left out: {done.left[0][1]}" if done.left else ""
        return f"{_told_heard(done.segments)}{left}"
    if action == "trash":
        gone = trash.discard(**who)
        return f"{len(gone):,} in the trash. Nothing is deleted; they can be restored there."
    if action == "restore":
        back = trash.restore(**who)
        return f"{len(back):,} restored. Work that was stopped goes on."
    raise Invalid("Say what is to be done with the recordings; use the buttons.")


@page("GET")
def in_trash(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show what is in the trash of a project."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "trash", project)
    search = plain_text(request.GET.get("q"))
    rows = with_name(trashed_in(project), search).order_by("-trashed_at", "-id")
    pages = Paginator(rows, PAGE_SIZE)
    context = {
        "project": project,
        "can": rights(role_in(person, project)),
        "page": pages.get_page(whole_number(request.GET.get("page"), 1, 1, 1_000_000)),
        "page_query": f"{urlencode({'q': search})}&" if search else "",
        "search": search,
    }
    return render(request, "ui/trash.html", context)
