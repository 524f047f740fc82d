"""The members page: who has how much to do, batches given to people, and pauses."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from annotation.errors import AnnotationError, Invalid
from annotation.models import Batch, Project, Recording, User
from annotation.permissions import get_visible, require, role_in
from annotation.services import batches
from annotation.ui.pages import page, person_of, whole_number
from annotation.ui.projects import rights
from annotation.workload import DAYS, batches_of, workload_of

MOST_SHOWN: Final = 100
ORDERS: Final = (("risk", "Worst first"), ("time", "By recording and time"), ("random", "At random"))


class BatchForm(forms.Form):
    """Work for a person."""

    assignee = forms.CharField(max_length=150)
    segments = forms.IntegerField(min_value=1, max_value=batches.MOST_SEGMENTS, required=False)
    order = forms.ChoiceField(choices=ORDERS, required=False)
    recordings = forms.TypedMultipleChoiceField(coerce=int, required=False)
    name = forms.CharField(max_length=100, required=False)

    def __init__(self, data: Any = None, *, project: Project) -> None:
        super().__init__(data)
        self.open = list(
            Recording.objects.filter(project=project, trashed_at=None, in_batch=None)
            .order_by("-id")
            .values_list("pk", "name")[:MOST_SHOWN]
        )
        field = self.fields["recordings"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101 - declared above
        field.choices = self.open


@page("GET", "POST")
def people(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show who has how much to do; POST gives a batch."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "assign", project)
    form, status = BatchForm(project=project), 200
    if request.method == "POST":
        form = BatchForm(request.POST, project=project)
        try:
            if form.is_valid():
                _give(person, project, form.cleaned_data)
                messages.success(request, f"Given to {form.cleaned_data['assignee']}.")
                return redirect("project-people", project.pk)
        except AnnotationError as error:
            form.add_error(None, error.message)
        status = 422
    found = workload_of(project)
    context = {
        "project": project,
        "can": rights(role_in(person, project)),
        "people": found["people"],
        "open": found["open"],
        "most": max([one["open"] for one in found["people"]] or [0]),
        "batches": batches_of(project).order_by("-pk")[:MOST_SHOWN],
        "form": form,
        "orders": ORDERS,
        "days": DAYS,
    }
    return render(request, "ui/people.html", context, status=status)


def _give(person: User, project: Project, given: dict[str, Any]) -> None:
    named = {"user": person, "project": project, "assignee": given["assignee"], "name": given["name"]}
    if given["segments"]:
        batches.give_segments(
            **named,
            count=given["segments"],
            order=given["order"] or "risk",
            recordings=given["recordings"] or None,
        )
    elif given["recordings"]:
        batches.give_recordings(**named, recordings=given["recordings"])
    else:
        raise Invalid("Say how many segments, or choose recordings.")


@page("POST")
def change(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Pass a batch on, pause it, let it go on, or give it back."""
    person = person_of(request)
    batch = get_visible(Batch.objects.select_related("project"), person, pk=batch_id)
    require(person, "assign", batch.project)
    act = request.POST.get("act", "")
    try:
        if act == "back":
            batches.give_back(user=person, batch=batch)
        elif act in ("pause", "resume"):
            batches.pause(user=person, batch=batch, paused=act == "pause")
        else:
            batches.pass_on(user=person, batch=batch, assignee=request.POST.get("assignee", "")[:150])
    except AnnotationError as error:
        messages.error(request, error.message)
    return redirect("project-people", batch.project_id)


@page("POST")
def pause(request: HttpRequest, project_id: int) -> HttpResponse:
    """Give a member no work for now, or again."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "assign", project)
    member = User.objects.filter(pk=whole_number(request.POST.get("user"), 0, 0, 2**62)).first()
    try:
        if member is None:
            raise Invalid("Nobody of this name is a member any more.")
        batches.pause_person(
            user=person, project=project, member=member, paused=request.POST.get("paused") == "1"
        )
    except AnnotationError as error:
        messages.error(request, error.message)
    return redirect("project-people", project.pk)
