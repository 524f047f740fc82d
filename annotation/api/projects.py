"""Projects and their members."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import PAGING, operation, page_of
from annotation.api.pagination import BY_ID, paginated
from annotation.api.serializers import MemberIn, MemberOut, ProjectIn, ProjectOut, project_out
from annotation.errors import NotFound
from annotation.models import Membership, Project, User
from annotation.permissions import get_visible, require
from annotation.selectors import projects_for
from annotation.services import projects
from annotation.states import Role


def projects_with_role(person: User) -> QuerySet[Any]:
    """List the person's projects with their counts and the person's role in each."""
    mine = Membership.objects.filter(project=OuterRef("pk"), user=person).values("role")
    return projects_for(person).annotate(role=Coalesce(Subquery(mine), Value(Role.MANAGER.value)))


class ProjectList(ApiView):
    """All projects of a person."""

    @operation("list_projects", gives=page_of(ProjectOut), query=PAGING)
    def get(self, request: Request) -> Response:
        """List the projects you are a member of."""
        self.only_query("cursor", "page_size")
        rows = projects_with_role(self.person)
        return paginated(request, rows, BY_ID, lambda found: list(ProjectOut(found, many=True).data))

    @operation("create_project", takes=ProjectIn, gives=ProjectOut, status=201)
    def post(self, request: Request) -> Response:
        """Open a project and become its manager; models that are not named default to real Whisper ones."""
        project = projects.create_project(user=self.person, **self.valid(ProjectIn(data=request.data)))
        return Response(project_out(projects_with_role(self.person).get(pk=project.pk)), status=201)


class ProjectDetail(ApiView):
    """One project."""

    @operation("get_project", gives=ProjectOut)
    def get(self, request: Request, project_id: int) -> Response:
        """Show a project with your role and its counts."""
        return Response(project_out(self._project(project_id)))

    @operation("update_project", takes=ProjectIn(partial=True), gives=ProjectOut)
    def patch(self, request: Request, project_id: int) -> Response:
        """Change settings; work that is planned already keeps what it was planned with."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "settings", project)
        values = self.valid(ProjectIn(data=request.data, partial=True))
        projects.update_project(user=self.person, project=project, **values)
        return Response(project_out(self._project(project_id)))

    def _project(self, project_id: int) -> Project:
        project: Project = get_visible(projects_with_role(self.person), self.person, pk=project_id)
        return project


class MemberList(ApiView):
    """The people of a project."""

    @operation("list_members", gives=page_of(MemberOut), query=PAGING)
    def get(self, request: Request, project_id: int) -> Response:
        """List who belongs to a project, with their roles."""
        self.only_query("cursor", "page_size")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        rows = Membership.objects.filter(project=project).select_related("user")
        return paginated(request, rows, BY_ID, lambda found: list(MemberOut(found, many=True).data))

    @operation("set_member", takes=MemberIn, gives=MemberOut, status=201, refuses=(409,))
    def post(self, request: Request, project_id: int) -> Response:
        """Give a person a role, or another role than before."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "members", project)
        values = self.valid(MemberIn(data=request.data))
        member = User.objects.filter(username=values["username"], is_active=True).first()
        if member is None:
            raise ValidationError({"username": "There is no active account of this name."})
        membership = projects.set_membership(
            user=self.person, project=project, member=member, role=Role(values["role"])
        )
        return Response(MemberOut(membership).data, status=201)


class MemberDetail(ApiView):
    """One person's place in a project."""

    @operation("remove_member", gives=None, status=204, refuses=(409,))
    def delete(self, request: Request, project_id: int, user_id: int) -> Response:
        """Take a person out of a project; what they wrote stays."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "members", project)
        membership = Membership.objects.filter(project=project, user=user_id).select_related("user").first()
        if membership is None:
            raise NotFound("Nobody with this id is a member of the project.")
        projects.remove_membership(user=self.person, project=project, member=membership.user)
        return Response(status=204)
