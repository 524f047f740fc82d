"""The history of one segment: every version of its text, and every audited change."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotation.models import Segment
from annotation.permissions import get_visible
from annotation.selectors import audit_of, history_of
from annotation.ui.pages import page, person_of
from annotation.ui.words import changes

MOST: Final = 200
"""Versions and events shown; the API pages through all."""

#: Columns of a segment in words. Text and revision are told by the versions themselves.
FIELDS: Final = {
    "state": "state",
    "locked": "locked",
    "unlock_reason": "reason",
    "speaker": "speaker",
    "language": "language",
    "start_ms": "start",
    "end_ms": "end",
    "risk": "risk",
}


@page("GET")
def history(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Show who changed what, when and from where."""
    person = person_of(request)
    segment = get_visible(
        Segment.objects.select_related("project", "recording", "locked_by"), person, pk=segment_id
    )
    versions = list(history_of(segment)[: MOST + 1])
    told = [
        {"revision": new, "changes": changes(old.text if old else "", new.text), "first": old is None}
        for new, old in pairwise([*versions, None])
        if new is not None
    ]
    events = [said for said in map(_said, audit_of(segment)[:MOST]) if said["changed"]]
    before = Segment.objects.filter(recording=segment.recording_id, start_ms__lte=segment.start_ms).count()
    context = {
        "segment": segment,
        "recording": segment.recording,
        "project": segment.project,
        "versions": told[:MOST],
        "more": len(versions) > MOST,
        "events": events,
        "page_number": max(1, -(-before // 100)),
    }
    return render(request, "ui/history.html", context)


def _said(event: Any) -> dict[str, Any]:
    before, after = event.before or {}, event.after or {}
    changed: list[dict[str, Any]] = []
    if event.table_name == "annotation_segment" and event.action == "update":
        changed = [
            {"name": FIELDS[key], "old": _plain(before.get(key)), "new": _plain(after.get(key)) or "\u2013"}
            for key in FIELDS
            if key in after or key in before
        ]
    elif event.table_name == "annotation_segment":
        changed = [{"name": "segment", "old": "", "new": "cut" if event.action == "insert" else "removed"}]
    return {"event": event, "changed": changed}


def _plain(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
