"""The review workbench: a page of its own for a recording, and one for the queue of a project.

The page is a frame; its rows, texts and sound come through the API, so that ten hours open as fast as ten
seconds.
"""

from __future__ import annotations

from typing import Any, Final, ParamSpec, cast

from csp.constants import NONCE, SELF
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotation.models import Project, Recording, User
from annotation.permissions import ALLOWED, get_visible, role_in
from annotation.services.preferences import preferences_of
from annotation.ui.pages import View, page, person_of, whole_number

P = ParamSpec("P")

CONTEXT_MS: Final = 1_000
"""Sound fetched before and after a segment, to be seen and to move its edges in."""


def with_nonce(view: View[P]) -> View[P]:
    """Let one style element of the page carry a nonce: that of the waveform's shadow tree. No script may."""
    decorate: Any = csp_update({"style-src": [SELF, NONCE]})
    return cast("View[P]", decorate(view))


@with_nonce
@page("GET")
def recording(request: HttpRequest, recording_id: int) -> HttpResponse:
    """Work through a recording: `?segment=7` opens that segment."""
    person = person_of(request)
    rows = Recording.objects.select_related("project")
    found = get_visible(rows, person, pk=recording_id)
    segment = whole_number(request.GET.get("segment"), 0, 0, 2**62)
    given = _given(request, person, found.project)
    given |= {"recording": str(found.pk), "segment": str(segment) if segment else None, "queue": False}
    context = {"project": found.project, "recording": found, "given": given}
    return render(request, "ui/workbench.html", context)


@with_nonce
@page("GET")
def queue(request: HttpRequest, project_id: int) -> HttpResponse:
    """Work through a project: returned work first, then what most needs a person."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    given = _given(request, person, project)
    given |= {"recording": "", "segment": None, "queue": True}
    return render(request, "ui/workbench.html", {"project": project, "recording": None, "given": given})


def _given(request: HttpRequest, person: User, project: Project) -> dict[str, Any]:
    """Return what the island is told by its page."""
    role = role_in(person, project)
    return {
        "project": str(project.pk),
        "project_name": project.name,
        "username": person.get_username(),
        "language": project.language,
        "may_edit": role in ALLOWED["edit"],
        "may_unlock": role in ALLOWED["unlock"],
        "context_ms": CONTEXT_MS,
        "settings": preferences_of(person),
        "nonce": str(getattr(request, "csp_nonce", "")),
        "home": f"/projects/{project.pk}/",
    }
