"""What supervisors do with many corrections at once: each through its service, each refusal told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from annotation.errors import AnnotationError
from annotation.models import Correction, Segment, User
from annotation.permissions import supervising
from annotation.services import corrections
from annotation.services.assignments import assign
from annotation.services.reviews import judge
from annotation.services.segments import MAX_REASON, lock, unlock
from annotation.states import ReturnReason, Verdict

MOST: Final = 1_000
"""Segments that one press changes; each is a transaction of its own."""
SHOWN: Final = 5

Rows = QuerySet[Correction]


class Returning(forms.Form):
    """Ask why work is returned."""

    reason = forms.ChoiceField(choices=ReturnReason.choices)
    comment = forms.CharField(
        max_length=MAX_REASON, required=False, help_text="Needed where the reason is another one."
    )


class Unlocking(forms.Form):
    """Ask why rows are reopened."""

    reason = forms.CharField(max_length=MAX_REASON, help_text="It is kept in the audit.")


class Reassigning(forms.Form):
    """Ask who is to work on the recordings."""

    usernames = forms.CharField(
        label="Members",
        help_text="User names, separated by commas. They take the place of whoever was asked.",
    )

    def names(self) -> list[str]:
        """Return the names that were written."""
        return [name.strip() for name in self.cleaned_data["usernames"].split(",") if name.strip()]


class Drawing(forms.Form):
    """Ask how near the sample is to come."""

    margin = forms.FloatField(
        label="± per cent", initial=5, min_value=1, max_value=20,
        help_text="Half the width of the 95 % interval of a share, at worst. 5 takes 384 of very many.",
    )  # fmt: skip


def segments_of(rows: Rows) -> list[Segment]:
    """Return the segments of the chosen corrections as they are now, each once, in the order of the list."""
    ids = list(dict.fromkeys(rows.order_by("-pk").values_list("segment_id", flat=True)[: 2 * MOST]))[:MOST]
    found = Segment.everything.select_related("project", "recording", "locked_by").in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


def each(
    request: HttpRequest, segments: Sequence[Segment], done: str, act: Callable[[Segment], object]
) -> None:
    """Do one thing to each segment as a supervisor, and tell how many were done and why others were not."""
    refused: Counter[str] = Counter()
    with supervising(request.user):
        for segment in segments:
            try:
                act(segment)
            except AnnotationError as error:
                refused[error.message] += 1
    number = len(segments) - refused.total()
    if number:
        messages.success(request, f"{number} {'segment' if number == 1 else 'segments'} {done}.")
    for words, times in refused.most_common(SHOWN):
        messages.warning(request, f"{times} not {done}: {words}")
    if len(segments) == MOST:
        messages.info(request, f"At most {MOST:,} are done at once; repeat it for the rest.")


def ask(
    request: HttpRequest, rows: Rows, form: forms.Form, *, action: str, title: str, told: str, verb: str
) -> TemplateResponse:
    """Show a page that asks what an action still needs; it comes back to the same action."""
    examples = list(rows.select_related("segment__recording").order_by("-pk")[:SHOWN])
    number = rows.count() if request.POST.get("select_across") == "1" else len(_chosen(request))
    hidden = [
        ("action", action),
        ("select_across", request.POST.get("select_across", "0")),
        *((ACTION_CHECKBOX_NAME, pk) for pk in _chosen(request)),
    ]
    return TemplateResponse(
        request,
        "annotation/admin/ask.html",
        {
            **admin.site.each_context(request),
            "title": title,
            "told": told.format(number=f"{number:,} correction{'' if number == 1 else 's'}"),
            "verb": verb,
            "form": form,
            "hidden": hidden,
            "examples": [f"{one.segment.recording.name} #{one.segment_id}" for one in examples],
            "more": max(0, number - len(examples)),
            "back": request.get_full_path(),
        },
    )


def _chosen(request: HttpRequest) -> list[str]:
    return [pk for pk in request.POST.getlist(ACTION_CHECKBOX_NAME) if pk.isdecimal()]


def _form(request: HttpRequest, kind: type[forms.Form]) -> tuple[forms.Form, bool]:
    """Return the form, and whether it was filled in as it should be."""
    confirmed = "confirmed" in request.POST
    form = kind(request.POST) if confirmed else kind()
    return form, confirmed and form.is_valid()


def person(request: HttpRequest) -> User:
    """Return who acts; the admin lets nobody else in."""
    return cast(User, request.user)


@admin.action(description="Accept")
def accept(admin_: Any, request: HttpRequest, rows: Rows) -> None:
    """Accept the segments as they are now."""
    user = person(request)
    each(
        request,
        segments_of(rows),
        "accepted",
        lambda s: judge(user=user, segment=s, verdict=Verdict.ACCEPT, base_revision=s.revision),
    )


@admin.action(description="Return with a reason")
def send_back(admin_: Any, request: HttpRequest, rows: Rows) -> HttpResponse | None:
    """Return the segments to their annotators."""
    form, ready = _form(request, Returning)
    if not ready:
        return ask(
            request, rows, form, action="send_back", title="Return with a reason", verb="Return",
            told="Chosen: {number}. The annotators get the segments again, first of all.",
        )  # fmt: skip
    user, values = person(request), form.cleaned_data
    each(
        request,
        segments_of(rows),
        "returned",
        lambda s: judge(
            user=user,
            segment=s,
            verdict=Verdict.RETURN,
            base_revision=s.revision,
            reason=values["reason"],
            comment=values["comment"],
        ),
    )
    return None


@admin.action(description="Lock")
def finish(admin_: Any, request: HttpRequest, rows: Rows) -> None:
    """Lock the segments as they are now."""
    user = person(request)
    each(
        request,
        segments_of(rows),
        "locked",
        lambda s: lock(user=user, segment=s, base_revision=s.revision),
    )


@admin.action(description="Unlock with a reason")
def reopen(admin_: Any, request: HttpRequest, rows: Rows) -> HttpResponse | None:
    """Unlock the segments."""
    form, ready = _form(request, Unlocking)
    if not ready:
        return ask(
            request, rows, form, action="reopen", title="Unlock with a reason", verb="Unlock",
            told="Chosen: {number}. Their segments can be edited again.",
        )  # fmt: skip
    user, reason = person(request), form.cleaned_data["reason"]
    each(request, segments_of(rows), "unlocked", lambda s: unlock(user=user, segment=s, reason=reason))
    return None


@admin.action(description="Reassign their recordings")
def reassign(admin_: Any, request: HttpRequest, rows: Rows) -> HttpResponse | None:
    """Ask other members to work on the recordings of the segments."""
    form, ready = _form(request, Reassigning)
    if not ready:
        return ask(
            request, rows, form, action="reassign", title="Reassign recordings", verb="Reassign",
            told="Chosen: {number}. Their whole recordings go to the members you name.",
        )  # fmt: skip
    user, names = person(request), cast(Reassigning, form).names()
    found = {segment.recording_id: segment for segment in segments_of(rows)}
    each(
        request,
        list(found.values()),
        "reassigned with its recording",
        lambda s: assign(user=user, recording=s.recording, usernames=names),
    )
    return None


@admin.action(description="Draw a random sample")
def draw_sample(admin_: Any, request: HttpRequest, rows: Rows) -> HttpResponse | None:
    """Draw a sample of what was chosen and lead to it."""
    form, ready = _form(request, Drawing)
    if not ready:
        return ask(
            request, rows, form, action="draw_sample", title="Draw a random sample", verb="Draw",
            told="It is drawn from {number} and kept with its seed, to be come back to.",
        )  # fmt: skip
    try:
        sample = corrections.draw(
            user=person(request),
            among=rows,
            margin=form.cleaned_data["margin"] / 100,
            filters=request.GET.urlencode(),
        )
    except AnnotationError as error:
        messages.error(request, error.message)
        return None
    messages.success(
        request,
        f"{sample.size:,} of {sample.population:,} corrections were drawn: a share judged on them is"
        f" right to ± {100 * sample.margin:g} % in 95 of 100 samples.",
    )
    return HttpResponseRedirect(f"{reverse('admin:annotation_correction_changelist')}?sample={sample.pk}")


@admin.action(description="Export as CSV")
def export_csv(admin_: Any, request: HttpRequest, rows: Rows) -> HttpResponseBase:
    """Download the chosen corrections."""
    return StreamingHttpResponse(
        corrections.as_csv(rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="corrections.csv"'},
    )


ACTIONS: Final = (accept, send_back, finish, reopen, reassign, draw_sample, export_csv)
