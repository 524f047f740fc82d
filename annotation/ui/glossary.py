"""The glossary on a page: terms, what is known of them, words that may become terms, hearing rows again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from annotation.errors import AnnotationError, Invalid
from annotation.models import Project, Term, User
from annotation.permissions import get_visible, role_in
from annotation.services import bulk, terms
from annotation.states import TermCase
from annotation.terms import hotwords
from annotation.ui.forms import model_names
from annotation.ui.pages import page, person_of
from annotation.ui.projects import rights

FIELDS: Final = ("text", "language", "note", "case_rule")


@dataclass(frozen=True, slots=True)
class Line:
    """One term, and whether models are told it."""

    term: Term
    told: bool


@page("GET", "POST")
def glossary(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show the glossary; add, change or remove a term, or let a model hear untouched rows again."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    if request.method == "POST":
        try:
            messages.success(request, _done(request, person, project))
        except AnnotationError as error:
            messages.error(request, error.message)
        return redirect("project-glossary", project.pk)
    can = rights(role_in(person, project))
    found = terms.listed(project)
    told = (hotwords(project, project.language) or "").split(", ") if found else []
    context = {
        "project": project,
        "can": can,
        "lines": [Line(term, term.text in told) for term in found],
        "offers": terms.offers(project) if can["glossary"] else [],
        "untouched": bulk.untouched_count(project) if can["jobs"] and found else 0,
        "cases": TermCase.choices,
        "model_names": model_names(),
        "beyond": sum(1 for term in found if term.text not in told),
    }
    return render(request, "ui/glossary.html", context)


def _done(request: HttpRequest, person: User, project: Project) -> str:
    given = request.POST
    act = given.get("do", "")
    if act == "add":
        term = terms.add(user=person, project=project, **_values(given))
        return f"“{term.text}” is in the glossary. Models listen for it from now on."
    if act == "again":
        ids = bulk.recordings_with_untouched(project)
        if not ids:
            raise Invalid("Every row was touched by a person already; there is nothing to hear again.")
        model = given.get("model", "") or project.refine_model or project.draft_model
        done = bulk.retranscribe(user=person, project=project, recordings=ids, model=model, untouched=True)
        return f"{model} hears {done.segments:,} untouched rows of {len(done.recordings):,} recordings again."
    pk = given.get("term", "")
    rows = Term.objects.select_related("project").filter(project=project)
    term = get_visible(rows, person, pk=int(pk) if pk.isdecimal() and len(pk) < 19 else 0)
    if act == "remove":
        terms.remove(user=person, term=term)
        return f"“{term.text}” is not in the glossary any more."
    if act == "change":
        changed = terms.change(user=person, term=term, **_values(given))
        return f"“{changed.text}” is changed."
    raise Invalid("Nothing was asked for; use the buttons of the page.")


def _values(given: Any) -> dict[str, Any]:
    values: dict[str, Any] = {name: given[name] for name in FIELDS if name in given}
    if "variants" in given:
        lines = given["variants"].replace(",", "\n").splitlines()
        values["variants"] = [line.strip() for line in lines if line.strip()]
    return values
