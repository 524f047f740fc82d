"""Hand files in: the page with its drop zone, and the plain form it falls back to."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from annotation.conf import conf
from annotation.errors import AnnotationError
from annotation.models import Project, Recording
from annotation.permissions import get_visible, require, role_in
from annotation.services import multipart
from annotation.states import Segmentation
from annotation.ui.pages import page, person_of, refused
from annotation.ui.projects import rights


@csrf_exempt
def upload(request: HttpRequest, project_id: int) -> HttpResponse:
    """Receive files straight into the uploads folder.

    The CSRF check reads the form, files and all, so where they go must be said before it; and who may
    not upload is turned away before their bytes are written anywhere but the request's own spool.
    """
    if request.method == "POST" and request.user.is_authenticated:
        person = person_of(request)
        try:
            require(person, "upload", get_visible(Project.objects.all(), person, pk=project_id))
        except AnnotationError as error:
            return refused(request, error)
        handler = multipart.ToUploads()
        request.upload_handlers = [handler]
        try:
            return _upload(request, project_id=project_id)
        finally:
            # What was taken in lies under its recording by now; what is left came with a bad token, say.
            handler.drop()
            multipart.discard(handler.received.files)
    return _upload(request, project_id=project_id)


@csrf_protect
@page("GET", "POST")
def _upload(request: HttpRequest, project_id: int) -> HttpResponse:
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "upload", project)
    if request.method == "GET":
        context = {
            "project": project,
            "can": rights(role_in(person, project)),
            "segmentations": Segmentation.choices,
            "chunk_bytes": conf().upload_chunk_bytes,
            "max_bytes": conf().max_upload_bytes,
        }
        return render(request, "ui/upload.html", context)
    segmentation = request.POST.get("segmentation", "")
    handler = request.upload_handlers[0]
    assert isinstance(handler, multipart.ToUploads)  # noqa: S101 - set above
    if segmentation not in ("", *Segmentation.values):
        segmentation = ""
    taken = multipart.take_in(handler.received, user=person, project=project, segmentation=segmentation)
    if not (taken.recordings or taken.duplicates or taken.refused):
        messages.error(request, "No file was chosen.")
        return redirect("upload", project.pk)
    if not (taken.duplicates or taken.refused):
        count = len(taken.recordings)
        messages.success(request, f"{count} recording{'s' if count > 1 else ''} added.")
        return redirect("project", project.pk)
    names = dict(
        Recording.objects.filter(pk__in=[d.recording_id for d in taken.duplicates]).values_list("pk", "name")
    )
    context = {"project": project, "taken": taken, "names": names}
    status = 201 if taken.recordings else 200 if taken.duplicates else taken.refused[0].status
    return render(request, "ui/uploaded.html", context, status=status)
