"""One recording: listen, read, correct. And the pieces of it that an open page asks for again."""

from __future__ import annotations

from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render

from annotation.models import Recording, Segment
from annotation.permissions import get_visible, role_in
from annotation.selectors import eta_s, recordings_for, segments_for, with_details
from annotation.services import pairs
from annotation.states import LIVE_JOBS, SegmentState
from annotation.ui import lines, waveform
from annotation.ui import rows as segment_rows
from annotation.ui.pages import page, person_of, plain_text, whole_number
from annotation.ui.projects import numbers, rights

PAGE_SIZE: Final = 100
ORDERS: Final = {"time": "In order of time", "risk": "Worst first"}

FINISHED: Final = (SegmentState.CORRECTED, SegmentState.ACCEPTED, SegmentState.SKIPPED)

#: What can be picked out of a recording: its label, and the condition.
SHOWS: Final[dict[str, tuple[str, Q]]] = {
    "": ("All", Q()),
    "open": ("To do", Q(locked=False) & ~Q(state__in=FINISHED)),
    "corrected": ("Corrected", Q(state__in=(SegmentState.CORRECTED, SegmentState.ACCEPTED))),
    "locked": ("Locked", Q(locked=True)),
    "risky": ("Risky", Q(risk__gte=0.5, locked=False) & Q(state__in=("draft", "refined"))),
}  # fmt: skip


@page("GET")
def detail(request: HttpRequest, recording_id: int) -> HttpResponse:
    """Show a recording with one page of its segments."""
    person = person_of(request)
    recording = get_visible(recordings_for(person), person, pk=recording_id)
    asked = Asked.of(request)
    found = asked.narrowed(
        segments_for(person, recording=recording.pk, order=asked.order, search=asked.search, words=False)
    )
    pages = Paginator(found, PAGE_SIZE)
    number = whole_number(request.GET.get("page"), 1, 1, 1_000_000)
    at = request.GET.get("at")
    if at is not None and asked.plain:
        before = Segment.objects.filter(
            recording=recording, start_ms__lte=whole_number(at, 0, 0, 10**12)
        ).count()
        number = max(1, -(-before // PAGE_SIZE))
    shown = pages.get_page(number)
    shown.object_list = list(shown.object_list)
    pairs.overlay(person, shown.object_list)
    drawing = waveform.of(recording)
    if drawing is not None and asked.plain and pages.num_pages > 1:
        spans = waveform.page_spans(
            list(
                Segment.objects.filter(recording=recording)
                .order_by("start_ms", "id")
                .values_list("start_ms", "end_ms")
            ),
            PAGE_SIZE,
        )
        drawing.stretches.extend(waveform.stretches(spans, drawing.duration_ms, shown.number))
    context = {
        **_head(request, recording),
        "waveform": drawing,
        "facts": waveform.facts(recording),
        "rows": segment_rows.of(list(shown), person=person, role=role_in(person, recording.project)),
        "page": shown,
        "page_range": pages.get_elided_page_range(shown.number, on_each_side=2, on_ends=1),
        "page_query": asked.query,
        "asked": asked,
        "shows": {name: label for name, (label, _) in SHOWS.items()},
        "orders": ORDERS,
        "back": request.get_full_path(),
    }
    return render(request, "ui/recording.html", context)


@page("GET")
def rows(request: HttpRequest, recording_id: int) -> HttpResponse:
    """Give some rows anew, for a page that is open: `?ids=1,2`."""
    person = person_of(request)
    recording = get_visible(Recording.objects.select_related("project"), person, pk=recording_id)
    found = list(_asked_for(request, recording))
    context = {
        "rows": segment_rows.of(found, person=person, role=role_in(person, recording.project)),
        "back": _page_of_ours(request.GET.get("back", ""), recording.pk),
    }
    return render(request, "ui/parts/segment_rows.html", context)


@page("GET")
def stamps(request: HttpRequest, recording_id: int) -> HttpResponse:
    """Give the stamp of each asked row, so that an open page knows which to fetch again: `?ids=1,2`."""
    recording = get_visible(Recording.objects.all(), person_of(request), pk=recording_id)
    found = _asked_for(request, recording)
    return JsonResponse({str(segment.pk): segment_rows.stamp(segment) for segment in found})


def _asked_for(request: HttpRequest, recording: Recording) -> QuerySet[Segment]:
    """Return the rows of `?ids=1,2` that are the recording's, with their details."""
    wanted = numbers(request.GET.get("ids"), PAGE_SIZE)
    rows = Segment.objects.filter(recording=recording, pk__in=wanted)
    return with_details(rows.select_related("recording", "locked_by"), words=False)


@page("GET")
def head(request: HttpRequest, recording_id: int) -> HttpResponse:
    """Give the head of the page anew: state, progress, trouble, and the strip of states."""
    person = person_of(request)
    recording = get_visible(recordings_for(person), person, pk=recording_id)
    context = {**_head(request, recording), "waveform": waveform.of(recording), "fragment_states": True}
    return render(request, "ui/parts/recording_head.html", context)


def _head(request: HttpRequest, recording: Any) -> dict[str, Any]:
    person = person_of(request)
    line = lines.of([recording])[0]
    live = line.job is not None and line.job.state in LIVE_JOBS
    return {
        "recording": recording,
        "project": recording.project,
        "line": line,
        "eta": eta_s(line.job) if live and line.job is not None else None,
        "can": rights(role_in(person, recording.project)),
        "may_manage_job": line.job is not None
        and (line.job.created_by_id == person.pk or rights(role_in(person, recording.project))["jobs"]),
    }


def _page_of_ours(raw: str, recording_id: int) -> str:
    own = f"/recordings/{recording_id}/"
    return raw if raw.startswith(own) and raw.isprintable() else own


class Asked:
    """Hold what a person picked out of a recording, cleaned."""

    def __init__(self, show: str, order: str, search: str) -> None:
        self.show = show if show in SHOWS else ""
        self.order = order if order in ORDERS else "time"
        self.search = search

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        """Read it from the address."""
        return cls(
            request.GET.get("show", ""), request.GET.get("order", ""), plain_text(request.GET.get("q"))
        )

    @property
    def plain(self) -> bool:
        """Tell whether it is everything in order of time."""
        return not self.show and self.order == "time" and not self.search

    @property
    def query(self) -> str:
        """Return it as the beginning of a query, to put `page=` behind."""
        query = QueryDict(mutable=True)
        for name, value, default in (
            ("show", self.show, ""),
            ("order", self.order, "time"),
            ("q", self.search, ""),
        ):
            if value != default:
                query[name] = value
        return f"{query.urlencode()}&" if query else ""

    def narrowed(self, found: QuerySet[Segment]) -> QuerySet[Segment]:
        """Keep only the segments that were asked for."""
        return found.filter(SHOWS[self.show][1])
