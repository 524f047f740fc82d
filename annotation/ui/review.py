"""The review pages: what waits and by which rules, and the desk where verdicts are given."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from annotation.errors import Invalid, NotFound
from annotation.models import Gold, Project, Review
from annotation.permissions import get_visible, require, role_in
from annotation.services import disputes, gold, pairs, review_queue, reviews, sampling
from annotation.ui.pages import page, person_of
from annotation.ui.projects import rights

MODES: Final = {"review": "Verdicts", "disputes": "Disputes", "gold": "Write gold"}
LATEST: Final = 20


class RulesForm(forms.Form):
    """How a project is reviewed."""

    review_percent = forms.IntegerField(
        min_value=0, max_value=100, label="Second check",
        help_text="Per cent of each annotator's decisions, drawn at random. What is returned comes back too.",
    )  # fmt: skip
    review_own = forms.BooleanField(required=False, label="Reviewers may judge their own work")
    double_percent = forms.IntegerField(
        min_value=0, max_value=100, label="Read by two",
        help_text="Per cent of the segments that two people write down without seeing each other's text.",
    )  # fmt: skip
    dispute_percent = forms.FloatField(
        min_value=0, max_value=100, label="In dispute from",
        help_text="Per cent of words in which two readings differ, above which a third person decides.",
    )  # fmt: skip
    gold_percent = forms.IntegerField(
        min_value=0, max_value=50, label="Gold",
        help_text="Per cent of what the queue hands out, as long as there is gold nobody has met.",
    )  # fmt: skip
    gold_limit_percent = forms.FloatField(
        min_value=0, max_value=100, label="Passed up to", help_text="Per cent of words that may be wrong."
    )

    def values(self) -> dict[str, Any]:
        """Return the rules as the service takes them."""
        given = dict(self.cleaned_data)
        given["dispute_above"] = given.pop("dispute_percent") / 100
        given["gold_limit"] = given.pop("gold_limit_percent") / 100
        return given


def _form(project: Project) -> RulesForm:
    return RulesForm(
        initial={
            "review_percent": project.review_percent,
            "review_own": project.review_own,
            "double_percent": project.double_percent,
            "dispute_percent": f"{project.dispute_above * 100:.4g}",
            "gold_percent": project.gold_percent,
            "gold_limit_percent": f"{project.gold_limit * 100:.4g}",
        }
    )


@page("GET", "POST")
def overview(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show what waits for a reviewer and what review has found; managers set the rules here."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "review", project)
    form, status = _form(project), 200
    if request.method == "POST":
        require(person, "settings", project)
        form = RulesForm(request.POST)
        try:
            if form.is_valid():
                reviews.change_rules(user=person, project=project, **form.values())
                messages.success(request, "Rules saved. What was drawn before stays drawn.")
                return redirect("project-review", project.pk)
        except Invalid as error:
            form.add_error(None, error.message)
        status = 422
    can = rights(role_in(person, project))
    if not can["settings"]:
        for field in form.fields.values():
            field.disabled = True
    verdicts = Review.objects.filter(project=project).select_related(
        "reviewer", "annotator", "segment__recording"
    )
    context = {
        "project": project,
        "can": can,
        "form": form,
        "waiting": review_queue.waiting(person, project),
        "disputes": disputes.waiting(person, project),
        "drawn": sampling.drawn(project),
        "rates": sampling.gold_rates(project),
        "gold_left": Gold.objects.filter(project=project, withdrawn_at=None, scores=None).count(),
        "gold_rows": Gold.objects.filter(project=project, withdrawn_at=None)
        .select_related("segment__recording", "author")
        .order_by("-pk")[:LATEST],
        "agreement": pairs.agreement(project),
        "verdicts": verdicts.order_by("-pk")[:LATEST],
    }
    return render(request, "ui/review.html", context, status=status)


@page("GET")
def desk(request: HttpRequest, project_id: int, mode: str = "review") -> HttpResponse:
    """Give verdicts, settle disputes or write gold, one row after another."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "review", project)
    if mode not in MODES:
        raise NotFound("There is no such page of review.")
    given = {
        "project": str(project.pk),
        "project_name": project.name,
        "username": person.get_username(),
        "mode": mode,
        "home": f"/projects/{project.pk}/review/",
    }
    context = {"project": project, "mode": mode, "title": MODES[mode], "given": given}
    return render(request, "ui/desk.html", context)


@page("POST")
def withdraw(request: HttpRequest, gold_id: int) -> HttpResponse:
    """Score nobody by a gold row any more."""
    person = person_of(request)
    found = get_visible(Gold.objects.select_related("project"), person, pk=gold_id)
    gold.withdraw_gold(user=person, gold=found)
    messages.success(request, "It is gold no more; what was scored stays.")
    return redirect("project-review", found.project_id)
