"""Find and replace on a page: look at the rows, then change them; take a whole replacement back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from annotation.errors import AnnotationError
from annotation.models import Project, ReplacedRow, Replacement
from annotation.permissions import get_visible, require, role_in
from annotation.services import replacing
from annotation.services.replacing import Example, Preview, Wish
from annotation.states import ReplacedAs
from annotation.ui.pages import page, person_of, whole_number
from annotation.ui.projects import rights
from annotation.ui.words import Change, changes

PAST: Final = 20
ROWS: Final = 100

STANDING: Final = {
    "locked": "locked",
    "leased": "being edited",
    "accepted": "accepted by a reviewer",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of a preview, its words compared."""

    example: Example
    found: list[Change]

    @property
    def standing(self) -> str:
        """Say why it would be left alone."""
        return STANDING.get(self.example.standing, "")


@page("GET", "POST")
def replace(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show what a replacement would do, and do it when asked to."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "replace", project)
    given = request.POST if request.method == "POST" else request.GET
    wish = Wish(
        find=given.get("find", ""),
        put=given.get("put", ""),
        match_case=bool(given.get("match_case")) or "looked" not in given,
        whole_words=bool(given.get("whole_words")),
        query=given.get("query", ""),
    )
    context: dict[str, Any] = {"wish": wish, "looked": request.method == "POST"}
    status = 200
    if request.method == "POST":
        try:
            if given.get("do") == "replace":
                expected = whole_number(given.get("expected"), 0, 0, 2**31 - 1)
                done = replacing.apply(user=person, project=project, wish=wish, expected=expected)
                messages.success(request, _told(done))
                return redirect("project-replace", project.pk)
            context |= _preview(replacing.preview(user=person, project=project, wish=wish))
        except AnnotationError as error:
            context["error"], status = error.message, error.status
    past = Replacement.objects.filter(project=project).select_related("created_by", "undone_by", "job")
    context |= {
        "project": project,
        "can": rights(role_in(person, project)),
        "past": past[:PAST],
    }
    return render(request, "ui/replace.html", context, status=status)


def _preview(seen: Preview) -> dict[str, Any]:
    return {
        "preview": seen,
        "shown": [Shown(example, changes(example.before, example.after)) for example in seen.examples],
        "left": [(STANDING[why], count) for why, count in sorted(seen.skipped.items())],
    }


def _told(done: Replacement) -> str:
    if done.finished_at is None:
        return f"{done.expected:,} rows are being changed in the background."
    rows = "1 row" if done.changed == 1 else f"{done.changed:,} rows"
    return f"{rows} changed" + (f", {done.skipped:,} left as they are." if done.skipped else ".")


@page("POST")
def undo(request: HttpRequest, replacement_id: int) -> HttpResponse:
    """Take a replacement back."""
    person = person_of(request)
    row = get_visible(Replacement.objects.select_related("project"), person, pk=replacement_id)
    try:
        done = replacing.undo(user=person, replacement=row)
    except AnnotationError as error:
        messages.error(request, error.message)
    else:
        if done.undone_at is None:
            messages.success(request, f"{done.changed:,} rows are being taken back in the background.")
        elif done.kept:
            messages.warning(
                request,
                f"{done.put_back:,} rows have their former text. {done.kept:,} were changed, finished or "
                "taken up since and stay as they are; they are listed here.",
            )
            return redirect("replacement", row.pk)
        else:
            messages.success(request, f"{done.put_back:,} rows have their former text again.")
    return redirect("project-replace", row.project_id)


@page("GET")
def rows(request: HttpRequest, replacement_id: int) -> HttpResponse:
    """List what became of each row, those that were left alone first."""
    person = person_of(request)
    row = get_visible(
        Replacement.objects.select_related("project", "created_by", "undone_by"), person, pk=replacement_id
    )
    require(person, "replace", row.project)
    found = ReplacedRow.objects.filter(replacement=row).select_related("segment__recording")
    ordered = sorted(ReplacedAs.values, key=lambda name: name in (ReplacedAs.CHANGED, ReplacedAs.PUT_BACK))
    chosen = request.GET.get("outcome", "")
    counts = {name: found.filter(outcome=name).count() for name in ordered}
    if chosen in counts:
        found = found.filter(outcome=chosen)
    pages = Paginator(found.order_by("segment"), ROWS)
    context = {
        "replacement": row,
        "project": row.project,
        "can": rights(role_in(person, row.project)),
        "outcomes": [(name, ReplacedAs(name).label, count) for name, count in counts.items() if count],
        "chosen": chosen,
        "page": pages.get_page(whole_number(request.GET.get("page"), 1, 1, 1_000_000)),
        "page_query": f"outcome={chosen}&" if chosen in counts else "",
    }
    return render(request, "ui/replaced.html", context)
