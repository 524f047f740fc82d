"""What supervisors do with many corrections at once: each through its service, each refusal told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from annotation.admin.paging import counted
from annotation.api.streaming import Streamed, in_turn
from annotation.errors import AnnotationError
from annotation.models import Correction, User
from annotation.permissions import supervising
from annotation.services.assignments import assign
from annotation.services.corrections import as_csv, newest_of_each
from annotation.services.reviews import judge
from annotation.services.samples import draw
from annotation.services.segments import MAX_REASON, lock, unlock
from annotation.states import ReturnReason, Verdict

MOST: Final = 1_000
"""Segments that one press changes; each is a transaction of its own."""
SHOWN: Final = 5

Rows = QuerySet[Correction]
Answer = HttpResponse | None
Action = Callable[[Any, HttpRequest, Rows], Answer]
Told = Callable[[HttpRequest, Rows, dict[str, Any]], Answer]
"""An action that is told what its form asked for."""
Found = tuple[Sequence[Any], bool]
"""What is to be done, and whether there is more of it than is done at once."""


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

    def clean_usernames(self) -> list[str]:
        """Return the names that were written."""
        return [name.strip() for name in self.cleaned_data["usernames"].split(",") if name.strip()]


class Drawing(forms.Form):
    """Ask how near the sample is to come."""

    margin = forms.FloatField(
        label="± per cent", initial=5, min_value=1, max_value=20,
        help_text="Half the width of the 95 % interval of a share, at worst. 5 takes 385 of very many.",
    )  # fmt: skip


def each(
    request: HttpRequest, found: Found, done: str, act: Callable[[Any], object], *, unit: str = "segment"
) -> None:
    """Do one thing to each as a supervisor, and tell how many were done, and why others were not."""
    subjects, more = found
    refused: Counter[str] = Counter()
    with supervising(request.user):
        for subject in subjects:
            try:
                act(subject)
            except AnnotationError as error:
                refused[error.message] += 1
    number = len(subjects) - refused.total()
    if number:
        messages.success(request, f"{number:,} {unit}{'' if number == 1 else 's'} {done}.")
    for words, times in refused.most_common(SHOWN):
        messages.warning(request, f"{times:,} not {done}: {words}")
    if len(refused) > SHOWN:
        rest = refused.total() - sum(times for _, times in refused.most_common(SHOWN))
        messages.warning(request, f"{rest:,} more not {done}, for other reasons.")
    if more:
        messages.warning(
            request, f"These are of the newest {MOST:,} segments of what was chosen; the rest is as it was."
        )


def ask(
    request: HttpRequest, rows: Rows, form: forms.Form, *, action: str, title: str, told: str, verb: str
) -> TemplateResponse:
    """Show a page that asks what an action still needs; it comes back to the same action."""
    examples = list(rows.select_related("segment__recording").order_by("-pk")[:SHOWN])
    number = counted(rows)
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
            "told": told.format(number=f"{number} correction{'' if number == 1 else 's'}"),
            "verb": verb,
            "form": form,
            "hidden": hidden,
            "examples": [f"{one.segment.recording.name} #{one.segment_id}" for one in examples],
            "more": number > len(examples),
            "back": request.get_full_path(),
        },
    )


def _chosen(request: HttpRequest) -> list[str]:
    return [pk for pk in request.POST.getlist(ACTION_CHECKBOX_NAME) if pk.isdecimal()]


def asking(kind: type[forms.Form], *, title: str, verb: str, told: str) -> Callable[[Told], Action]:
    """Make an action that asks first what it needs, and then does it with what was said."""

    def make(do: Told) -> Action:
        @wraps(do)
        def action(admin_: Any, request: HttpRequest, rows: Rows) -> Answer:
            form = kind(request.POST) if "confirmed" in request.POST else kind()
            if form.is_valid():
                return do(request, rows, form.cleaned_data)
            return ask(request, rows, form, action=do.__name__, title=title, told=told, verb=verb)

        return action

    return make


def person(request: HttpRequest) -> User:
    """Return who acts; the admin lets nobody else in."""
    return cast(User, request.user)


@admin.action(description="Accept")
def accept(admin_: Any, request: HttpRequest, rows: Rows) -> None:
    """Accept the texts that are shown; a segment that has another one by now is refused."""
    user = person(request)
    each(
        request,
        newest_of_each(rows, MOST),
        "accepted",
        lambda s: judge(user=user, segment=s.segment, verdict=Verdict.ACCEPT, base_revision=s.revision),
    )


@admin.action(description="Return with a reason")
@asking(
    Returning, title="Return with a reason", verb="Return",
    told="Chosen: {number}. The annotators get the segments again, first of all.",
)  # fmt: skip
def send_back(request: HttpRequest, rows: Rows, values: dict[str, Any]) -> None:
    """Return the texts that are shown to their annotators."""
    user = person(request)
    each(
        request,
        newest_of_each(rows, MOST),
        "returned",
        lambda s: judge(
            user=user, segment=s.segment, verdict=Verdict.RETURN, base_revision=s.revision, **values
        ),
    )


@admin.action(description="Lock")
def finish(admin_: Any, request: HttpRequest, rows: Rows) -> None:
    """Lock the texts that are shown."""
    user = person(request)
    each(
        request,
        newest_of_each(rows, MOST),
        "locked",
        lambda s: lock(user=user, segment=s.segment, base_revision=s.revision),
    )


@admin.action(description="Unlock with a reason")
@asking(
    Unlocking, title="Unlock with a reason", verb="Unlock",
    told="Chosen: {number}. Their segments can be edited again.",
)  # fmt: skip
def reopen(request: HttpRequest, rows: Rows, values: dict[str, Any]) -> None:
    """Unlock the segments."""
    user = person(request)
    each(
        request,
        newest_of_each(rows, MOST),
        "unlocked",
        lambda s: unlock(user=user, segment=s.segment, reason=values["reason"]),
    )


@admin.action(description="Reassign their recordings")
@asking(
    Reassigning, title="Reassign recordings", verb="Reassign",
    told="Chosen: {number}. Their whole recordings go to the members you name.",
)  # fmt: skip
def reassign(request: HttpRequest, rows: Rows, values: dict[str, Any]) -> None:
    """Ask other members to work on the recordings of the segments."""
    user = person(request)
    seen, more = newest_of_each(rows, MOST)
    recordings = {one.segment.recording_id: one.segment.recording for one in seen}
    each(
        request,
        (list(recordings.values()), more),
        "reassigned",
        lambda recording: assign(user=user, recording=recording, usernames=values["usernames"]),
        unit="recording",
    )


@admin.action(description="Draw a random sample")
@asking(
    Drawing, title="Draw a random sample", verb="Draw",
    told="It is drawn from all that the filters leave, whatever is ticked: {number}."
    " It is kept with its seed, to be come back to.",
)  # fmt: skip
def draw_sample(request: HttpRequest, rows: Rows, values: dict[str, Any]) -> HttpResponse | None:
    """Draw a sample of the filtered list and lead to it."""
    try:
        sample = draw(
            user=person(request),
            among=rows,
            margin=values["margin"] / 100,
            filters=request.GET.urlencode(),
        )
    except AnnotationError as error:
        messages.error(request, error.message)
        return None
    messages.success(
        request,
        f"{sample.size:,} of {sample.population:,} corrections were drawn: a share judged on them is"
        f" right to ± {100 * sample.margin:g} % in 95 of 100 samples. What you find is counted on the"
        " sample's page.",
    )
    return HttpResponseRedirect(f"{reverse('admin:annotation_correction_changelist')}?sample={sample.pk}")


@admin.action(description="Export as CSV")
def export_csv(admin_: Any, request: HttpRequest, rows: Rows) -> HttpResponseBase:
    """Download the chosen corrections, each page of them read when the one before was sent."""
    return Streamed(
        in_turn(as_csv(rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="corrections.csv"'},
    )


ACTIONS: Final = (accept, send_back, finish, reopen, reassign, draw_sample, export_csv)
