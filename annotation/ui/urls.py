"""Addresses of the pages. Whatever changes something is POST only."""

from __future__ import annotations

from django.urls import path

from annotation.ui import (
    history,
    jobs,
    people,
    projects,
    quality,
    recordings,
    refine,
    segments,
    settings,
    uploads,
    workbench,
)

urlpatterns = [
    path("login/", people.sign_in, name="login"),
    path("logout/", people.sign_out, name="logout"),
    path("", projects.index, name="projects"),
    path("projects/new/", settings.new, name="project-new"),
    path("projects/<int:project_id>/", projects.detail, name="project"),
    path("projects/<int:project_id>/rows/", projects.rows, name="project-rows"),
    path("projects/<int:project_id>/upload/", uploads.upload, name="upload"),
    path("projects/<int:project_id>/work/", workbench.queue, name="queue"),
    path("projects/<int:project_id>/settings/", settings.edit, name="project-settings"),
    path("projects/<int:project_id>/members/", settings.members, name="project-members"),
    path("projects/<int:project_id>/refine/", refine.rule, name="project-refine"),
    path("projects/<int:project_id>/quality/", quality.detail, name="project-quality"),
    path("projects/<int:project_id>/quality/glossary/", quality.add_term, name="project-quality-term"),
    path("projects/<int:project_id>/quality/<slug:part>/", quality.detail, name="project-quality-part"),
    path("recordings/<int:recording_id>/", recordings.detail, name="recording"),
    path("recordings/<int:recording_id>/work/", workbench.recording, name="work"),
    path("recordings/<int:recording_id>/rows/", recordings.rows, name="recording-rows"),
    path("recordings/<int:recording_id>/stamps/", recordings.stamps, name="recording-stamps"),
    path("recordings/<int:recording_id>/head/", recordings.head, name="recording-head"),
    path("segments/<int:segment_id>/save/", segments.save, name="segment-save"),
    path("segments/<int:segment_id>/lock/", segments.lock, name="segment-lock"),
    path("segments/<int:segment_id>/unlock/", segments.unlock, name="segment-unlock"),
    path("segments/<int:segment_id>/history/", history.history, name="segment-history"),
    path("jobs/<int:job_id>/cancel/", jobs.cancel, name="job-cancel"),
    path("jobs/<int:job_id>/retry/", jobs.retry, name="job-retry"),
]
