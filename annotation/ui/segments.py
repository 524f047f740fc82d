"""Save, lock and unlock a segment by plain forms."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from annotation.errors import AnnotationError, Invalid, Leased, Locked, StaleRevision
from annotation.models import Hypothesis, Segment
from annotation.permissions import get_visible
from annotation.services import leases, segments
from annotation.states import UNTOUCHED_SEGMENTS
from annotation.ui.jobs import back_to
from annotation.ui.pages import page, person_of, refused, whole_number
from annotation.ui.words import changes


@page("POST")
def save(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Write a new revision; a stale save shows both texts, a held row says by whom."""
    segment = _segment(request, segment_id)
    try:
        _save(request, segment)
    except StaleRevision as error:
        return _stale(request, segment, error)
    except (Locked, Leased) as error:
        return _held(request, segment, error)
    return _back(request, segment)


@page("POST")
def lock(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Finish a row. A text that was typed before the button was pressed is saved first, never dropped."""
    segment = _segment(request, segment_id)
    try:
        base = _base_revision(request)
        typed = request.POST.get("text")
        if typed is not None and not segment.locked and segments.clean_text(typed) != segment.text:
            segment = _save(request, segment)
            base = segment.revision
        segments.lock(user=person_of(request), segment=segment, base_revision=base)
    except StaleRevision as error:
        return _stale(request, segment, error)
    except (Locked, Leased) as error:
        return _held(request, segment, error)
    leases.release(user=person_of(request), segment=segment)
    return _back(request, segment)


@page("POST")
def unlock(request: HttpRequest, segment_id: int) -> HttpResponse:
    """Reopen a finished row with a reason."""
    segment = _segment(request, segment_id)
    try:
        segments.unlock(user=person_of(request), segment=segment, reason=request.POST.get("reason", ""))
    except AnnotationError as error:
        if error.status == 404:
            raise
        messages.error(request, error.message)
    return _back(request, segment)


def _segment(request: HttpRequest, segment_id: int) -> Segment:
    rows = Segment.objects.select_related("project", "recording", "locked_by")
    return get_visible(rows, person_of(request), pk=segment_id)


def _base_revision(request: HttpRequest) -> int:
    raw = request.POST.get("base_revision", "")
    number = whole_number(raw, -1, 0, 2**31 - 1)
    if number < 0:
        raise Invalid(
            "The form does not say which version you saw; reload the page.", base_revision="a number"
        )
    return number


def _save(request: HttpRequest, segment: Segment) -> Segment:
    person, text, base = person_of(request), request.POST.get("text", ""), _base_revision(request)
    chosen = request.POST.get("take")
    if chosen:
        # A button beside a machine's text: that text is taken, whatever the box holds.
        heard = Hypothesis.objects.filter(segment=segment, pk=whole_number(chosen, 0, 0, 2**62)).first()
        if heard is None:
            raise Invalid("This suggestion is gone; reload the page.")
        text = heard.text
    cleaned = segments.clean_text(text)
    if base == segment.revision and cleaned == segment.text and segment.state not in UNTOUCHED_SEGMENTS:
        # Saving a machine's text as it is accepts it; saving a person's again would be an empty revision.
        messages.info(request, "Nothing was changed.")
        return segment
    try:
        return segments.save_text(user=person, segment=segment, text=text, base_revision=base)
    except StaleRevision as error:
        if error.detail["theirs"] == cleaned:
            # Somebody saved just this, most likely the same person by pressing the button twice.
            segment.refresh_from_db()
            return segment
        raise


def _stale(request: HttpRequest, segment: Segment, error: StaleRevision) -> HttpResponse:
    mine = str(error.detail.get("mine", request.POST.get("text", "")))
    theirs = str(error.detail["theirs"])
    newest = segment.revisions.select_related("author").order_by("-number").first()
    context = {
        "segment": segment,
        "mine": mine,
        "theirs": theirs,
        "mine_changes": changes(theirs, mine),
        "newest": newest,
        "revision": error.detail["revision"],
        "error": error,
        "back": back_to(request, f"/recordings/{segment.recording_id}/"),
    }
    return render(request, "ui/conflict.html", context, status=409)


def _held(request: HttpRequest, segment: Segment, error: AnnotationError) -> HttpResponse:
    text = request.POST.get("text", "")
    kept = text if text.strip() != segment.text else ""
    back = back_to(request, f"/recordings/{segment.recording_id}/")
    return refused(request, error, kept=kept, back=f"{back}#s{segment.pk}")


def _back(request: HttpRequest, segment: Segment) -> HttpResponse:
    return redirect(f"{back_to(request, f'/recordings/{segment.recording_id}/')}#s{segment.pk}")
