"""Batches of work, and who has how much of it."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import PAGING, operation, page_of
from annotation.api.fields import Id, Strict, Text, Whole
from annotation.api.pagination import NEWEST, paginated
from annotation.errors import NotFound
from annotation.models import Batch, Membership, Project
from annotation.permissions import get_visible, require
from annotation.services import batches
from annotation.states import Role
from annotation.workload import batches_of, workload, workload_of

Out = serializers.Serializer[Any]

ORDERS: Final = list(batches.ORDERS)


class BatchIn(Strict):
    """Work for a person: so many segments, or these recordings."""

    assignee = Text(max_length=150)
    name = Text(max_length=100, required=False, allow_blank=True)
    segments = Whole(min_value=1, max_value=batches.MOST_SEGMENTS, required=False)
    recordings = serializers.ListField(child=Id(), required=False, max_length=batches.MOST_RECORDINGS)
    order = serializers.ChoiceField(
        choices=ORDERS, required=False, default="risk", help_text="Which segments."
    )


class BatchChange(Strict):
    """What is to change."""

    assignee = Text(max_length=150, required=False)
    paused = serializers.BooleanField(required=False)


class BatchOut(Out):
    """Work reserved for a person."""

    id = Id()
    name = serializers.CharField()
    assignee = serializers.CharField(source="assignee.username")
    segments = serializers.IntegerField(source="segment_count", help_text="Named one by one.")
    recordings = serializers.IntegerField(source="recording_count")
    open = serializers.IntegerField(source="open_count", help_text="Segments nobody has decided about.")
    paused = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_paused(self, batch: Batch) -> bool:
        """Say whether nobody is given anything of it."""
        return batch.paused_at is not None


class WorkloadRow(Out):
    """What one member has to do, and has done in the last seven days."""

    id = Id()
    username = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    paused_at = serializers.DateTimeField(allow_null=True)
    given = serializers.IntegerField(help_text="Segments reserved for them.")
    open = serializers.IntegerField(help_text="Of these: not decided.")
    open_ms = serializers.IntegerField()
    returned = serializers.IntegerField(help_text="Waiting for them to correct.")
    done = serializers.IntegerField(help_text="Segments decided in seven days.")
    done_ms = serializers.IntegerField()
    audio_ms_per_hour = serializers.IntegerField(allow_null=True, help_text="Audio per hour at work.")
    last_at = serializers.DateTimeField(allow_null=True)
    reviewed = serializers.IntegerField(help_text="Verdicts on their work in seven days.")
    sent_back = serializers.IntegerField(help_text="Of these: returned.")


class WorkloadOut(Out):
    """Who has how much to do."""

    people = WorkloadRow(many=True)
    open = serializers.IntegerField(help_text="Segments in the open queue and everywhere else.")


class PauseIn(Strict):
    """Whether a person is given work."""

    paused = serializers.BooleanField()


class ProjectBatches(ApiView):
    """Work given to people."""

    @operation("list_batches", gives=page_of(BatchOut), query=PAGING)
    def get(self, request: Request, project_id: int) -> Response:
        """List the batches in force, newest first."""
        self.only_query("cursor", "page_size")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "assign", project)
        return paginated(
            request, batches_of(project), NEWEST, lambda found: list(BatchOut(found, many=True).data)
        )

    @operation("give_batch", takes=BatchIn, gives=BatchOut, status=201, refuses=(409,))
    def post(self, request: Request, project_id: int) -> Response:
        """Reserve so many open segments, or whole recordings, for a member."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "assign", project)
        values = self.valid(BatchIn(data=request.data))
        count, recordings = values.get("segments"), values.get("recordings")
        named = {"user": self.person, "project": project, "assignee": values["assignee"]}
        if count is not None:
            batch = batches.give_segments(
                **named, count=count, order=values["order"], recordings=recordings, name=values.get("name")
            )
        elif recordings:
            batch = batches.give_recordings(**named, recordings=recordings, name=values.get("name"))
        else:
            raise ValidationError({"segments": "How many, or which recordings?"})
        return Response(BatchOut(batches_of(project).get(pk=batch.pk)).data, status=201)


class BatchDetail(ApiView):
    """One batch."""

    def batch(self, batch_id: int) -> Batch:
        """Return a batch to somebody who may assign, or raise."""
        found = get_visible(Batch.objects.select_related("project"), self.person, pk=batch_id)
        require(self.person, "assign", found.project)
        return found

    @operation("change_batch", takes=BatchChange, gives=BatchOut, refuses=(409,))
    def patch(self, request: Request, batch_id: int) -> Response:
        """Pass what is left of a batch on to another member, pause it, or let it go on."""
        batch = self.batch(batch_id)
        values = self.valid(BatchChange(data=request.data))
        if not values:
            raise ValidationError({"assignee": "Name somebody, or say whether it is paused."})
        if "assignee" in values:
            batch = batches.pass_on(user=self.person, batch=batch, assignee=values["assignee"])
        if "paused" in values:
            batch = batches.pause(user=self.person, batch=batch, paused=values["paused"])
        return Response(BatchOut(batches_of(batch.project).get(pk=batch.pk)).data)

    @operation("give_batch_back", gives=None, status=204, refuses=(409,))
    def delete(self, request: Request, batch_id: int) -> Response:
        """Let everybody have what is left of a batch, by the open queue."""
        batches.give_back(user=self.person, batch=self.batch(batch_id))
        return Response(status=204)


class ProjectWorkload(ApiView):
    """Who has how much to do."""

    @operation("get_workload", gives=WorkloadOut)
    def get(self, request: Request, project_id: int) -> Response:
        """Show for each member what is theirs, what came back, what they did in seven days, their pace."""
        self.only_query()
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "assign", project)
        return Response(WorkloadOut(workload_of(project)).data)


class MemberPause(ApiView):
    """Whether a member is given work."""

    @operation("pause_member", takes=PauseIn, gives=WorkloadRow)
    def post(self, request: Request, project_id: int, user_id: int) -> Response:
        """Give a member no work for now, or again; what is theirs is anybody's meanwhile."""
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        require(self.person, "assign", project)
        member = Membership.objects.filter(project=project, user=user_id).select_related("user").first()
        if member is None:
            raise NotFound("Nobody with this id is a member of the project.")
        values = self.valid(PauseIn(data=request.data))
        batches.pause_person(user=self.person, project=project, member=member.user, paused=values["paused"])
        row = next(one for one in workload(project) if one["id"] == member.user_id)
        return Response(WorkloadRow(row).data)
