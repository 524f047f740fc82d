"""Ask for an export: write down what is wanted, and leave the work to a worker."""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction
from django.db.models import Max

from annotation.errors import Conflict, Invalid
from annotation.models import Export, Job, Project, User
from annotation.permissions import require
from annotation.services import filejobs
from annotation.services.exports.choosing import Choice, Options
from annotation.states import LIVE_JOBS, ExportFormat, JobKind

MOST_WAITING: Final = 10
"""Exports of one project that wait or run at once."""


def request(
    *, user: User, project: Project, form: object, choice: object = None, options: object = None
) -> Export:
    """Write down an export and ring for a worker. Raises Denied, Invalid, or Conflict where many wait.

    `choice` and `options` are what was sent (`choosing.Choice.read`, `choosing.Options.read`).
    """
    require(user, "export", project)
    if not isinstance(form, str) or form not in ExportFormat.values:
        raise Invalid(
            f"There is no such format; there are {', '.join(ExportFormat.values)}.",
            format=f"one of: {', '.join(ExportFormat.values)}",
        )
    wanted, how = Choice.read(choice), Options.read(options, ExportFormat(form))
    with transaction.atomic():
        # Numbers of versions have no gaps: those who ask at once for the same project wait for each other.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('export', %s))", [project.pk])
        waiting = Job.objects.filter(project=project, kind=JobKind.EXPORT, state__in=LIVE_JOBS).count()
        if waiting >= MOST_WAITING:
            raise Conflict(
                f"{waiting} exports of this project are waiting or being written. Wait for one, or cancel it."
            )
        last = Export.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0
        job = filejobs.create(user=user, project=project, kind=JobKind.EXPORT)
        return Export.objects.create(
            project=project,
            number=last + 1,
            job=job,
            format=form,
            filter=wanted.stored(),
            options=how.stored(),
            created_by=user,
        )
