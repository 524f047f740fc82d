"""Open a project, change its settings, and say who belongs to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from annotation.errors import Conflict, Denied, Invalid
from annotation.models import Membership, Project, User
from annotation.permissions import get_visible, may_create_projects, require, role_in
from annotation.services import projects
from annotation.states import Role
from annotation.ui.forms import MODELS, MemberForm, ProjectForm, model_names
from annotation.ui.pages import page, person_of
from annotation.ui.projects import rights


@page("GET", "POST")
def new(request: HttpRequest) -> HttpResponse:
    """Open a project."""
    person = person_of(request)
    if not may_create_projects(person):
        raise Denied("You may not open projects. Ask an administrator for the right “Can add project”.")
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            project = projects.create_project(user=person, **form.values())
        except Invalid as error:
            form.take_refusal(error)
        else:
            messages.success(request, "The project is open. Upload its first recordings.")
            return redirect("upload", project.pk)
    return _form(request, form, {"project": None})


@page("GET", "POST")
def edit(request: HttpRequest, project_id: int) -> HttpResponse:
    """Change the settings of a project; members who are no managers may read them."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    can = rights(role_in(person, project))
    if request.method == "POST":
        require(person, "settings", project)
        form = ProjectForm(request.POST, project=project)
        if form.is_valid():
            values = form.values()
            fresh = get_visible(Project.objects.all(), person, pk=project_id)
            try:
                projects.update_project(user=person, project=fresh, **values)
            except Invalid as error:
                form.take_refusal(error)
            else:
                messages.success(request, "Settings saved. Work that was planned before keeps its old ones.")
                return redirect("project-settings", project.pk)
        project = get_visible(Project.objects.all(), person, pk=project_id)
    else:
        form = ProjectForm(project=project)
    if not can["settings"]:
        for field in form.fields.values():
            field.disabled = True
    return _form(request, form, {"project": project, "can": can, **_people(project)})


@page("POST")
def members(request: HttpRequest, project_id: int) -> HttpResponse:
    """Give a person a role in the project, or take them out of it."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "members", project)
    try:
        told = _remove(request, project) if request.POST.get("remove") else _admit(request, project)
    except (Invalid, Conflict) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, told)
    if person.is_superuser or Membership.objects.filter(project=project, user=person).exists():
        return redirect("project-settings", project.pk)
    return redirect("projects")


def _admit(request: HttpRequest, project: Project) -> str:
    form = MemberForm(request.POST)
    if not form.is_valid():
        raise Invalid("Name an account, and choose one of the roles.")
    name, role = form.cleaned_data["username"], Role(form.cleaned_data["role"])
    member = User.objects.filter(username=name, is_active=True).first()
    if member is None:
        raise Invalid(
            "There is no account of this name. Names are case-sensitive; an administrator makes accounts."
        )
    projects.set_membership(user=person_of(request), project=project, member=member, role=role)
    return f"{member} is now {role.label.lower()}."


def _remove(request: HttpRequest, project: Project) -> str:
    form = MemberForm({**request.POST.dict(), "role": Role.ANNOTATOR.value})
    name = form.cleaned_data["username"] if form.is_valid() else ""
    member = User.objects.filter(username=name, memberships__project=project).first()
    if member is None:
        raise Conflict("Nobody of this name is a member any more.")
    projects.remove_membership(user=person_of(request), project=project, member=member)
    return f"{member} is not a member any more. What they wrote stays."


def _people(project: Project) -> dict[str, Any]:
    found = Membership.objects.filter(project=project).select_related("user").order_by("user__username")
    return {"members": found, "roles": Role.choices, "member_form": MemberForm()}


def _form(request: HttpRequest, form: ProjectForm, context: dict[str, Any]) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    context |= {"form": form, "models": MODELS, "model_names": model_names()}
    return render(request, "ui/settings.html", context, status=status)
