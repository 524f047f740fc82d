"""What to work on next, and how far everybody is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.base import ApiView
from annotation.api.detail import shown
from annotation.api.docs import operation, text
from annotation.api.queue_serializers import NextIn, NextOut, ProgressOut, QueueCounts
from annotation.api.segments import lease_out
from annotation.models import Project, Recording
from annotation.pace import counts_for_queue, progress_of_project
from annotation.permissions import get_visible
from annotation.services import queue

LONGEST_DAY: Final = timedelta(hours=48)


class ProjectNext(ApiView):
    """The next segment."""

    throttle_scopes: ClassVar = {"POST": "save"}

    @operation("next_segment", takes=NextIn, gives=NextOut)
    def post(self, request: Request, project_id: int) -> Response:
        """Lease the next segment to you: what was returned to you, what you were asked to do, the worst.

        Two callers never get the same. What your tab holds and does not name in `exclude` comes first, so
        an answer that was lost loses no row. When nothing is left, `segment` is null and `counts` say why.
        """
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        values = self.valid(NextIn(data=request.data))
        recording = values.get("recording")
        if recording is not None:
            get_visible(Recording.objects.filter(project=project), self.person, pk=recording)
        given = queue.next_segment(
            user=self.person,
            project=project,
            client=values["client"],
            recording=recording,
            order=values["order"],
            exclude=values.get("exclude", ()),
        )
        answer: dict[str, Any] = {"segment": None, "lease": None, "why": None}
        if given is not None:
            answer = {
                "segment": shown(self.person, given.segment),
                "lease": lease_out(self.person, given.held),
                "why": given.why,
            }
        return Response({**answer, "counts": QueueCounts(counts_for_queue(self.person, project)).data})


class ProjectProgress(ApiView):
    """How far a project is."""

    @operation(
        "project_progress",
        gives=ProgressOut,
        query=(
            text("recording", "Count the segments of this one alone."),
            text("since", "ISO time your day began at; midnight UTC unless told, at most 48 hours ago."),
        ),
    )
    def get(self, request: Request, project_id: int) -> Response:
        """Count today's work, yours and everybody's, what is left, and an honest estimate of how long."""
        self.only_query("recording", "since")
        project = get_visible(Project.objects.all(), self.person, pk=project_id)
        recording = self.number("recording")
        if recording is not None:
            get_visible(Recording.objects.filter(project=project), self.person, pk=recording)
        found = progress_of_project(self.person, project, since=self._since(), recording=recording)
        return Response(ProgressOut(found).data)

    def _since(self) -> datetime:
        raw = self.word("since", 40)
        now = timezone.now()
        if not raw:
            return now.replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            since = parse_datetime(raw.replace(" ", "+"))  # a plus sign that was not escaped
            if since is not None and timezone.is_naive(since):
                since = since.replace(tzinfo=timezone.get_current_timezone())
            fits = since is not None and now - LONGEST_DAY <= since <= now
        except (ValueError, OverflowError):
            since, fits = None, False
        if since is None or not fits:
            raise ValidationError({"since": "Expected an ISO time within the last 48 hours."})
        return since
