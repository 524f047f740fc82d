"""The quality pages of a project: machines, risk, words, people. Annotators find their own figures there."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from annotation.errors import Conflict, Invalid, NotFound
from annotation.models import Project, Recording, User
from annotation.permissions import ALLOWED, get_visible, role_in
from annotation.quality.catalogue import BY, figure
from annotation.quality.overview import NEEDED, PROFILE, models_in, standing
from annotation.quality.scope import FILTERS, Scope, scope_for
from annotation.services import terms
from annotation.ui.pages import page, person_of
from annotation.ui.projects import rights

#: The pages in their order: what they are called, and their figures.
PARTS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "machines": ("Machines", ("wer", "passes", "estimate")),
    "risk": ("Risk", ("triage", "reliability", "refine", "threshold")),
    "words": ("Words", ("substitutions",)),
    "people": ("People", ("people", "review", "agreement", "gold", "drawn")),
}
#: Figures that stay off the page where they have nothing to say.
IF_ANY: Final = ("estimate", "refine", "threshold", "agreement", "gold", "drawn")


@page("GET")
def detail(request: HttpRequest, project_id: int, part: str = "machines") -> HttpResponse:
    """Show one of the pages, narrowed as the query says."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    if part not in PARTS:
        raise NotFound("There is no such page of quality figures.")
    role = role_in(person, project)
    if part == "machines" and not request.GET and role not in ALLOWED["quality"]:
        return redirect("project-quality-part", project.pk, "people")
    query = {name: request.GET[name].strip() for name in FILTERS if request.GET.get(name, "").strip()}
    try:
        scope = scope_for(person, project, query)
    except Invalid as error:
        messages.error(request, error.message)
        query, scope = {}, scope_for(person, project, {})
    by = request.GET.get("by", "")
    made = [figure(scope, name, by if by in BY.get(name, ()) else "") for name in PARTS[part][1]]
    shown = [one for one in made if one.rows or one.name not in IF_ANY]
    found = standing(project)
    context: dict[str, Any] = {
        "project": project,
        "can": rights(role),
        "part": part,
        "parts": [
            (name, "Your work" if scope.own and name == "people" else label)
            for name, (label, _) in PARTS.items()
        ],
        "figures": [(one, _breakdowns(scope, one.name)) for one in shown],
        "standing": found,
        "estimate": None if scope.own else found.estimate,
        "needed": NEEDED,
        "profile": PROFILE,
        "scope": scope,
        "query": query,
        "filters": urlencode(query),
        **_choices(scope),
    }
    return render(request, "ui/quality.html", context)


def _breakdowns(scope: Scope, name: str) -> tuple[str, ...]:
    return tuple(by for by in BY.get(name, ()) if not (scope.own and by in ("annotator", "reviewer", "gold")))


def _choices(scope: Scope) -> dict[str, Any]:
    """Return what can be chosen in the filters; names of others only to those who may see them."""
    people: Any = ()
    if not scope.own:
        people = User.objects.filter(memberships__project=scope.project).order_by("username")
    recording = None
    if scope.recording is not None:
        recording = Recording.objects.filter(project=scope.project, pk=scope.recording).first()
    return {"people": people, "models": models_in(scope), "recording": recording}


@page("POST")
def add_term(request: HttpRequest, project_id: int) -> HttpResponse:
    """Put a corrected word into the glossary, with what the machine heard as its variant."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    written, heard = (request.POST.get(name, "") for name in ("written", "heard"))
    try:
        term = terms.add(user=person, project=project, text=written, variants=[heard])
    except (Invalid, Conflict) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"“{term.text}” is in the glossary. Models listen for it from now on.")
    return redirect(reverse("project-quality-part", args=(project.pk, "words")))
