"""The page of a project's exports: make a version, watch it being written, take any of them home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header

from annotation.errors import AnnotationError, Conflict, Invalid
from annotation.models import Export, Project, Recording, User
from annotation.permissions import get_visible, require, role_in
from annotation.services import exports
from annotation.services.exports.about import ABOUT, FAMILIES
from annotation.services.exports.choosing import CUT, DEFAULT_SHARES, NORMALISED, PARTS, SPLIT, Choice
from annotation.services.exports.freezing import preview
from annotation.services.exports.listing import exports_for
from annotation.services.exports.naming import file_name
from annotation.states import LIVE_JOBS, RETRIABLE_JOBS, ExportFormat, JobState, SegmentState, Verdict
from annotation.ui.pages import page, person_of, whole_number
from annotation.ui.projects import numbers, rights
from transcription.text.normalize import PROFILES

PAGE_SIZE: Final = 20
MOST_RECORDINGS: Final = 200
"""Recordings that can be ticked on the page; more are named by the address or the API."""

ROWS: Final = {
    "checked": ("Checked by a person", "corrected or accepted"),
    "accepted": ("Accepted by a reviewer", "heard by two people"),
    "all": ("Everything", "machines' texts that nobody has heard as well"),
}
STATES: Final = {
    JobState.PENDING: ("waiting", "Waiting for a worker"),
    JobState.RUNNING: ("working", "Writing"),
    JobState.COMPLETED: ("done", "Ready"),
    JobState.FAILED: ("failed", "Failed"),
    JobState.CANCELLED: ("cancelled", "Cancelled"),
}


@dataclass(frozen=True, slots=True)
class Version:
    """One export as the list shows it."""

    export: Export
    may_stop: bool

    @property
    def ready(self) -> bool:
        """Tell whether it can be downloaded."""
        return hasattr(self.export, "file")

    @property
    def live(self) -> bool:
        """Tell whether a worker has it, or will."""
        return self.export.job.state in LIVE_JOBS and not self.ready

    @property
    def retriable(self) -> bool:
        """Tell whether it can be asked to run again."""
        return self.export.job.state in RETRIABLE_JOBS and not self.ready

    @property
    def mark(self) -> tuple[str, str]:
        """Return the class and the words of its state."""
        if self.ready:
            return STATES[JobState.COMPLETED]
        kind, words = STATES[JobState(self.export.job.state)]
        if self.export.job.state == JobState.RUNNING and self.export.job.phase == "freezing":
            words = "Freezing the rows"
        return kind, words

    @property
    def percent(self) -> int:
        """Return how far it is; 100 only when it is whole."""
        job = self.export.job
        return min(99, 100 * job.processed_items // job.total_items) if job.total_items else 0

    @property
    def about(self) -> str:
        """Say what its format is."""
        return ABOUT[ExportFormat(self.export.format)].replace("`", "")

    @property
    def name(self) -> str:
        """Return the name it is downloaded under."""
        return file_name(self.export)

    @property
    def parts(self) -> list[tuple[str, int, int, int]]:
        """Return each part with its rows, milliseconds and share of the audio, where there are parts."""
        if not self.ready or not self.export.options["split_by"]:
            return []
        counts = self.export.file.manifest["counts"]
        whole = sum(counts["audio_ms_by_split"].values()) or 1
        return [
            (name, counts["by_split"].get(name, 0), length, round(100 * length / whole))
            for name in PARTS
            if self.export.options[name]
            for length in (counts["audio_ms_by_split"].get(name, 0),)
        ]

    @property
    def part_bars(self) -> list[dict[str, Any]]:
        """Return where each part begins in a bar of 100, and how wide it is there."""
        bars, at = [], 0
        for name, _, _, share in self.parts:
            bars.append({"name": name, "x": at, "share": share})
            at += share
        return bars

    @property
    def left_out(self) -> str:
        """Say how many rows stayed out by their state."""
        return left_out_words(self.export.file.manifest["counts"]["left_out"]) if self.ready else ""

    @property
    def chosen(self) -> list[str]:
        """Say in words which rows were asked for, and how."""
        choice, options = self.export.filter, self.export.options
        words = [ROWS[choice["rows"]][0]]
        if choice["states"]:
            words = [", ".join(SegmentState(state).label for state in choice["states"])]
        if choice["verdicts"]:
            words.append("verdict: " + ", ".join(Verdict(v).label.lower() for v in choice["verdicts"]))
        if choice["since"] or choice["until"]:
            words.append(f"written {choice['since'] or '…'} to {choice['until'] or 'that day'}")
        for name in ("annotators", "recordings"):
            if count := len(choice[name]):
                words.append(f"{count} {name[:-1] if count == 1 else name}")
        if options["split_by"]:
            words.append(f"split by {options['split_by']}, seed {options['seed']}")
        if options["normalise"]:
            words.append(f"normalised: {options['normalise']}")
        if options["audio"] == "recordings":
            words.append("with the recordings")
        return words


@page("GET", "POST")
def detail(request: HttpRequest, project_id: int) -> HttpResponse:
    """Show the versions of a project's dataset, and the form for the next one."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "export", project)
    refusal: AnnotationError | None = None
    if request.method == "POST":
        try:
            made = exports.request(user=person, project=project, **_asked(request))
        except (Invalid, Conflict) as error:
            refusal = error
        else:
            messages.success(request, f"Version {made.number} is on its way. You may leave this page.")
            return redirect("project-exports", project.pk)
    given = request.POST if request.method == "POST" else request.GET
    context = {
        **_listed(request, project),
        **_form(given, project),
        "refusal": refusal,
        "next_number": (Export.objects.filter(project=project).aggregate(n=Max("number"))["n"] or 0) + 1,
    }
    return render(request, "ui/exports.html", context, status=422 if refusal else 200)


@page("GET")
def rows(request: HttpRequest, project_id: int) -> HttpResponse:
    """Give the list anew, for a page that is open."""
    person = person_of(request)
    project = get_visible(Project.objects.all(), person, pk=project_id)
    require(person, "export", project)
    return render(request, "ui/parts/export_versions.html", _listed(request, project))


@page("GET")
def manifest(request: HttpRequest, export_id: int) -> HttpResponse:
    """Download the manifest of a version."""
    export = _written(request, export_id)
    response = JsonResponse(export.file.manifest, json_dumps_params={"indent": 2, "ensure_ascii": False})
    return _attached(response, f"{file_name(export)}.manifest.json")


@page("GET")
def card(request: HttpRequest, export_id: int) -> HttpResponse:
    """Download the dataset card of a version."""
    export = _written(request, export_id)
    response = HttpResponse(export.file.card, content_type="text/markdown; charset=utf-8")
    return _attached(response, f"{file_name(export)}.README.md")


def _written(request: HttpRequest, export_id: int) -> Export:
    person = person_of(request)
    export = get_visible(exports_for(person), person, pk=export_id)
    require(person, "export", export.project)
    if not hasattr(export, "file"):
        raise Conflict("This export is not written yet. Wait until it is ready.")
    return export


def _attached(response: HttpResponse, name: str) -> HttpResponse:
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _listed(request: HttpRequest, project: Project) -> dict[str, Any]:
    person = person_of(request)
    role = role_in(person, project)
    can = rights(role)
    # The manifest has the figures of the parts; the card is not shown in the list.
    found = exports_for(person).filter(project=project).defer(None).defer("file__card")
    pages = Paginator(found, PAGE_SIZE)
    shown = pages.get_page(whole_number(request.GET.get("page"), 1, 1, 1_000_000))
    return {
        "project": project,
        "can": can,
        "page": shown,
        "page_query": "",
        "versions": [Version(one, can["jobs"] or one.created_by_id == person.pk) for one in shown],
    }


def _asked(request: HttpRequest) -> dict[str, Any]:
    """Read the form; options that the chosen format doesn't have are left out of it."""
    sent = request.POST
    form = sent.get("format", "")
    choice = {
        "rows": sent.get("rows", "checked"),
        "states": sent.getlist("states"),
        "since": sent.get("since", ""),
        "until": sent.get("until", ""),
        "annotators": sent.getlist("annotators"),
        "recordings": sent.getlist("recordings"),
        "verdicts": sent.getlist("verdicts"),
    }
    options: dict[str, Any] = {}
    if form in ExportFormat.values and ExportFormat(form) not in CUT:
        options["audio"] = "recordings" if sent.get("with_audio") else "none"
    if form in SPLIT and sent.get("split_by"):
        options["split_by"] = sent["split_by"]
        options |= {name: whole_number(sent.get(name), -1, -1, 1000) for name in PARTS}
        options["seed"] = sent.get("seed", "")
    if form in NORMALISED and sent.get("normalise"):
        options["normalise"] = sent["normalise"]
    return {"form": form, "choice": choice, "options": options}


def _form(given: QueryDict, project: Project) -> dict[str, Any]:
    chosen = given.get("format", "")
    chosen = chosen if chosen in ExportFormat.values else ExportFormat.XLSX.value
    named = [*given.getlist("recordings"), *map(str, numbers(given.get("recording"), MOST_RECORDINGS))]
    choice = {
        "rows": given.get("rows", "checked") if given.get("rows") in ROWS else "checked",
        "states": given.getlist("states"),
        "since": given.get("since", ""),
        "until": given.get("until", ""),
        "annotators": given.getlist("annotators"),
        "recordings": named,
        "verdicts": given.getlist("verdicts"),
    }
    try:
        counted = preview(project, Choice.read(choice))
    except Invalid:
        counted = preview(project, Choice())
    recordings = Recording.objects.filter(project=project, trashed_at=None).order_by("-pk")
    return {
        "families": [(name, [_format(form, chosen) for form in forms]) for name, forms in FAMILIES.items()],
        "choice": choice,
        "rows": [(value, *words) for value, words in ROWS.items()],
        "states": SegmentState.choices,
        "verdicts": Verdict.choices,
        "people": User.objects.filter(memberships__project=project).order_by("username"),
        "recordings": recordings.only("pk", "name")[:MOST_RECORDINGS],
        "more_recordings": max(0, recordings.count() - MOST_RECORDINGS),
        "narrowed": any(choice[name] for name in choice if name != "rows"),
        "profiles": PROFILES.values(),
        "split_by": given.get("split_by", ""),
        "shares": [(name, given.get(name, share)) for name, share in DEFAULT_SHARES.items()],
        "seed": given.get("seed", ""),
        "normalise": given.get("normalise", ""),
        "with_audio": bool(given.get("with_audio")),
        "preview": counted,
        "preview_left_out": left_out_words(counted.left_out),
    }


def _format(form: ExportFormat, chosen: str) -> dict[str, Any]:
    has = [
        name for name, those in (("split", SPLIT), ("normalise", NORMALISED), ("cut", CUT)) if form in those
    ]
    return {
        "value": form.value,
        "label": form.label,
        "about": ABOUT[form].replace("`", ""),
        "has": " ".join(has),
        "checked": form.value == chosen,
    }


def left_out_words(left_out: Mapping[str, int]) -> str:
    """Say how many rows stayed out by their state: `900 draft, 34 returned`."""
    return ", ".join(f"{rows:,} {SegmentState(state).label.lower()}" for state, rows in left_out.items())
