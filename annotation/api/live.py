"""The snapshot a live page begins with, and falls back to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Max, Q
from django.utils import timezone

from annotation import selectors
from annotation.models import AuditEvent, Job
from annotation.states import LIVE_JOBS

RECENT: Final = timedelta(minutes=10)
MOST: Final = 500


def snapshot_of(project_id: int) -> dict[str, Any]:
    """Return the live and lately ended jobs of a project with their recordings, from PostgreSQL alone.

    `version` is the number of the project's last audited change: when it differs from the one a page
    knows, some segment, recording or setting has changed and the page fetches what it shows.
    """
    jobs = (
        Job.objects.filter(project=project_id)
        .filter(Q(state__in=LIVE_JOBS) | Q(finished_at__gte=timezone.now() - RECENT))
        .select_related("recording")
        .order_by("-id")[:MOST]
    )
    newest = AuditEvent.objects.filter(project_id=project_id).aggregate(last=Max("id"))["last"]
    found = list(jobs)
    recordings = {job.recording.pk: job.recording for job in found if job.recording is not None}
    return {
        "version": str(newest or 0),
        "jobs": [
            {
                "job": str(job.pk),
                "recording": str(job.recording_id) if job.recording_id else None,
                "state": job.state,
                "phase": job.phase,
                "progress": selectors.progress_of(job),
                "processed_items": job.processed_items,
                "failed_items": job.failed_items,
                "total_items": job.total_items,
            }
            for job in found
        ],
        "recordings": [
            {
                "recording": str(recording.pk),
                "state": recording.state,
                "prepared_percent": recording.prepared_percent,
            }
            for recording in recordings.values()
        ],
    }
