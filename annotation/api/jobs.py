"""Jobs: what was asked for and how far it is."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from annotation import estimates
from annotation.api.base import ApiView
from annotation.api.docs import PAGING, operation, page_of, text
from annotation.api.pagination import NEWEST, paginated
from annotation.api.serializers import JobOut
from annotation.models import Job
from annotation.permissions import get_visible
from annotation.selectors import jobs_for
from annotation.services import jobs
from annotation.states import JobState


class JobList(ApiView):
    """All jobs of a person's projects."""

    @operation(
        "list_jobs",
        gives=page_of(JobOut),
        query=(text("project"), text("state", enum=JobState.values), *PAGING),
    )
    def get(self, request: Request) -> Response:
        """List jobs, newest first."""
        self.only_query("project", "state", "cursor", "page_size")
        rows = jobs_for(self.person, project=self.number("project"), state=self.word("state"))
        return paginated(request, rows, NEWEST, shown)


def shown(found: list[Any]) -> list[Any]:
    """Show jobs, estimated together."""
    estimates.remember(found)
    return list(JobOut(found, many=True).data)


class JobDetail(ApiView):
    """One job."""

    @operation("get_job", gives=JobOut)
    def get(self, request: Request, job_id: int) -> Response:
        """Show a job: its state, progress, error and the time left."""
        return Response(JobOut(get_visible(jobs_for(self.person), self.person, pk=job_id)).data)


class JobCancel(ApiView):
    """Stopping a job."""

    @operation("cancel_job", gives=JobOut, refuses=(409,))
    def post(self, request: Request, job_id: int) -> Response:
        """Stop a pending or running job; what was heard so far stays."""
        job = get_visible(Job.objects.select_related("project"), self.person, pk=job_id)
        return Response(JobOut(jobs.cancel(user=self.person, job=job)).data)


class JobRetry(ApiView):
    """Running a job again."""

    @operation("retry_job", gives=JobOut, refuses=(409,))
    def post(self, request: Request, job_id: int) -> Response:
        """Run what failed or was cancelled again."""
        job = get_visible(Job.objects.select_related("project", "recording"), self.person, pk=job_id)
        return Response(JobOut(jobs.retry(user=self.person, job=job)).data)
