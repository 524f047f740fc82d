"""Exports as they are shown: what was asked, how far it is, what was written."""

from __future__ import annotations

from django.db.models import QuerySet

from annotation.models import Export
from annotation.permissions import Person, visible


def exports_for(person: Person) -> QuerySet[Export]:
    """Return the exports of a person's projects, each with its job, snapshot and file."""
    found = Export.objects.select_related("project", "job", "created_by", "snapshot", "file")
    return visible(found.defer("file__card", "file__manifest"), person)
