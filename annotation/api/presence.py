"""Who has a recording open, and who is asked to work on it."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.docs import operation, text
from annotation.api.people_serializers import AssigneesIn, AssigneesOut, PresenceIn, Visitors
from annotation.models import Assignment, Recording
from annotation.permissions import get_visible
from annotation.services import assignments, visitors


class _OfRecording(ApiView):
    def recording(self, recording_id: int) -> Recording:
        """Return the recording, or NotFound."""
        return get_visible(Recording.objects.select_related("project"), self.person, pk=recording_id)


class RecordingPresence(_OfRecording):
    """Who has the recording open."""

    throttle_scopes: ClassVar = {"POST": "save", "DELETE": "save"}

    @operation("list_presence", gives=Visitors)
    def get(self, request: Request, recording_id: int) -> Response:
        """List who has the recording open."""
        return Response(
            Visitors({"people": visitors.present(self.person, self.recording(recording_id))}).data
        )

    @operation("note_presence", takes=PresenceIn, gives=Visitors)
    def post(self, request: Request, recording_id: int) -> Response:
        """Say that you have the recording open, every twenty to thirty seconds, and read who else has."""
        recording = self.recording(recording_id)
        values = self.valid(PresenceIn(data=request.data))
        people = visitors.arrive(
            user=self.person,
            recording=recording,
            client=values["client"],
            segment=values.get("segment"),
        )
        return Response(Visitors({"people": people}).data)

    @operation("end_presence", gives=None, status=204, query=(text("client", "Your tab."),))
    def delete(self, request: Request, recording_id: int) -> Response:
        """Say that you have left; otherwise you are gone after a minute."""
        self.only_query("client")
        recording = self.recording(recording_id)
        visitors.leave(user=self.person, recording=recording, client=self.word("client", 64))
        return Response(status=204)


class RecordingAssignees(_OfRecording):
    """Who is asked to work on the recording."""

    @operation("list_assignees", gives=AssigneesOut)
    def get(self, request: Request, recording_id: int) -> Response:
        """List who is asked to work on the recording; nobody = it is anybody's."""
        rows = Assignment.objects.filter(recording=self.recording(recording_id)).order_by("id")
        return Response({"usernames": list(rows.values_list("assignee__username", flat=True))})

    @operation("set_assignees", takes=AssigneesIn, gives=AssigneesOut)
    def put(self, request: Request, recording_id: int) -> Response:
        """Ask exactly these members to work on it: they get its rows first, and others do not."""
        recording = self.recording(recording_id)
        values = self.valid(AssigneesIn(data=request.data))
        people = assignments.assign(user=self.person, recording=recording, usernames=values["usernames"])
        return Response({"usernames": [person.get_username() for person in people]})
