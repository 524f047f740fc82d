"""Cancel a job, or run it again, from a page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from annotation.errors import Conflict
from annotation.models import Job
from annotation.permissions import get_visible
from annotation.services import jobs
from annotation.ui.pages import page, person_of


@page("POST")
def cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    """Stop a job that is pending or running; what was heard so far stays."""
    return _do(request, job_id, "cancel")


@page("POST")
def retry(request: HttpRequest, job_id: int) -> HttpResponse:
    """Run what failed or was cancelled again."""
    return _do(request, job_id, "retry")


def _do(request: HttpRequest, job_id: int, what: str) -> HttpResponse:
    person = person_of(request)
    job = get_visible(Job.objects.select_related("project", "recording"), person, pk=job_id)
    try:
        if what == "cancel":
            jobs.cancel(user=person, job=job)
            messages.success(request, "Cancelled. What was transcribed so far is kept.")
        else:
            jobs.retry(user=person, job=job)
            messages.success(request, "Queued again.")
    except Conflict as error:
        messages.error(request, error.message)
    return redirect(back_to(request, f"/projects/{job.project_id}/"))


def back_to(request: HttpRequest, otherwise: str) -> str:
    """Return where a form asks to go back to, when that is a page of ours."""
    target = request.POST.get("back", "")
    safe = target.startswith("/") and url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else otherwise
