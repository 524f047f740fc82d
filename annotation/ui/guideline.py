"""The guideline of a project, and where a person was named."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe

from annotation.errors import Invalid, NotFound, StaleRevision
from annotation.models import Guideline, Project
from annotation.permissions import get_visible, role_in
from annotation.services import comments, guidelines
from annotation.ui.pages import page, person_of, whole_number
from annotation.ui.projects import rights
from annotation.ui.words import changes

VERSIONS: Final = 50
PAGE_SIZE: Final = 50


@page("GET", "POST")
def guideline(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show how a project writes things down; managers write it: `?edit=1`, earlier ones: `?version=3`."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    can = rights(role_in(person, project))
    now = guidelines.newest(project)
    context = {"project": project, "can": can, "newest": now, "editing": False, "stale": None}
    if request.method == "POST":
        base = whole_number(request.POST.get("base_version"), 0, 0, 2**31 - 1)
        text = request.POST.get("text", "")
        try:
            guidelines.write(user=person, project=project, text=text, base_version=base)
        except StaleRevision as error:
            stale = {"error": error, "changes": changes(error.detail["theirs"], error.detail["mine"])}
            context |= {"editing": True, "text": text, "base": error.detail["revision"], "stale": stale}
            return render(request, "ui/guideline.html", context, status=409)
        except Invalid as error:
            messages.error(request, error.message)
            context |= {"editing": True, "text": text, "base": base}
            return render(request, "ui/guideline.html", context, status=422)
        messages.success(request, "Saved as a new version.")
        return redirect("project-guideline", project.pk)
    if request.GET.get("edit") and can["settings"]:
        context |= {"editing": True, "text": now.text if now else "", "base": now.version if now else 0}
        return render(request, "ui/guideline.html", context)
    shown = now
    wanted = whole_number(request.GET.get("version"), 0, 0, 2**31 - 1)
    versions = Guideline.objects.filter(project=project).select_related("author").order_by("-version")
    if wanted:
        shown = versions.filter(version=wanted).first()
        if shown is None:
            raise NotFound("There is no such version of the guideline.")
    before = versions.filter(version=shown.version - 1).first() if shown else None
    context |= {
        "shown": shown,
        # Cleaned by nh3, and written by markdown-it without raw HTML.
        "html": mark_safe(guidelines.rendered(shown.text)) if shown else "",  # noqa: S308
        "changes": changes(before.text, shown.text) if before and shown else None,
        "versions": versions[:VERSIONS],
    }
    return render(request, "ui/guideline.html", context)


@page("GET", "POST")
def mentions(request: HttpRequest) -> HttpResponse:
    """List where a person was named; POST says that they have read one, or all that were shown."""
    person = person_of(request)
    if request.method == "POST":
        raw = request.POST.getlist("comment")[:PAGE_SIZE]
        comments.mark_read(user=person, comments=[whole_number(one, 0, 0, 2**62) for one in raw])
        return redirect("mentions")
    pages = Paginator(comments.mentions_of(person), PAGE_SIZE)
    shown = pages.get_page(whole_number(request.GET.get("page"), 1, 1, 1_000_000))
    return render(request, "ui/mentions.html", {"page": shown, "page_query": ""})
